"""How far reviewing is: submissions by state, slots by kind, and the jobs that are behind. By a few statements."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, false, func, select

from grading.book import AWAITING, CLAIMED, LOCKED
from grading.overview.oversight import Scope
from grading.queue.open_to import is_lapsed
from grading.queue.slots import GOLD, KINDS, OVERLAP, PRIMARY, instant
from grading.queue.slots import OPEN as OPEN_SLOT
from grading.tables import REVIEW_ITEMS, REVIEW_SHEETS, REVIEW_SLOTS

STATES = (AWAITING, CLAIMED, LOCKED, "settled")
"""Of a submission: nobody has begun, somebody has, every primary review is locked, and its word stands."""
LAPSED = "lapsed"
BEHIND = 20


@dataclass(frozen=True)
class SlotCounts:
    """Reviews of one kind, by state; `lapsed`: somebody had it, and the time with it is over."""

    kind: str
    states: Mapping[str, int]

    @property
    def total(self) -> int:
        """All that are wanted or done."""
        return sum(number for state, number in self.states.items() if state != "void")


@dataclass(frozen=True)
class Behind:
    """A job of which reviews are still wanted.

    Attributes:
        awaiting: Submissions that nobody has begun. begun: That somebody has.
        reviews: Primary reviews that are not locked. since: When the oldest of its submissions came to wait.
    """

    job: str
    title: str
    awaiting: int
    begun: int
    reviews: int
    since: str


@dataclass(frozen=True)
class Coverage:
    """How far reviewing is.

    Attributes:
        items: Submissions by state, see `STATES`. slots: Reviews by kind, kinds without any left out.
        behind: Jobs, those that want most reviews first. jobs_behind: How many there are.
    """

    items: Mapping[str, int]
    slots: tuple[SlotCounts, ...]
    behind: tuple[Behind, ...]
    jobs_behind: int

    @property
    def published(self) -> int:
        """Submissions up for review."""
        return sum(self.items.values())

    @property
    def slots_for_reviewers(self) -> tuple[SlotCounts, ...]:
        """The same for leads who review: with gold apart, each lock would tell them whether it was gold."""
        beside = [one.states for one in self.slots if one.kind in (OVERLAP, GOLD)]
        together = {state: sum(one.get(state, 0) for one in beside) for one in beside for state in one}
        others = [one for one in self.slots if one.kind not in (OVERLAP, GOLD)]
        return (*others, *([SlotCounts("overlap and others", together)] if beside else []))


def coverage(connection: Connection, scope: Scope = None) -> Coverage:
    """How far reviewing is, of all submissions or of some attempts'."""
    behind, number = _behind(connection, scope)
    return Coverage(_items(connection, scope), tuple(_slots(connection, scope)), behind, number)


def meant(scope: Scope) -> tuple[ColumnElement[bool], ...]:
    """Only items of these attempts."""
    return () if scope is None else (REVIEW_ITEMS.c.attempt_id.in_(scope),)


def _items(connection: Connection, scope: Scope) -> dict[str, int]:
    state = case((REVIEW_ITEMS.c.settled.is_not(None), "settled"), else_=REVIEW_ITEMS.c.state)
    query = select(state, func.count()).where(*meant(scope)).group_by(state)
    found = {str(name): int(number) for name, number in connection.execute(query)}
    return {name: found.get(name, 0) for name in STATES}


def _slots(connection: Connection, scope: Scope) -> list[SlotCounts]:
    state = case((is_lapsed(instant()), LAPSED), else_=REVIEW_SLOTS.c.state)
    query = select(REVIEW_SLOTS.c.kind, state, func.count()).group_by(REVIEW_SLOTS.c.kind, state)
    if scope is not None:
        query = query.join(REVIEW_ITEMS, REVIEW_ITEMS.c.alias == REVIEW_SLOTS.c.item).where(*meant(scope))
    found: dict[str, dict[str, int]] = {}
    for kind, name, number in connection.execute(query):
        found.setdefault(kind, {})[name] = number
    return [SlotCounts(kind, found[kind]) for kind in KINDS if kind in found]


def _behind(connection: Connection, scope: Scope) -> tuple[tuple[Behind, ...], int]:
    item, slot = REVIEW_ITEMS.c, REVIEW_SLOTS.c
    # Voided slots are not wanted, locked ones are done.
    wanted = (slot.kind == PRIMARY, slot.state.in_((OPEN_SLOT, CLAIMED)))
    left = (
        select(slot.item, func.count().label("number")).where(*wanted).group_by(slot.item).subquery("left_to_do")
    )

    def how_many(state: str) -> ColumnElement[Any]:
        return func.sum(case((item.state == state, 1), else_=0))

    query = (
        select(
            item.job,
            func.min(item.sheet).label("sheet"),
            how_many(AWAITING).label("awaiting"),
            how_many(CLAIMED).label("begun"),
            func.sum(left.c.number).label("reviews"),
            func.min(item.changed).label("since"),
        )
        .join(left, left.c.item == item.alias)
        .where(*meant(scope))
        .group_by(item.job)
    )
    number = int(connection.execute(select(func.count()).select_from(query.subquery())).scalar_one())
    first = query.order_by(func.sum(left.c.number).desc(), item.job).limit(BEHIND)
    rows = connection.execute(first).all()
    titles = titles_of(connection, [row.sheet for row in rows])
    return tuple(
        Behind(row.job or "", titles.get(row.sheet, ""), row.awaiting, row.begun, row.reviews, row.since)
        for row in rows
    ), number


def sheets_of(connection: Connection, digests: list[str]) -> dict[str, dict[str, Any]]:
    """Digest -> sheet of a job, as it stands."""
    some = REVIEW_SHEETS.c.digest.in_(digests) if digests else false()
    return {row.digest: json.loads(row.body) for row in connection.execute(select(REVIEW_SHEETS).where(some))}


def titles_of(connection: Connection, digests: list[str]) -> dict[str, str]:
    """Digest of a sheet -> the job's title."""
    return {digest: str(body["title"]) for digest, body in sheets_of(connection, digests).items()}
