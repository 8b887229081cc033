"""What becomes of a review that is handed in after its slot went to somebody else."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select, update

from grading.evaluations import Stage
from grading.people.person import Person
from grading.queue.leases import note_begun
from grading.queue.open_to import HELD
from grading.queue.slots import ADJUDICATION, GOLD, LOCKED, OPEN, OVERLAP, PRIMARY, add_slots, instant
from grading.tables import REVIEW_ACTIVITY, REVIEW_DRAFTS, REVIEW_ITEMS, REVIEW_SLOTS


def slot_for_lost(connection: Connection, person: Person, item: str, lost: str) -> tuple[str, Stage]:
    """A slot for a review that somebody made at a slot which they lost: alias and kind.

    It is an open primary slot of the same submission that is nobody's alone, or else a further slot that decides
    nothing; where the lost one was gold, a further gold one. Drafts and active time come with it. To be called
    with the lost slot held.
    """
    connection.execute(select(REVIEW_ITEMS.c.alias).where(REVIEW_ITEMS.c.alias == item).with_for_update())
    free = (
        select(REVIEW_SLOTS.c.alias)
        .where(
            REVIEW_SLOTS.c.item == item,
            REVIEW_SLOTS.c.kind == PRIMARY,
            REVIEW_SLOTS.c.state == OPEN,
            REVIEW_SLOTS.c.required.is_(None) | (REVIEW_SLOTS.c.required == person.id),
        )
        .order_by(REVIEW_SLOTS.c.rank)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    was_gold = connection.execute(select(REVIEW_SLOTS.c.kind).where(REVIEW_SLOTS.c.alias == lost)).scalar() == GOLD
    kind = PRIMARY
    alias: str | None = None if was_gold else connection.execute(free).scalar()
    if alias is None:
        kind = GOLD if was_gold else OVERLAP
        (alias,) = add_slots(connection, item, kind)
    mark = (REVIEW_DRAFTS.c.alias == lost, REVIEW_DRAFTS.c.reviewer == person.id)
    gone = delete(REVIEW_DRAFTS).where(*mark, REVIEW_DRAFTS.c.criterion == HELD).returning(REVIEW_DRAFTS.c.ts)
    begun = connection.execute(gone).scalar()  # active time counts from then on, also what is told of later
    held = {"state": "claimed", "reviewer": person.id, "claimed": begun or instant(), "required": None}
    connection.execute(update(REVIEW_SLOTS).where(REVIEW_SLOTS.c.alias == alias).values(**held))
    connection.execute(update(REVIEW_DRAFTS).where(*mark).values(alias=alias))
    spent = (REVIEW_ACTIVITY.c.slot == lost, REVIEW_ACTIVITY.c.reviewer == person.id)
    connection.execute(update(REVIEW_ACTIVITY).where(*spent).values(slot=alias))
    note_begun(connection, person.id, alias, item)
    return alias, kind


def kept_as(connection: Connection, person: Person, lost: str) -> str | None:
    """The slot at which a person has locked a review of the same submission as one that they lost; None: none."""
    of_item = select(REVIEW_SLOTS.c.item).where(REVIEW_SLOTS.c.alias == lost).scalar_subquery()
    own = select(REVIEW_SLOTS.c.alias).where(
        REVIEW_SLOTS.c.item == of_item,
        REVIEW_SLOTS.c.reviewer == person.id,
        REVIEW_SLOTS.c.state == LOCKED,
        REVIEW_SLOTS.c.kind != ADJUDICATION,
    )
    alias: str | None = connection.execute(own).scalar()
    return alias
