"""The audit log: who changed what about people and verdicts, in a chain of hashes.

A row is appended in the transaction of what it tells of: there are both or neither. Each row's digest is over the
row and the digest of the one before, and the last one is kept apart: whoever changes, removes or puts in a row
breaks the chain there. Whoever may write to the whole database could make the chain anew; against that, note the
head somewhere else from time to time (`verify_audit` returns it).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from core import Database, canonical_json, sha256_bytes
from grading.people.keys import Clock, stamp, utc_now
from grading.people.tables import AUDIT, AUDIT_HEAD

_AT_ONCE = 1000


@dataclass(frozen=True)
class AuditRow:
    """Something that was done.

    Attributes:
        number: From 1, without gaps. ts: When, ISO 8601 in UTC.
        actor: Person.id, or `operator` for whoever has the command line of the server.
        action: As `person.roles`. subject: Id of whom or what it was done to.
    """

    number: int
    ts: str
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


@dataclass(frozen=True)
class AuditState:
    """What became of the chain.

    Attributes:
        rows: How many there are. head: Digest of the last one.
        broken: Number of the first row that is not as it was written, or lacks; None: the chain is whole.
    """

    rows: int
    head: str
    broken: int | None


def append_audit(
    connection: Connection,
    *,
    actor: str,
    action: str,
    subject: str,
    detail: Mapping[str, Any] | None = None,
    clock: Clock = utc_now,
) -> int:
    """Append a row in the caller's transaction and return its number.

    To be called last in it: until the transaction ends nobody else can append.
    """
    head = connection.execute(select(AUDIT_HEAD).with_for_update()).one()
    values = {
        "number": head.number + 1,
        "ts": stamp(clock()),
        "actor": actor,
        "action": action,
        "subject": subject,
        "detail": canonical_json(dict(detail or {})),
        "previous": head.digest,
    }
    digest = _digest(values)
    connection.execute(insert(AUDIT).values(**values, digest=digest))
    connection.execute(update(AUDIT_HEAD).values(number=head.number + 1, digest=digest))
    return int(head.number) + 1


def verify_audit(database: Database) -> AuditState:
    """Go through the whole chain."""
    with database.read() as connection:
        head = connection.execute(select(AUDIT_HEAD)).one_or_none()
        number, digest = 0, ""
        while rows := connection.execute(
            select(AUDIT).where(AUDIT.c.number > number).order_by(AUDIT.c.number).limit(_AT_ONCE)
        ).all():
            for row in rows:
                if row.number != number + 1 or row.previous != digest or _digest(row._asdict()) != row.digest:
                    return AuditState(number, digest, number + 1)
                number, digest = row.number, row.digest
        whole = head is not None and (head.number, head.digest) == (number, digest)
        return AuditState(number, digest, None if whole else number + 1)


def read_audit(database: Database, *, last: int = 200, before: int | None = None) -> list[AuditRow]:
    """The last so many rows (before a number), newest first."""
    query = select(AUDIT).order_by(AUDIT.c.number.desc()).limit(last)
    if before is not None:
        query = query.where(AUDIT.c.number < before)
    with database.read() as connection:
        return [_row(row) for row in connection.execute(query)]


def _row(row: Row[Any]) -> AuditRow:
    return AuditRow(row.number, row.ts, row.actor, row.action, row.subject, _detail(row.detail))


def _detail(text: str) -> dict[str, Any]:
    """What was written; of a row that somebody spoiled what stands there, since it is then that people look."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"spoiled": text}


def _digest(values: Mapping[str, Any]) -> str:
    told = ("number", "ts", "actor", "action", "subject", "detail", "previous")
    return sha256_bytes(canonical_json({name: values[name] for name in told}).encode())
