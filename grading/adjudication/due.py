"""The adjudications that are due of a submission, as the queue asks for them when it may be settled."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from grading.adjudication.triggers import open_due
from grading.book import read_evaluations
from grading.tables import REVIEW_ITEMS

_ITEM = select(REVIEW_ITEMS).where(REVIEW_ITEMS.c.alias == bindparam("item"))


def adjudications_due(connection: Connection, item: str) -> int:
    """Open what must be adjudicated of the item of that alias, and count its open adjudications."""
    row = connection.execute(_ITEM, {"item": item}).one()
    return open_due(connection, row, read_evaluations(connection, [row.attempt_id]))
