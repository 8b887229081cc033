"""The submission that a reviewed one reworks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, Select, select

from grading.items import ReviewItem
from grading.review.reviews import item_of
from grading.tables import REVIEW_ITEMS, REVIEW_SHEETS


def former_item(connection: Connection, previous: str | None) -> ReviewItem | None:
    """What was handed in before; None: it is the first.

    Args:
        connection: Of the caller's transaction.
        previous: `Review.previous` of a review that is the person's who asks: who may see a submission may see
            what it was made from. It is no address and never sent: nobody can be asked for by it.
    """
    if previous is None:
        return None
    query: Select[Any] = (
        select(REVIEW_ITEMS.c.handed_in, REVIEW_SHEETS.c.body)
        .join(REVIEW_SHEETS, REVIEW_SHEETS.c.digest == REVIEW_ITEMS.c.sheet)
        .where(REVIEW_ITEMS.c.alias == previous)
    )
    row: Row[Any] | None = connection.execute(query).one_or_none()
    return None if row is None else item_of(row)
