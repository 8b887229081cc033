"""Tables of the review app's own: what makes a reviewer's work easier and is part of no record."""

from __future__ import annotations

from sqlalchemy import Column, Integer, MetaData, String, Table, Text

from core import Migration, create_all

METADATA = MetaData()

# Comments that a reviewer keeps to use again. They are nobody else's and never leave with a bundle.
REVIEW_SNIPPETS = Table(
    "review_snippets",
    METADATA,
    Column("reviewer", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("text", Text, nullable=False),
    sqlite_with_rowid=False,
)

REVIEW_MIGRATIONS = [Migration("review", 1, create_all(METADATA))]
