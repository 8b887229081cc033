"""The tables of the call journal: one row a call, one row a failed try."""

from __future__ import annotations

from sqlalchemy import Column, Float, Integer, LargeBinary, MetaData, String, Table

from core.store.migrations import Migration, create_all

META = MetaData()

CALLS = Table(
    "model_calls",
    META,
    Column("key", String, primary_key=True),
    Column("state", String, nullable=False),  # started, received, failed
    Column("tries", Integer, nullable=False),  # how often the call was begun under this key
    Column("provider", String, nullable=False),
    Column("model", String, nullable=False),
    Column("request", String, nullable=False),  # digest of the request
    Column("started_at", Float, nullable=False),  # seconds since 1970
    Column("reply", LargeBinary),  # the ChatReply as JSON, zlib
    Column("stop", String),
    Column("input", Integer),
    Column("cache_read", Integer),
    Column("cache_write", Integer),
    Column("output", Integer),
    Column("reasoning", Integer),
    Column("dollars", Float),
    Column("seconds", Float),
    Column("cause", String),
    Column("detail", String),
    sqlite_with_rowid=False,
)

WASTE = Table(
    "model_waste",
    META,
    Column("key", String, primary_key=True),
    Column("number", Integer, primary_key=True),  # from 1
    Column("kind", String, nullable=False),
    Column("status", Integer),
    Column("seconds", Float, nullable=False),
    Column("waited", Float, nullable=False),
    Column("at", Float, nullable=False),
    Column("input", Integer),  # tokens are null where nobody told
    Column("cache_read", Integer),
    Column("cache_write", Integer),
    Column("output", Integer),
    Column("reasoning", Integer),
    Column("dollars", Float),  # null: unknown
    sqlite_with_rowid=False,
)

LLM_MIGRATIONS = (Migration("core.llm", 1, create_all(META)),)
