"""How many reviews submissions get that are up for review already, and who is to make them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from sqlalchemy import Connection, Row, select, update

from core import Database, Frozen
from grading.adjudication.tables import GOLD_ITEMS
from grading.people.person import Person
from grading.queue.gold import fill
from grading.queue.leases import WITH_ITEM
from grading.queue.open_to import open_to
from grading.queue.settle import Due, Settled, Settling
from grading.queue.slots import (
    CLAIMED,
    GOLD,
    LOCKED,
    OPEN,
    OVERLAP,
    PRIMARY,
    VOID,
    add_slots,
    drawn,
    give_to,
    instant,
)
from grading.tables import REVIEW_ITEMS, REVIEW_SLOTS

AT_ONCE = 200
ANYBODY: Literal["anybody"] = "anybody"


class Assigned(Frozen):
    """What an assignment has changed; doing it again changes nothing.

    Attributes:
        items: Submissions that were looked at.
        added, voided: Primary reviews that are wanted now, and such as are no longer wanted.
        overlap_added, overlap_voided: The same of reviews that decide nothing.
        gold_added: Gold reviews that are open now.
        given: Open reviews that are somebody's alone now, or no longer. unfit: Such as were not given: the person
            may not review them, and nobody else could have.
        settled: Submissions that have all the reviews they want now.
    """

    items: int = 0
    added: int = 0
    voided: int = 0
    overlap_added: int = 0
    overlap_voided: int = 0
    gold_added: int = 0
    given: int = 0
    unfit: int = 0
    settled: int = 0

    @property
    def text(self) -> str:
        """In a line."""
        told = {
            "reviews added": self.added,
            "no longer wanted": self.voided,
            "overlap reviews added": self.overlap_added,
            "overlap reviews no longer wanted": self.overlap_voided,
            "gold reviews added": self.gold_added,
            "given": self.given,
            "not given, since that person may not review them": self.unfit,
            "submissions settled": self.settled,
        }
        changed = [f"{number} {what}" for what, number in told.items() if number]
        return f"{self.items} submissions: {', '.join(changed) or 'nothing to change'}"

    def __add__(self, other: Assigned) -> Assigned:
        mine, more = self.model_dump(), other.model_dump()
        return Assigned(**{name: mine[name] + more[name] for name in mine})


def assign(
    database: Database,
    *,
    reviewers: int | None = None,
    overlap: float | None = None,
    gold: float | None = None,
    to: Person | Literal["anybody"] | None = None,
    job: str | None = None,
    settled: Settled | None = None,
    due: Due | None = None,
) -> Assigned:
    """Change how submissions that are up for review are reviewed; what is None stays as it is.

    Reviews that somebody has begun or locked stay, and a settled submission gets no further primary one.

    Args:
        database: The records.
        reviewers: Primary reviews of each.
        overlap: Probability of one more review. Chance falls once for a submission: a greater probability keeps
            what was drawn by a smaller one.
        gold: Probability that a gold review is wanted beside it, see `grading.queue.gold`; as with `overlap`.
        to: Who alone is to have the open reviews, where they may; `ANYBODY`: everybody again.
        job: Of this job alone.
        settled: As at a desk: told of submissions that have all their reviews once fewer are wanted.
        due: As at a desk.
    """
    done, settling = Assigned(), Settling(settled, due)
    for aliases in _items(database, job):
        with database.write() as connection:
            for item in _held(connection, aliases):
                done += _assigned(connection, item, reviewers, overlap, to, settling)
            if gold is not None:
                done += _gold(connection, aliases, gold)
    return done


def _assigned(
    connection: Connection,
    item: Row[Any],
    reviewers: int | None,
    overlap: float | None,
    to: Person | Literal["anybody"] | None,
    settling: Settling,
) -> Assigned:
    done = Assigned(items=1)
    if reviewers is not None and item.settled is None:
        done += _primary(connection, item.alias, reviewers)
        if done.voided and settling(connection, item.alias):
            done += Assigned(settled=1)
    if overlap is not None:
        done += _overlap(connection, item.alias, overlap)
    if to is not None:
        done += _give(connection, item.alias, to if isinstance(to, Person) else None)
    return done


def _primary(connection: Connection, item: str, wanted: int) -> Assigned:
    slots = [slot for slot in _slots(connection, item, PRIMARY) if slot.state != VOID]
    if len(slots) < wanted:
        return Assigned(added=len(add_slots(connection, item, PRIMARY, wanted - len(slots))))
    free = [slot.alias for slot in slots if slot.state == OPEN]
    surplus = free[::-1][: len(slots) - wanted]
    _void(connection, surplus)
    return Assigned(voided=len(surplus))


def _overlap(connection: Connection, item: str, probability: float) -> Assigned:
    # Those without a probability came otherwise, and chance has no say in them.
    slots = [s for s in _slots(connection, item, OVERLAP) if s.probability is not None and s.state != VOID]
    wanted = drawn(item, OVERLAP, probability)
    if wanted and not slots:
        return Assigned(overlap_added=len(add_slots(connection, item, OVERLAP, probability=probability)))
    if not wanted:
        free = [slot.alias for slot in slots if slot.state == OPEN]
        _void(connection, free)
        return Assigned(overlap_voided=len(free))
    drawn_now = REVIEW_SLOTS.c.alias.in_([slot.alias for slot in slots])
    connection.execute(update(REVIEW_SLOTS).where(drawn_now).values(probability=probability))
    return Assigned()


def _gold(connection: Connection, items: Sequence[str], probability: float) -> Assigned:
    for item in items:
        wanted = probability if drawn(item, GOLD, probability) else None
        connection.execute(update(REVIEW_ITEMS).where(REVIEW_ITEMS.c.alias == item).values(gold=wanted))
    return Assigned(gold_added=fill(connection))


def _give(connection: Connection, item: str, to: Person | None) -> Assigned:
    slots = _slots(connection, item, PRIMARY)
    free = [slot for slot in slots if slot.state == OPEN]
    if to is None:
        given = [slot.alias for slot in free if slot.required is not None]
        give_to(connection, given, None)
        return Assigned(given=len(given))
    if any(slot.reviewer == to.id and slot.state in (CLAIMED, LOCKED) for slot in slots):
        return Assigned()  # they have it already
    if not free or any(slot.required == to.id for slot in free):
        return Assigned()
    first = free[0].alias
    this = select(REVIEW_SLOTS.c.alias).select_from(WITH_ITEM).where(REVIEW_SLOTS.c.alias == first)
    with connection.begin_nested() as giving:
        give_to(connection, [first], to.id)
        if connection.execute(this.where(open_to(to, instant()))).scalar() is None:
            giving.rollback()  # they could not take it, and nobody else any more
            return Assigned(unfit=1)
    return Assigned(given=1)


def _void(connection: Connection, slots: Sequence[str]) -> None:
    chosen = (REVIEW_SLOTS.c.alias.in_(slots), REVIEW_SLOTS.c.state == OPEN)
    connection.execute(update(REVIEW_SLOTS).where(*chosen).values(state=VOID))


def _slots(connection: Connection, item: str, kind: str) -> list[Row[Any]]:
    """Held until the transaction ends, so that nobody takes one meanwhile."""
    query = select(REVIEW_SLOTS).where(REVIEW_SLOTS.c.item == item, REVIEW_SLOTS.c.kind == kind)
    return list(connection.execute(query.order_by(REVIEW_SLOTS.c.number).with_for_update()))


def _items(database: Database, job: str | None) -> Iterator[list[str]]:
    """The aliases of all items, or of a job's, some at a time, without changed copies: they are gold alone."""
    last = ""
    copies = select(GOLD_ITEMS.c.item).where(GOLD_ITEMS.c.origin != GOLD_ITEMS.c.item)
    while True:
        query = select(REVIEW_ITEMS.c.alias).where(
            REVIEW_ITEMS.c.alias > last, REVIEW_ITEMS.c.alias.not_in(copies)
        )
        if job is not None:
            query = query.where(REVIEW_ITEMS.c.job == job)
        with database.read() as connection:
            aliases = [str(one) for one in connection.execute(query.order_by("alias").limit(AT_ONCE)).scalars()]
        if not aliases:
            return
        yield aliases
        last = aliases[-1]


def _held(connection: Connection, aliases: Sequence[str]) -> list[Row[Any]]:
    """Slots are taken before their item everywhere, so these are as well, in one order."""
    of_items = select(REVIEW_SLOTS.c.alias).where(REVIEW_SLOTS.c.item.in_(aliases))
    connection.execute(of_items.order_by(REVIEW_SLOTS.c.alias).with_for_update()).all()
    items = select(REVIEW_ITEMS).where(REVIEW_ITEMS.c.alias.in_(aliases))
    return list(connection.execute(items.order_by(REVIEW_ITEMS.c.alias).with_for_update()))
