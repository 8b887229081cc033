"""To whom a slot is open: the hard filters of assignment, as conditions of one statement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, literal_column, or_, select

from grading.items import category_text
from grading.overview.looks import not_looked_at
from grading.people.person import Person, Role
from grading.queue.gold import has_qualified, unknown_to
from grading.queue.slots import ADJUDICATION, CLAIMED, OPEN, VOID
from grading.tables import REVIEW_DRAFTS, REVIEW_ITEMS, REVIEW_SLOTS

HELD = "#held"
"""Stands among the drafts of whoever had the slot and has not given it back: what they save is still taken."""

_OTHERS = REVIEW_SLOTS.alias("others")


def may_review(person: Person) -> bool:
    """An admin or lead who has no other role does not."""
    return person.may(Role.reviewer, Role.adjudicator)


def is_lapsed(now: str) -> ColumnElement[bool]:
    """Somebody's time with it is over by `now`."""
    return and_(REVIEW_SLOTS.c.state == CLAIMED, REVIEW_SLOTS.c.expires < now)


def is_free(now: str) -> ColumnElement[bool]:
    """Nobody has it, or somebody's time with it is over by `now`."""
    return or_(REVIEW_SLOTS.c.state == OPEN, is_lapsed(now))


def open_to(person: Person, now: str) -> ColumnElement[bool]:
    """A slot (joined with its item) that a person may take at the time `now`.

    It is free; it is nobody's alone, or this person's, or that time is over; the person has no other slot of the
    item, nor work on one; they have not seen what is right of it, and have qualified where that is asked; neither
    job nor pack is a conflict of interest; and where the person has skills, the item's category names one of them.
    Nor did they look at anybody's work on the job (`grading.overview.looks`).
    """
    return and_(is_free(now), *filters(person, now))


def filters(person: Person, now: str, *, as_qualified: bool = False) -> Iterator[ColumnElement[bool]]:
    """`open_to` but for whether the slot is free; `as_qualified`: and as if the person had qualified."""
    slot, item = REVIEW_SLOTS.c, REVIEW_ITEMS.c
    if not may_review(person):
        yield false()
    yield slot.kind != ADJUDICATION
    yield or_(slot.required.is_(None), slot.required == person.id, slot.until < now)
    mine = select(_OTHERS.c.item).where(
        _OTHERS.c.reviewer == person.id, _OTHERS.c.kind != ADJUDICATION, _OTHERS.c.state != VOID
    )
    yield slot.item.not_in(mine)
    held = held_by(person)
    begun = select(_OTHERS.c.item).where(_OTHERS.c.alias.in_(held), _OTHERS.c.state != VOID)
    yield or_(slot.alias.in_(held), slot.item.not_in(begun))
    for column, kind in ((item.job, "job:"), (item.pack, "pack:")):
        barred = sorted(one.removeprefix(kind) for one in person.conflicts if one.startswith(kind))
        if barred:
            yield func.coalesce(column, "").not_in(barred)
    yield from unknown_to(person.id)
    if not as_qualified:
        yield or_(slot.qualified.is_(None), has_qualified(person.id, now))
    yield not_looked_at(person.id)
    known = sorted(filter(None, (category_text((skill,)) for skill in person.skills)))
    if known:
        category = func.coalesce(item.category, "")
        yield or_(category == "", *(category.contains(one, autoescape=True) for one in known))


def held_by(person: Person) -> Select[Any]:
    """The aliases of the slots that a person had and did not give back."""
    # Written out, so that the index of exactly these is used.
    marks = REVIEW_DRAFTS.c.criterion == literal_column(f"'{HELD}'")
    return select(REVIEW_DRAFTS.c.alias).where(REVIEW_DRAFTS.c.reviewer == person.id, marks)
