"""Active time: when a reviewer looked and typed, as intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import AwareDatetime, Field
from sqlalchemy import Connection, select

from core import Frozen, insert_new
from grading.tables import REVIEW_ACTIVITY

MOST = 500
LONGEST = timedelta(minutes=10)
AHEAD = timedelta(seconds=5)
"""So far a browser's clock may be ahead of ours."""

_ADD = insert_new(REVIEW_ACTIVITY)


class Interval(Frozen):
    """Somebody was active from `begin` to `end`, at a criterion or a file."""

    begin: AwareDatetime
    end: AwareDatetime
    criterion: str | None = Field(default=None, max_length=200)
    file: str | None = Field(default=None, max_length=1000)


def add_activity(
    connection: Connection,
    slot: str,
    reviewer: str,
    intervals: Sequence[Interval],
    *,
    since: str | None,
    until: str | None = None,
) -> int:
    """Keep intervals; one that begins when another did is the same one. Returns how many are taken.

    They are cut to ten minutes each, to the past, and to what is after `since`, when the slot was claimed, and
    before `until`, when it was locked (ISO 8601); what is empty then is left out.
    """
    bound, first = datetime.now(UTC) + AHEAD, _time(since) if since else None
    if until:
        bound = min(bound, _time(until))
    rows = []
    for one in intervals[:MOST]:
        begin = one.begin if first is None else max(one.begin, first)
        end = min(one.end, begin + LONGEST, bound)
        if begin < end:
            rows.append(
                {
                    "slot": slot,
                    "reviewer": reviewer,
                    "begin": _text(begin),
                    "end": _text(end),
                    "criterion": one.criterion,
                    "file": one.file,
                }
            )
    if rows:
        connection.execute(_ADD, rows)
    return len(rows)


def active_minutes(connection: Connection, slot: str, reviewer: str) -> float | None:
    """Minutes that somebody was active on a slot, none counted twice; None: nothing is known."""
    mine = (REVIEW_ACTIVITY.c.slot == slot, REVIEW_ACTIVITY.c.reviewer == reviewer)
    rows = connection.execute(
        select(REVIEW_ACTIVITY.c.begin, REVIEW_ACTIVITY.c.end).where(*mine).order_by(REVIEW_ACTIVITY.c.begin)
    ).all()
    return round(union_minutes((row.begin, row.end) for row in rows), 3) if rows else None


def union_minutes(intervals: Iterable[tuple[str, str]]) -> float:
    """How long intervals (ISO 8601, sorted by their begin) are together, in minutes."""
    total, reached = timedelta(), None
    for begin, end in ((datetime.fromisoformat(a), datetime.fromisoformat(b)) for a, b in intervals):
        start = begin if reached is None else max(begin, reached)
        if end > start:
            total += end - start
            reached = end
    return total / timedelta(minutes=1)


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds")
