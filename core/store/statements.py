"""Inserts that may meet a row that is there already, for either dialect.

SQLite and PostgreSQL know the same `ON CONFLICT`; the clause of SQLAlchemy's one dialect is
rendered by both.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import Insert, insert


def insert_new(table: Table) -> Insert:
    """An insert that leaves a row alone which is there already (by any unique key): what was written first stands.

    With `.returning(...)` it returns nothing for such a row.
    """
    return insert(table).on_conflict_do_nothing()


def insert_or_update(table: Table, keys: Sequence[str], changing: Sequence[str]) -> Insert:
    """An insert that sets the columns `changing` of the row which has the same `keys`, where there is one."""
    statement = insert(table)
    return statement.on_conflict_do_update(
        index_elements=list(keys), set_={name: statement.excluded[name] for name in changing}
    )
