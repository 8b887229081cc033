"""Sessions: who is signed in with which browser, until when; the database knows only hashes of their keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from core import Database
from grading.people.accounts import account_of
from grading.people.audit import append_audit
from grading.people.keys import Clock, key_hash, moment_of, new_id, new_key, stamp
from grading.people.person import Person
from grading.people.tables import PEOPLE, SESSIONS

IDLE = timedelta(hours=12)
"""A session ends when it was not used for so long."""
BOUND = timedelta(days=7)
"""And so long after it was begun in any case."""
_SLIDE = timedelta(minutes=5)
_KEPT = timedelta(days=30)
MOST = 200
"""Sessions that are listed."""


@dataclass(frozen=True)
class Visit:
    """What a session's key stands for now.

    Attributes:
        person: Who is signed in; None: nobody is.
        why: Then why not: `unknown`, `expired`, `signed_out`, `closed`, `password`, `ended`.
    """

    person: Person | None
    why: str = ""


@dataclass(frozen=True)
class Session:
    """A session, as its person and administrators see it in the list.

    Attributes:
        person: Whose it is. current: It is the one that asks.
    """

    id: str
    person: str
    browser: str
    begun: str
    seen: str
    current: bool


class Sessions:
    """Begins, finds and ends sessions."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def begin(self, person: Person, *, browser: str = "", local: bool = False, how: str = "password") -> str:
        """A new session's key, which is nowhere else.

        Args:
            person: Who signed in.
            browser: What it calls itself.
            local: Whoever started the server on this machine, who has no account.
            how: By what the person proved to be it; stands in the audit log.
        """
        key, now = new_key(), self._clock()
        values = {
            "hash": key_hash(key),
            "id": new_id("s"),
            "person": person.id,
            "local": local,
            "browser": "".join(c for c in browser if c.isprintable())[:200],
            "begun": stamp(now),
            "seen": stamp(now),
            "expires": stamp(now + IDLE),
        }
        with self._database.write() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.begun < stamp(now - _KEPT)))
            connection.execute(insert(SESSIONS).values(values))
            append_audit(
                connection,
                actor=person.id,
                action="session.begin",
                subject=str(values["id"]),
                detail={"by": how},
                clock=self._clock,
            )
        return key

    def visit(self, key: str) -> Visit:
        """Whose session it is; using it lengthens it, within the bound."""
        if not key:
            return Visit(None, "unknown")
        here = SESSIONS.c.hash == key_hash(key)
        query = select(PEOPLE, SESSIONS).join_from(
            SESSIONS, PEOPLE, PEOPLE.c.id == SESSIONS.c.person, isouter=True
        )
        with self._database.read() as connection:
            row = connection.execute(query.where(here)).one_or_none()
        why = self._why_not(row)
        if row is None or why:
            return Visit(None, why)
        now = self._clock()
        if now - moment_of(row.seen) >= _SLIDE:
            expires = min(now + IDLE, moment_of(row.begun) + BOUND)
            still = (here, SESSIONS.c.ended.is_(None))
            with self._database.write() as connection:
                connection.execute(update(SESSIONS).where(*still).values(seen=stamp(now), expires=stamp(expires)))
        return Visit(Person.local(row.person) if row.local else account_of(row).person)

    def _why_not(self, row: Row[Any] | None) -> str:
        if row is None:
            return "unknown"
        if row.ended is not None:
            return str(row.why)
        if row.expires <= stamp(self._clock()):
            return "expired"
        if row.local:
            return ""
        if row.login is None:
            return "unknown"
        return "closed" if row.closed is not None else ""

    def list(self, person: str | None = None, key: str = "", *, most: int = MOST) -> list[Session]:
        """Sessions of a person, or of all, that have not ended, newest use first; `key`: of the one that asks."""
        now, own = stamp(self._clock()), key_hash(key)
        query = select(SESSIONS).where(SESSIONS.c.ended.is_(None), SESSIONS.c.expires > now)
        if person is not None:
            query = query.where(SESSIONS.c.person == person)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(SESSIONS.c.seen.desc(), SESSIONS.c.id).limit(most)).all()
        return [Session(row.id, row.person, row.browser, row.begun, row.seen, row.hash == own) for row in rows]

    def end_one(self, session: str, *, by: str, person: str | None = None) -> bool:
        """End a session by its id (of a person); whether there was one."""
        live = [SESSIONS.c.id == session, SESSIONS.c.ended.is_(None)]
        if person is not None:
            live.append(SESSIONS.c.person == person)
        ended = update(SESSIONS).where(*live).values(ended=stamp(self._clock()), why="ended")
        with self._database.write() as connection:
            whose = connection.execute(ended.returning(SESSIONS.c.person)).scalar()
            if whose is None:
                return False
            told = {"of": whose} if whose != by else None
            append_audit(
                connection, actor=by, action="session.end", subject=session, detail=told, clock=self._clock
            )
        return True

    def end(self, key: str) -> None:
        """Sign out."""
        with self._database.write() as connection:
            live = (SESSIONS.c.hash == key_hash(key), SESSIONS.c.ended.is_(None))
            row = connection.execute(select(SESSIONS).where(*live).with_for_update()).one_or_none()
            if row is None:
                return
            now = stamp(self._clock())
            connection.execute(update(SESSIONS).where(*live).values(ended=now, why="signed_out"))
            append_audit(connection, actor=row.person, action="session.end", subject=row.id, clock=self._clock)

    def end_all(self, person: str, *, by: str, keep: str | None = None) -> int:
        """End all sessions of a person but the one whose key is `keep`; how many."""
        with self._database.write() as connection:
            count = end_all(connection, person, stamp(self._clock()), "ended", keep=keep)
            if count:
                append_audit(
                    connection,
                    actor=by,
                    action="session.end_all",
                    subject=person,
                    detail={"sessions": count},
                    clock=self._clock,
                )
        return count


def end_all(connection: Connection, person: str, at: str, why: str, *, keep: str | None = None) -> int:
    """As `Sessions.end_all`, in the caller's transaction; nothing is written to the audit log."""
    live = [SESSIONS.c.person == person, SESSIONS.c.ended.is_(None)]
    if keep is not None:
        live.append(SESSIONS.c.hash != key_hash(keep))
    return connection.execute(update(SESSIONS).where(*live).values(ended=at, why=why)).rowcount
