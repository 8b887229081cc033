"""What somebody who has not qualified is told beside their queue: why there is less in it, and what to do."""

from __future__ import annotations

from sqlalchemy import Connection, select, true

from core import Frozen
from grading.adjudication.exam import Qualification
from grading.adjudication.exam_sitting import exam_of
from grading.adjudication.gold_standing import standing_in_force
from grading.people.person import Person
from grading.queue.leases import WITH_ITEM
from grading.queue.open_to import filters, is_free, may_review
from grading.queue.slots import CLAIMED, LOCKED, OPEN, instant
from grading.tables import REVIEW_SLOTS


class Qualifying(Frozen):
    """How far somebody is from being qualified.

    Attributes:
        state: As what the queue takes them.
        kept: There are reviews that they would be given if they had qualified.
        begun: Submissions of an exam that they have not locked yet. ready: There is an exam for them.
    """

    state: Qualification
    kept: bool
    begun: int
    ready: bool


def qualifying(connection: Connection, person: Person) -> Qualifying | None:
    """What to tell somebody; None: nothing, for they have qualified, or it makes no difference to them."""
    if not may_review(person):
        return None
    if standing_in_force(connection, person.id) == Qualification.qualified:
        return None
    exam = exam_of(connection, person)
    at, slot = instant(), REVIEW_SLOTS.c
    kept = select(slot.alias).select_from(WITH_ITEM)
    kept = kept.where(
        slot.qualified == true(),
        slot.state.in_((OPEN, CLAIMED)),
        is_free(at),
        *filters(person, at, as_qualified=True),
    ).limit(1)
    found = Qualifying(
        state=exam.in_force,
        kept=connection.execute(kept).first() is not None,
        begun=sum(paper.state != LOCKED for paper in exam.papers),
        ready=exam.ready,
    )
    return found if found.kept or found.begun or found.state == Qualification.paused else None
