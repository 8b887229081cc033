"""The time that somebody worked on a review or an adjudication, of which no moment is counted twice.

Whoever has two reviews open at once is active on one of them: a moment that lies in intervals of several belongs
to the one whose interval began first. What is in the ledger already is nobody's again, whenever intervals arrive.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from grading.adjudication.disputes import OVERALL
from grading.adjudication.seats import seat_of
from grading.adjudication.tables import ADJUDICATIONS, PAY
from grading.queue.slots import ADJUDICATION, LOCKED
from grading.tables import EVALUATIONS, REVIEW_ACTIVITY, REVIEW_ITEMS, REVIEW_SLOTS, VERDICTS

Span = tuple[str, str]
"""From when to when, ISO 8601 in UTC to the millisecond: text in the order of time."""


def worked(connection: Connection, evaluation: Row[Any]) -> list[Span] | None:
    """When somebody worked on what an evaluation says (a row of `evaluations`), without what the ledger has.

    None: there are no intervals at all.
    """
    slot = slot_of(connection, evaluation)
    if slot is None:
        return None
    mine = (REVIEW_ACTIVITY.c.slot == slot, REVIEW_ACTIVITY.c.reviewer == evaluation.grader)
    bounds = (func.min(REVIEW_ACTIVITY.c.begin).label("begin"), func.max(REVIEW_ACTIVITY.c.end).label("end"))
    span = connection.execute(select(*bounds).where(*mine)).one()
    if span.begin is None:
        return None
    own = _own(connection, slot, evaluation.grader, span.begin, span.end)
    return list(_without(own, _entered(connection, evaluation.grader, span.begin, span.end)))


def seconds_of(spans: Iterable[Span]) -> int:
    """Whole seconds in all."""
    total = timedelta()
    for begin, end in spans:
        total += datetime.fromisoformat(end) - datetime.fromisoformat(begin)
    return round(total.total_seconds())


def evaluations_at(connection: Connection, slot: str, person: str) -> list[Row[Any]]:
    """What a person said at a slot, as rows of `evaluations`: their first word, or their decision of a case."""
    query = (
        select(EVALUATIONS)
        .join(REVIEW_SLOTS, REVIEW_SLOTS.c.kind == EVALUATIONS.c.stage)
        .join(REVIEW_ITEMS, REVIEW_ITEMS.c.alias == REVIEW_SLOTS.c.item)
        .where(
            REVIEW_SLOTS.c.alias == slot,
            EVALUATIONS.c.attempt_id == REVIEW_ITEMS.c.attempt_id,
            EVALUATIONS.c.submission == REVIEW_ITEMS.c.submission,
            EVALUATIONS.c.grading_digest == REVIEW_ITEMS.c.grading_digest,
            EVALUATIONS.c.grader == person,
            EVALUATIONS.c.grader_kind == "human",
            or_(EVALUATIONS.c.revision == 1, EVALUATIONS.c.stage == ADJUDICATION),
        )
        .order_by(EVALUATIONS.c.id)
    )
    return [row for row in connection.execute(query).all() if slot_of(connection, row) == slot]


def slot_of(connection: Connection, evaluation: Row[Any]) -> str | None:
    """The slot at which an evaluation was made."""
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


def _own(connection: Connection, slot: str, person: str, first: str, last: str) -> list[Span]:
    """What between two times is the slot's, in order; what touches is one."""
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
    found, reached = list[Span](), ""
    for row in rows:
        start = max(row.begin, reached)
        if row.end > start:
            if row.slot == slot and found and found[-1][1] == start:
                found[-1] = (found[-1][0], row.end)
            elif row.slot == slot:
                found.append((start, row.end))
            reached = row.end
    return found


def _entered(connection: Connection, person: str, first: str, last: str) -> list[Span]:
    """What of a person's work between two times is in the ledger, in order."""
    query = select(PAY.c.spans).where(PAY.c.person == person, PAY.c.ended > first, PAY.c.began < last)
    spans = [tuple(span) for text in connection.execute(query).scalars() for span in json.loads(text)]
    return sorted((str(begin), str(end)) for begin, end in spans)


def _without(spans: Sequence[Span], taken: Sequence[Span]) -> Iterator[Span]:
    """What is left of some spans; both in order, `taken` without overlaps."""
    for begin, end in spans:
        start = begin
        for since, until in taken:
            if until <= start or since >= end:
                continue
            if since > start:
                yield (start, since)
            start = until
        if start < end:
            yield (start, end)
