"""A reviewer's own comments, kept to be used again."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field
from sqlalchemy import delete, insert, select

from core import Database, Frozen
from grading.review.tables import REVIEW_SNIPPETS

MOST = 300
MAX_TEXT = 4000


class Snippet(Frozen):
    """One comment. `id` is the reviewer's browser's own."""

    id: str = Field(min_length=1, max_length=64)
    text: str = Field(min_length=1, max_length=MAX_TEXT)


def snippets_of(database: Database, reviewer: str) -> list[Snippet]:
    """In the reviewer's own order."""
    table = REVIEW_SNIPPETS.c
    query = select(table.id, table.text).where(table.reviewer == reviewer).order_by(table.position)
    with database.read() as connection:
        return [Snippet(id=row.id, text=row.text) for row in connection.execute(query)]


def keep_snippets(database: Database, reviewer: str, snippets: Sequence[Snippet]) -> None:
    """Put these in the place of all that the reviewer had; of several with the same id the first stays."""
    unique = {snippet.id: snippet for snippet in reversed(snippets)}
    rows = [
        {"reviewer": reviewer, "id": snippet.id, "position": position, "text": snippet.text}
        for position, snippet in enumerate(reversed(unique.values()))
    ]
    with database.write() as connection:
        connection.execute(delete(REVIEW_SNIPPETS).where(REVIEW_SNIPPETS.c.reviewer == reviewer))
        if rows:
            connection.execute(insert(REVIEW_SNIPPETS), rows)
