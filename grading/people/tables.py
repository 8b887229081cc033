"""The tables of people: accounts, invitations, sessions, tokens, failed sign-ins and the audit log.

Nothing that lets anybody in is stored as it is: of passwords there is an Argon2 hash, of links, sessions and
tokens (all random, 256 bits) the SHA-256. Times are ISO 8601 in UTC with milliseconds, so that they sort as text.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
)

from core import Migration, create_all

METADATA = MetaData()

# `login` is what is typed at the door: a name or an e-mail address, folded. JSON lists: `roles`, `skills`,
# `conflicts`. `source`: who decides on the roles, `here` or `oidc` (the groups of the identity provider).
PEOPLE = Table(
    "people",
    METADATA,
    Column("id", String, primary_key=True),
    Column("login", String, nullable=False, unique=True),
    Column("name", String, nullable=False),
    Column("roles", Text, nullable=False),
    Column("skills", Text, nullable=False),
    Column("conflicts", Text, nullable=False),
    Column("password", String),
    Column("source", String, nullable=False),
    Column("issuer", String),
    Column("subject", String),
    Column("closed", String),
    Column("created", String, nullable=False),
    UniqueConstraint("issuer", "subject"),
    sqlite_with_rowid=False,
)

# With `person`: a link by which somebody who has an account sets a new password.
INVITATIONS = Table(
    "invitations",
    METADATA,
    Column("hash", String, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("login", String),
    Column("roles", Text, nullable=False),
    Column("skills", Text, nullable=False),
    Column("person", ForeignKey("people.id")),
    Column("made_by", String, nullable=False),
    Column("created", String, nullable=False),
    Column("expires", String, nullable=False),
    Column("used", String),
    sqlite_with_rowid=False,
)

# `person` is no foreign key: whoever started the server on this machine has sessions and no account.
SESSIONS = Table(
    "sessions",
    METADATA,
    Column("hash", String, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("person", String, nullable=False),
    Column("local", Boolean, nullable=False),
    Column("browser", String, nullable=False),
    Column("begun", String, nullable=False),
    Column("seen", String, nullable=False),
    Column("expires", String, nullable=False),
    Column("ended", String),
    Column("why", String),
    Index("sessions_of_person", "person"),
    sqlite_with_rowid=False,
)

TOKENS = Table(
    "tokens",
    METADATA,
    Column("hash", String, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("person", ForeignKey("people.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created", String, nullable=False),
    Column("expires", String, nullable=False),
    Column("used", String),
    Column("revoked", String),
    Index("tokens_of_person", "person"),
    sqlite_with_rowid=False,
)

# `key` is the SHA-256 of a name, an address or a known browser: names that were mistyped are passwords sometimes.
FAILURES = Table(
    "sign_in_failures",
    METADATA,
    Column("key", String, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last", String, nullable=False),
    Column("until", String, nullable=False),
    sqlite_with_rowid=False,
)

# What may be shown once: states of sign-ins at the identity provider that have come back.
SPENT = Table(
    "spent_states",
    METADATA,
    Column("hash", String, primary_key=True),
    Column("expires", String, nullable=False),
    sqlite_with_rowid=False,
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("ts", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("detail", Text, nullable=False),
    Column("previous", String, nullable=False),
    Column("digest", String, nullable=False),
)

# One row, which whoever appends holds: so that appends take turns on every database.
AUDIT_HEAD = Table(
    "audit_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    Column("digest", String, nullable=False),
)


def _begin(connection: Connection) -> None:
    create_all(METADATA)(connection)
    connection.execute(insert(AUDIT_HEAD).values(id=1, number=0, digest=""))


PEOPLE_MIGRATIONS = [Migration("people", 1, _begin)]
