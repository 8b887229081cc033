"""How reviewers stand, kept so that the queue can ask at every turn; the rules are in `grading.adjudication.exam`.

Who qualifies is let in at once, who is paused from the next day (in UTC) on: a queue that closes with a lock would
tell that this review was gold.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, select

from core import insert_or_update
from grading.adjudication.exam import Qualification, standing_of
from grading.adjudication.tables import GOLD_STANDINGS
from grading.queue.slots import GOLD, LOCKED, instant
from grading.tables import REVIEW_SLOTS

_SET = insert_or_update(GOLD_STANDINGS, ("person",), ("state", "before", "day"))


def refresh_standing(connection: Connection, person: str, *, at: str | None = None) -> Qualification:
    """Find out anew how a person stands, once a gold review of theirs is locked or its keys have changed.

    Args:
        connection: Of a write transaction.
        person: Who.
        at: The time, ISO 8601 in UTC; None: now.

    Returns:
        How they stand; what is in force until the day is over may be another, see `standing_in_force`.
    """
    at = at or instant()
    kept = _kept(connection, person)
    state = standing_of(connection, person).state
    before = _in_force(kept, at)
    if before != Qualification.qualified:
        before = state
    connection.execute(_SET, {"person": person, "state": state.value, "before": before.value, "day": at[:10]})
    return state


def refresh_standings(connection: Connection, items: Iterable[str]) -> int:
    """The same of everybody who has locked a gold review of one of some items; returns how many that are."""
    slot = REVIEW_SLOTS.c
    people: set[str] = set()
    for item in items:
        locked = select(slot.reviewer).where(slot.item == item, slot.kind == GOLD, slot.state == LOCKED)
        people.update(str(one) for one in connection.execute(locked).scalars() if one)
    for person in sorted(people):
        refresh_standing(connection, person)
    return len(people)


def standing_in_force(connection: Connection, person: str, at: str | None = None) -> Qualification:
    """As what the queue takes a person at the time `at` (ISO 8601 in UTC; None: now)."""
    return _in_force(_kept(connection, person), at or instant())


def _kept(connection: Connection, person: str) -> Row[Any] | None:
    query = select(GOLD_STANDINGS).where(GOLD_STANDINGS.c.person == person)
    return connection.execute(query).one_or_none()


def _in_force(kept: Row[Any] | None, at: str) -> Qualification:
    if kept is None:
        return Qualification.unexamined
    return Qualification(kept.state if kept.day < at[:10] else kept.before)
