"""Criteria that count for nobody any more: voided for every submission graded by the same rubric, and back.

Nothing is deleted. Verdicts stay where they are and figures leave them out; every decision is a row of its own,
and the last one stands.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from sqlalchemy import Connection, func, insert, select

from core import Frozen
from grading.adjudication.tables import VOIDS
from grading.book import now

_IN_ONE_QUERY = 500
_ORDER = (VOIDS.c.ts, VOIDS.c.number, VOIDS.c.id)


class Voiding(Frozen):
    """One decision on whether a criterion counts.

    Attributes:
        id: Random. number: 1 is the first decision on this criterion in this project.
        voided: It counts for nobody; False: it counts again.
        decided_by: Id of the person. ticket: The rubric ticket it answers.
        ts: When, ISO 8601 in UTC.
    """

    id: str
    grading_digest: str
    criterion: str
    number: int
    voided: bool
    decided_by: str
    reason: str
    ticket: str | None = None
    ts: str = ""


def voided_in(connection: Connection, grading_digests: Iterable[str]) -> dict[str, frozenset[str]]:
    """Grading digest -> ids of its voided criteria; a digest without any is not in there."""
    digests = sorted(set(grading_digests))
    found: dict[str, set[str]] = {}
    for begin in range(0, len(digests), _IN_ONE_QUERY):
        some = VOIDS.c.grading_digest.in_(digests[begin : begin + _IN_ONE_QUERY])
        # In the order of decisions: the last one on a criterion is read last.
        for row in connection.execute(select(VOIDS).where(some).order_by(*_ORDER)):
            of_rubric = found.setdefault(row.grading_digest, set())
            (of_rubric.add if row.voided else of_rubric.discard)(row.criterion)
    return {digest: frozenset(criteria) for digest, criteria in found.items() if criteria}


def counting_again(connection: Connection, grading_digest: str) -> tuple[frozenset[str], frozenset[str]]:
    """The voided criteria of a rubric, and those that were voided once and count again."""
    voided = voided_in(connection, [grading_digest]).get(grading_digest, frozenset())
    ever = select(VOIDS.c.criterion).where(VOIDS.c.grading_digest == grading_digest).distinct()
    return voided, frozenset(connection.execute(ever).scalars()) - voided


def history_of(connection: Connection, grading_digest: str) -> list[Voiding]:
    """Every decision on the criteria of a rubric, oldest first for each criterion."""
    query = select(VOIDS).where(VOIDS.c.grading_digest == grading_digest)
    rows = connection.execute(query.order_by(VOIDS.c.criterion, *_ORDER))
    return [Voiding.model_validate(dict(row._mapping)) for row in rows]


def write_voiding(
    connection: Connection,
    grading_digest: str,
    criterion: str,
    *,
    voided: bool,
    by: str,
    reason: str,
    ticket: str | None = None,
) -> Voiding | None:
    """Write a decision down, in the caller's transaction; None: it stands so already, and nothing is written."""
    if (criterion in voided_in(connection, [grading_digest]).get(grading_digest, frozenset())) == voided:
        return None
    same = (VOIDS.c.grading_digest == grading_digest, VOIDS.c.criterion == criterion)
    last = connection.execute(select(func.max(VOIDS.c.number)).where(*same)).scalar_one()
    decision = Voiding(
        id=secrets.token_hex(8),
        grading_digest=grading_digest,
        criterion=criterion,
        number=(last or 0) + 1,
        voided=voided,
        decided_by=by,
        reason=reason,
        ticket=ticket,
        ts=now(),
    )
    connection.execute(insert(VOIDS), decision.model_dump())
    return decision
