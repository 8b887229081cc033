"""Work that is told of after it was locked: a browser that was offline sends its intervals when it can."""

from __future__ import annotations

from sqlalchemy import Connection

from core import insert_or_update
from grading.adjudication.tables import PAY_LATE
from grading.book import now

# Written over rather than left alone: so whoever reads the mark and removes it is waited for.
_NOTE = insert_or_update(PAY_LATE, ("slot", "person"), ("noted",))


def note_late(connection: Connection, slot: str, person: str) -> None:
    """Intervals of a locked slot have come, which the ledger may not know."""
    connection.execute(_NOTE, {"slot": slot, "person": person, "noted": now()})
