"""When a submission is settled: every primary review is locked, and nothing is left to adjudicate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select, update

from grading.book import LOCKED as ITEM_LOCKED
from grading.book import now
from grading.queue.slots import LOCKED, PRIMARY, VOID
from grading.tables import REVIEW_ITEMS, REVIEW_SLOTS

Due = Callable[[Connection, str], int]
"""Told of an item (its alias) of which all primary reviews are locked; answers how many adjudications are open."""

Settled = Callable[[Connection, str], None]
"""Told that the people's part of an attempt (its id) is there, in the transaction that makes it so: whatever it
writes down by that connection is there with the verdicts, or neither is."""

_HOLD = (
    select(REVIEW_ITEMS.c.state, REVIEW_ITEMS.c.settled, REVIEW_ITEMS.c.attempt_id)
    .where(REVIEW_ITEMS.c.alias == bindparam("item"))
    .with_for_update()
)
_LEFT = (
    select(func.count())
    .select_from(REVIEW_SLOTS)
    .where(
        REVIEW_SLOTS.c.item == bindparam("item"),
        REVIEW_SLOTS.c.kind == PRIMARY,
        REVIEW_SLOTS.c.state.not_in((LOCKED, VOID)),
    )
)


def settle(connection: Connection, item: str, due: Due | None = None, *, again: bool = False) -> bool:
    """Whether a submission becomes settled now; True once in its life.

    To be asked in the transaction that locks a slot, makes one void, or closes an adjudication. Whoever asks at
    the same time waits, so that the last of several is one.

    Args:
        connection: Of a write transaction.
        item: Alias of the item.
        due: Opens the adjudications that are due and counts the open ones; None: there are none.
        again: What is due may have changed, so that it is asked of a settled submission as well; that stays one.
    """
    row = connection.execute(_HOLD, {"item": item}).one()
    if row.settled is not None and not again:
        return False
    if connection.execute(_LEFT, {"item": item}).scalar_one():
        return False
    left = due(connection, item) if due is not None else 0
    if row.settled is not None:
        return False
    changed = {"state": ITEM_LOCKED, "changed": now()}
    if not left:
        changed["settled"] = now()
    connection.execute(update(REVIEW_ITEMS).where(REVIEW_ITEMS.c.alias == item).values(**changed))
    return "settled" in changed


@dataclass(frozen=True)
class Settling:
    """Whether an item is settled by now, and whoever is to know is told.

    Attributes:
        settled: Told of its attempt, once; None: nobody is. due: See `Due`.
    """

    settled: Settled | None = None
    due: Due | None = None

    def __call__(self, connection: Connection, item: str, *, again: bool = False) -> bool:
        """Of the item of that alias, within the caller's transaction: see `settle`."""
        if not settle(connection, item, self.due, again=again):
            return False
        if self.settled is not None:
            attempt = connection.execute(_HOLD, {"item": item}).one().attempt_id
            self.settled(connection, str(attempt))
        return True
