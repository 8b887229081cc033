"""Tokens: what programs show instead of a session, each for some scopes and some time."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from core import Database
from grading.people.accounts import account_of, as_list, shown_name
from grading.people.audit import append_audit
from grading.people.keys import Clock, key_hash, moment_of, new_id, new_key, stamp
from grading.people.person import Person
from grading.people.problems import NoSuchPerson, WrongValue
from grading.people.tables import PEOPLE, TOKENS

PREFIX = "upb_"
LONGEST_DAYS = 366
MOST = 50
"""Tokens that a person has at one time."""
_NOTED = timedelta(minutes=5)


class Scope(StrEnum):
    """What a token is good for; never more than its person may do."""

    read = "read"
    review = "review"
    export = "export"
    admin = "admin"


@dataclass(frozen=True)
class Token:
    """A token, without its key."""

    id: str
    person: str
    name: str
    scopes: frozenset[Scope]
    created: str
    expires: str
    used: str | None
    revoked: str | None

    def body(self) -> dict[str, Any]:
        """As JSON."""
        return {**vars(self), "scopes": sorted(self.scopes)}


class Tokens:
    """Makes, finds and revokes tokens."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def make(
        self, person: str, *, by: str, name: str, scopes: Iterable[Scope], days: float = 90
    ) -> tuple[str, Token]:
        """A new token of a person (its id): the key, which is nowhere else, and what is known of it.

        Raises:
            WrongValue: No scope, more than a year, or too many tokens. NoSuchPerson: Nobody open has that id.
        """
        wanted = frozenset(scopes)
        if not wanted:
            raise WrongValue("a token has at least one scope")
        if not 0 < days <= LONGEST_DAYS:
            raise WrongValue(f"a token lives for more than 0 days and at most {LONGEST_DAYS}")
        key, now = new_key(PREFIX), self._clock()
        values = {
            "hash": key_hash(key),
            "id": new_id("t"),
            "person": person,
            "name": shown_name(name),
            "scopes": as_list(wanted),
            "created": stamp(now),
            "expires": stamp(now + timedelta(days=days)),
        }
        with self._database.write() as connection:
            open_one = (PEOPLE.c.id == person, PEOPLE.c.closed.is_(None))
            if connection.execute(select(PEOPLE.c.id).where(*open_one).with_for_update()).scalar() is None:
                raise NoSuchPerson(person)
            good = (TOKENS.c.person == person, TOKENS.c.revoked.is_(None), TOKENS.c.expires > stamp(now))
            if connection.execute(select(func.count()).where(*good)).scalar_one() >= MOST:
                raise WrongValue(f"a person has at most {MOST} tokens; revoke some first")
            connection.execute(insert(TOKENS).values(values))
            told = {"person": person, "scopes": sorted(wanted), "expires": values["expires"]}
            append_audit(
                connection,
                actor=by,
                action="token.make",
                subject=str(values["id"]),
                detail=told,
                clock=self._clock,
            )
        return key, next(token for token in self.list(person) if token.id == values["id"])

    def visit(self, key: str) -> tuple[Person, frozenset[Scope]] | None:
        """Whose token it is, and its scopes; None: it is none, or none any more."""
        now = self._clock()
        query = select(PEOPLE, TOKENS.c.scopes, TOKENS.c.used).join_from(TOKENS, PEOPLE)
        good = (
            TOKENS.c.hash == key_hash(key),
            TOKENS.c.revoked.is_(None),
            TOKENS.c.expires > stamp(now),
            PEOPLE.c.closed.is_(None),
        )
        with self._database.read() as connection:
            row = connection.execute(query.where(*good)).one_or_none()
        if row is None:
            return None
        if row.used is None or now - moment_of(row.used) >= _NOTED:
            with self._database.write() as connection:
                connection.execute(update(TOKENS).where(TOKENS.c.hash == key_hash(key)).values(used=stamp(now)))
        return account_of(row).person, frozenset(Scope(scope) for scope in json.loads(row.scopes))

    def list(self, person: str | None = None) -> list[Token]:
        """Tokens of a person, or of all, oldest first."""
        query = select(TOKENS).order_by(TOKENS.c.created, TOKENS.c.id)
        if person is not None:
            query = query.where(TOKENS.c.person == person)
        with self._database.read() as connection:
            return [_token(row) for row in connection.execute(query)]

    def revoke(self, token: str, *, by: str, person: str | None = None) -> bool:
        """Revoke a token by its id (of a person); whether there was one."""
        with self._database.write() as connection:
            live = [TOKENS.c.id == token, TOKENS.c.revoked.is_(None)]
            if person is not None:
                live.append(TOKENS.c.person == person)
            now = stamp(self._clock())
            if not connection.execute(update(TOKENS).where(*live).values(revoked=now)).rowcount:
                return False
            append_audit(connection, actor=by, action="token.revoke", subject=token, clock=self._clock)
        return True

    def revoke_all(self, connection: Connection, person: str) -> None:
        """All of a person, in the caller's transaction; nothing is written to the audit log."""
        live = (TOKENS.c.person == person, TOKENS.c.revoked.is_(None))
        connection.execute(update(TOKENS).where(*live).values(revoked=stamp(self._clock())))


def _token(row: Row[Any]) -> Token:
    scopes = frozenset(Scope(scope) for scope in json.loads(row.scopes))
    return Token(row.id, row.person, row.name, scopes, row.created, row.expires, row.used, row.revoked)
