"""The tables of adjudication, rubric tickets, voided criteria, gold keys and pay.

They name review items, evaluations and people by their names only: each room makes its own tables.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
    inspect,
    select,
)

from core import Migration, create_all

METADATA = MetaData()
_AT_ONCE = 1000

# `criterion` is '' where the overall judgement is adjudicated.
ADJUDICATIONS = Table(
    "adjudications",
    METADATA,
    Column("alias", String, primary_key=True),
    Column("item", String, nullable=False),
    Column("criterion", String, nullable=False),
    Column("triggers", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("opened", String, nullable=False),
    Column("adjudicator", String),
    Column("reason", String),
    Column("body", Text),
    Column("closed", String),
    UniqueConstraint("item", "criterion"),
    sqlite_with_rowid=False,
)

# Somebody's word that a criterion of a rubric is at fault, and what a lead made of it. `alias` is drawn from what
# was said by whom, so that the same words are one ticket.
TICKETS = Table(
    "tickets",
    METADATA,
    Column("alias", String, primary_key=True),
    Column("item", String, nullable=False),
    Column("grading_digest", String, nullable=False, index=True),
    Column("criterion", String, nullable=False),
    Column("opened_by", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("opened", String, nullable=False),
    Column("state", String, nullable=False),
    Column("decided_by", String),
    Column("answer", Text),
    Column("decided", String),
    sqlite_with_rowid=False,
)

# Append-only: the last row of a criterion says whether it counts, all of them who said so and why. Rows of another
# project lie among one's own once a run is taken in, so they are known by a random `id`.
VOIDS = Table(
    "voids",
    METADATA,
    Column("id", String, primary_key=True),
    Column("grading_digest", String, nullable=False, index=True),
    Column("criterion", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("voided", Boolean, nullable=False),
    Column("decided_by", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("ticket", String),
    Column("ts", String, nullable=False),
    sqlite_with_rowid=False,
)

# What is known to be right of a submission, by which reviewers are measured.
GOLD = Table(
    "gold",
    METADATA,
    Column("item", String, primary_key=True),
    Column("criterion", String, primary_key=True),
    Column("verdict", String, nullable=False),
    Column("absent", Boolean, nullable=False),
    Column("why", Text, nullable=False),
    Column("retired", Boolean, nullable=False),
    Column("decided_by", String, nullable=False),
    Column("ts", String, nullable=False),
    sqlite_with_rowid=False,
)

# Which submissions have keys, and why. `origin`: the item that it was made from; its own alias where it is a
# submission as it was handed in. `exam`: for exams alone, of which people are told. `made`: how it was changed.
GOLD_ITEMS = Table(
    "gold_items",
    METADATA,
    Column("item", String, primary_key=True),
    Column("origin", String, nullable=False, index=True),
    Column("exam", Boolean, nullable=False),
    Column("made", Text),
    Column("reason", Text, nullable=False),
    Column("decided_by", String, nullable=False),
    Column("ts", String, nullable=False),
    sqlite_with_rowid=False,
)

# Who has seen the keys of an item: they are not measured by it.
GOLD_KNOWN = Table(
    "gold_known",
    METADATA,
    Column("item", String, primary_key=True),
    Column("person", String, primary_key=True),
    sqlite_with_rowid=False,
)

# How somebody stands. `before`: how they stood until the day `day` was over (in UTC): who is paused learns of it
# the day after, so that nobody can tell which review did it.
GOLD_STANDINGS = Table(
    "gold_standings",
    METADATA,
    Column("person", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("before", String, nullable=False),
    Column("day", String, nullable=False),
    sqlite_with_rowid=False,
)

# By which rule work is paid from then on; the last one counts. Amounts are whole minor units of the currency.
PAY_RULES = Table(
    "pay_rules",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("body", Text, nullable=False),
    Column("decided_by", String, nullable=False),
    Column("ts", String, nullable=False),
)

# The ledger, append-only but for being paid. `number` 1: a piece of work; more: time on it that was told of later.
# `spans`: the moments that the entry counts, as [begin, end] between `began` and `ended` (ISO 8601 in UTC, to the
# millisecond), which no other entry of the person counts again; null: not known by moments.
PAY = Table(
    "pay",
    METADATA,
    Column("evaluation", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("person", String, nullable=False),
    Column("stage", String, nullable=False),
    Column("criteria", Integer, nullable=False),
    Column("active_seconds", Integer),
    Column("paid_seconds", Integer, nullable=False),
    Column("amount", Integer, nullable=False),
    Column("currency", String, nullable=False),
    Column("rule", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("due", String, nullable=False),
    Column("paid", String),
    Column("paid_by", String),
    Column("spans", Text),
    Column("began", String),
    Column("ended", String),
    Index("pay_person", "person", "ended"),
    Index("pay_due", "due"),
)

# Locked slots of which the ledger may not know all active time.
PAY_LATE = Table(
    "pay_late",
    METADATA,
    Column("slot", String, primary_key=True),
    Column("person", String, primary_key=True),
    Column("noted", String, nullable=False),
    sqlite_with_rowid=False,
)

# What a month that is over brings on top of its pay, also where that is nothing.
PAY_BONUSES = Table(
    "pay_bonuses",
    METADATA,
    Column("person", String, primary_key=True),
    Column("period", String, primary_key=True),
    Column("currency", String, primary_key=True),
    Column("answers", Integer, nullable=False),
    Column("accuracy", Float),
    Column("percent", Integer, nullable=False),
    Column("base", Integer, nullable=False),
    Column("amount", Integer, nullable=False),
    Column("rule", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("due", String, nullable=False),
    Column("paid", String),
    Column("paid_by", String),
    sqlite_with_rowid=False,
)


def _pay_in_parts(connection: Connection) -> None:
    """The ledger had one entry for each piece of work: they are the first of each now."""
    known = {column["name"] for column in inspect(connection).get_columns(PAY.name)}
    if "number" not in known:
        old = Table(PAY.name, MetaData(), autoload_with=connection)
        rows = [dict(row._mapping) | {"number": 1} for row in connection.execute(select(old))]
        old.drop(connection)
        create_all(METADATA)(connection)
        for begin in range(0, len(rows), _AT_ONCE):
            connection.execute(insert(PAY), rows[begin : begin + _AT_ONCE])
    create_all(METADATA)(connection)


ADJUDICATION_MIGRATIONS = [
    Migration("adjudication", 1, create_all(METADATA)),
    Migration("adjudication", 2, create_all(METADATA)),  # gold_items, gold_known, gold_standings
    Migration("adjudication", 3, _pay_in_parts),
]
