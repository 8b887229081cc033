"""Who of those that lead looked at whose work: they know whose it is, and review that job no more."""

from __future__ import annotations

from sqlalchemy import Column, MetaData, String, Table

from core import Migration, create_all

METADATA = MetaData()

# `at`: for the first time, ISO 8601 in UTC.
REVIEW_LOOKS = Table(
    "review_looks",
    METADATA,
    Column("person", String, primary_key=True),
    Column("job", String, primary_key=True),
    Column("at", String, nullable=False),
    sqlite_with_rowid=False,
)

OVERVIEW_MIGRATIONS = [Migration("overview", 1, create_all(METADATA))]
OVERVIEW_AT_HOME = frozenset(METADATA.tables)
