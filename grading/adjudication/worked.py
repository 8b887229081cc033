"""The time that somebody worked on a review or an adjudication, of which no moment is counted twice.

Whoever has two reviews open at once is active on one of them: a moment that lies in intervals of several belongs
to the one whose interval began first.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from grading.adjudication.disputes import OVERALL
from grading.adjudication.seats import seat_of
from grading.adjudication.tables import ADJUDICATIONS
from grading.queue.slots import ADJUDICATION, LOCKED
from grading.tables import REVIEW_ACTIVITY, REVIEW_ITEMS, REVIEW_SLOTS, VERDICTS


def worked_seconds(connection: Connection, evaluation: Row[Any]) -> int | None:
    """Whole seconds of the intervals of an evaluation (a row of `evaluations`); None: there are none."""
    slot = _slot_of(connection, evaluation)
    if slot is None:
        return None
    mine = (REVIEW_ACTIVITY.c.slot == slot, REVIEW_ACTIVITY.c.reviewer == evaluation.grader)
    bounds = (func.min(REVIEW_ACTIVITY.c.begin).label("begin"), func.max(REVIEW_ACTIVITY.c.end).label("end"))
    span = connection.execute(select(*bounds).where(*mine)).one()
    return None if span.begin is None else _own(connection, slot, evaluation.grader, span.begin, span.end)


def _own(connection: Connection, slot: str, person: str, first: str, last: str) -> int:
    """Seconds between two times that are the slot's."""
    # Of the person's slots those that they had at the time, found by the index of reviewers.
    had = select(REVIEW_SLOTS.c.alias).where(
        REVIEW_SLOTS.c.reviewer == person,
        or_(REVIEW_SLOTS.c.locked.is_(None), REVIEW_SLOTS.c.locked >= first),
    )
    rows = connection.execute(
        select(REVIEW_ACTIVITY.c.slot, REVIEW_ACTIVITY.c.begin, REVIEW_ACTIVITY.c.end)
        .where(
            REVIEW_ACTIVITY.c.slot.in_(had),
            REVIEW_ACTIVITY.c.reviewer == person,
            REVIEW_ACTIVITY.c.end > first,
            REVIEW_ACTIVITY.c.begin < last,
        )
        .order_by(REVIEW_ACTIVITY.c.begin, REVIEW_ACTIVITY.c.slot)
    )
    total, reached = 0.0, None
    for row in rows:
        begin, end = datetime.fromisoformat(row.begin), datetime.fromisoformat(row.end)
        start = begin if reached is None else max(begin, reached)
        if end > start:
            total += (end - start).total_seconds() if row.slot == slot else 0.0
            reached = end
    return round(total)


def _slot_of(connection: Connection, evaluation: Row[Any]) -> str | None:
    item = select(REVIEW_ITEMS.c.alias).where(
        REVIEW_ITEMS.c.attempt_id == evaluation.attempt_id,
        REVIEW_ITEMS.c.submission == evaluation.submission,
        REVIEW_ITEMS.c.grading_digest == evaluation.grading_digest,
    )
    alias: str | None = connection.execute(item).scalar()
    if alias is None:
        return None
    if evaluation.stage == ADJUDICATION:
        decided = connection.execute(select(VERDICTS.c.criterion).where(VERDICTS.c.evaluation == evaluation.id))
        of_case = (ADJUDICATIONS.c.item == alias, ADJUDICATIONS.c.criterion == (decided.scalar() or OVERALL))
        case: str | None = connection.execute(select(ADJUDICATIONS.c.alias).where(*of_case)).scalar()
        return None if case is None else seat_of(case, evaluation.grader)
    slot = select(REVIEW_SLOTS.c.alias).where(
        REVIEW_SLOTS.c.item == alias,
        REVIEW_SLOTS.c.kind == evaluation.stage,
        REVIEW_SLOTS.c.reviewer == evaluation.grader,
        REVIEW_SLOTS.c.state == LOCKED,
    )
    found: str | None = connection.execute(slot).scalar()
    return found
