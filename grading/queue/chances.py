"""By what chance a review was wanted: what figures weigh it by."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from grading.queue.slots import LOCKED
from grading.tables import REVIEW_ITEMS, REVIEW_SLOTS

_IN_ONE_QUERY = 500

Chances = dict[tuple[str, str], float]
"""(Reviewer, kind of slot) -> probability of its inclusion; what is not in there was wanted in any case."""


def chances_of(connection: Connection, attempt_ids: Sequence[str]) -> dict[str, Chances]:
    """The chances of the locked reviews of some attempts; an attempt without any is not in there."""
    slot, found = REVIEW_SLOTS.c, dict[str, Chances]()
    query = select(REVIEW_ITEMS.c.attempt_id, slot.reviewer, slot.kind, slot.probability)
    query = query.join(REVIEW_SLOTS, slot.item == REVIEW_ITEMS.c.alias)
    query = query.where(slot.state == LOCKED, slot.probability > 0)
    for begin in range(0, len(attempt_ids), _IN_ONE_QUERY):
        some = REVIEW_ITEMS.c.attempt_id.in_(attempt_ids[begin : begin + _IN_ONE_QUERY])
        for row in connection.execute(query.where(some)):
            found.setdefault(row.attempt_id, {})[row.reviewer, row.kind] = float(row.probability)
    return found
