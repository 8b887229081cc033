"""The room's tables: the events of every execution's transcript."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table

from core import Migration, create_all

_META = MetaData()

# Looked up by execution and read in order only, so the primary key is the table (no rowid, no second index).
EVENTS = Table(
    "transcript_events",
    _META,
    Column("execution", String, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("at", String, nullable=False),
    Column("form", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

AGENT_MIGRATIONS = (Migration("agents", 1, create_all(_META)),)
