"""The steps by which this room's tables came to be as they are."""

from __future__ import annotations

from sqlalchemy import Connection

from core import Migration, add_missing_columns, create_all
from grading.adjudication.tables import ADJUDICATION_MIGRATIONS
from grading.overview.tables import OVERVIEW_MIGRATIONS
from grading.queue.layout import add_slots_to_all
from grading.tables import METADATA, REVIEW_ITEMS, REVIEW_SLOTS


def _add_columns_and_indexes(connection: Connection) -> None:
    add_missing_columns(REVIEW_ITEMS, REVIEW_SLOTS)(connection)
    for index in REVIEW_ITEMS.indexes | REVIEW_SLOTS.indexes:
        index.create(connection, checkfirst=True)


# The first makes the tables as they are today; what comes after it meets them in a fresh database.
GRADING_MIGRATIONS = [
    Migration("grading", 1, create_all(METADATA)),
    Migration("grading", 2, add_slots_to_all),
    Migration("grading", 3, create_all(METADATA)),  # review_unblinding
    Migration("grading", 4, _add_columns_and_indexes),
    Migration("grading", 5, _add_columns_and_indexes),  # review_slots_qualified
    Migration("grading", 6, add_missing_columns(REVIEW_ITEMS)),
    *ADJUDICATION_MIGRATIONS,
    *OVERVIEW_MIGRATIONS,
]
