"""An adjudicator's seat at a case: a slot of kind `adjudication`, by which their active time is kept.

It is there from the first time that is noted. No queue gives it to anybody: while the case is open, so is the
seat; it is locked with the decision, and void where somebody else has decided. Its alias follows from case and
person, so that it is one, however often it is asked for, and nobody can tell it who does not know both.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from core import insert_new
from grading.adjudication.late import note_late
from grading.adjudication.problems import NoSuchReview
from grading.adjudication.tables import ADJUDICATIONS
from grading.queue.activity import Interval, active_minutes, add_activity
from grading.queue.slots import ADJUDICATION, LOCKED, OPEN, VOID, Turn, instant, rank_of
from grading.tables import REVIEW_ITEMS, REVIEW_SLOTS

_ADD = insert_new(REVIEW_SLOTS)
_OF_ITEM = (REVIEW_SLOTS.c.item == bindparam("of_item"), REVIEW_SLOTS.c.kind == ADJUDICATION)
_LAST = select(func.max(REVIEW_SLOTS.c.number)).where(*_OF_ITEM)


def seat_of(case: str, person: str) -> str:
    """The alias of a person's seat at a case."""
    return sha256(f"seat/{case}/{person}".encode()).hexdigest()[:16]


def note_activity(connection: Connection, case: str, person: str, intervals: Sequence[Interval]) -> int:
    """Keep when somebody who may decide a case looked at it; returns how many intervals are taken.

    None is taken of a time before the case was opened. Once it is decided, only whoever decided it was at work,
    and until then.

    Raises:
        NoSuchReview: There is no such case.
    """
    row = connection.execute(select(ADJUDICATIONS).where(ADJUDICATIONS.c.alias == case)).one_or_none()
    if row is None:
        raise NoSuchReview(case)
    late = row.state == "closed" and row.adjudicator == person
    if not intervals or not (row.state == "open" or late):
        return 0
    seat = _take(connection, row, person, locked=row.closed if late else None)
    taken = add_activity(connection, seat, person, intervals, since=row.opened, until=row.closed)
    if late and taken:
        note_late(connection, seat, person)
    return taken


def close_seats(connection: Connection, case: Row[Any], person: str) -> float | None:
    """A person has decided a case: their active minutes on it; None: nothing is known."""
    mine = seat_of(case.alias, person)
    seats = connection.execute(
        select(REVIEW_SLOTS.c.alias, REVIEW_SLOTS.c.reviewer).where(*_OF_ITEM, REVIEW_SLOTS.c.state == OPEN),
        {"of_item": case.item},
    ).all()
    for seat in seats:
        if seat.alias == seat_of(case.alias, str(seat.reviewer)):
            ended = {"state": LOCKED, "locked": instant()} if seat.alias == mine else {"state": VOID}
            connection.execute(update(REVIEW_SLOTS).where(REVIEW_SLOTS.c.alias == seat.alias).values(**ended))
    return active_minutes(connection, mine, person)


def _take(connection: Connection, case: Row[Any], person: str, *, locked: str | None) -> str:
    """The seat, made where it is not there yet; the item is held, so that numbers are given once."""
    seat = seat_of(case.alias, person)
    if connection.execute(select(REVIEW_SLOTS.c.alias).where(REVIEW_SLOTS.c.alias == seat)).scalar() is not None:
        return seat
    connection.execute(select(REVIEW_ITEMS.c.alias).where(REVIEW_ITEMS.c.alias == case.item).with_for_update())
    last: int | None = connection.execute(_LAST, {"of_item": case.item}).scalar()
    made = {
        "alias": seat,
        "item": case.item,
        "kind": ADJUDICATION,
        "number": (last or 0) + 1,
        "state": LOCKED if locked else OPEN,
        "reviewer": person,
        "claimed": instant(),
        "locked": locked,
        "rank": rank_of(seat, Turn.decided),
    }
    connection.execute(_ADD, made)
    return seat
