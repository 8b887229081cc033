"""The tables of the call journal (one row a call, one a failed try), of what runs spent, and of the lanes."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

from core.llm.ledger import TOKEN_KINDS
from core.store.migrations import Migration, add_missing_columns, create_all

META = MetaData()


def _tokens() -> Iterator[Column[int]]:
    """Of each kind; null where nobody told."""
    return (Column(kind, Integer) for kind in TOKEN_KINDS)


CALLS = Table(
    "model_calls",
    META,
    Column("key", String, primary_key=True),
    Column("state", String, nullable=False),  # started, received, failed
    Column("tries", Integer, nullable=False),  # how often the call was begun under this key; fences stale writers
    Column("provider", String, nullable=False),
    Column("model", String, nullable=False),
    Column("request", String, nullable=False),  # digest of the request
    Column("started_at", Float, nullable=False),  # seconds since 1970
    Column("reply", LargeBinary),  # the ChatReply as JSON, zlib
    Column("stop", String),
    *_tokens(),
    Column("dollars", Float),
    Column("seconds", Float),
    Column("cause", String),
    Column("detail", String),
    Column("waited", Float),  # before its first try
    Column("expected", Integer),  # tokens of the request, estimated before it was sent
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
    *_tokens(),
    Column("dollars", Float),  # null: unknown
    Column("estimated", Integer),  # 1: tokens and dollars are estimates
    Column("tries", Integer),  # which beginning of the call it belongs to
    sqlite_with_rowid=False,
)

# One row a run and worker, so that no two workers ever write to the same one.
SPEND = Table(
    "run_spend",
    META,
    Column("run", String, primary_key=True),
    Column("worker", String, primary_key=True),
    Column("dollars", Float, nullable=False),
    Column("estimated", Float, nullable=False),  # the share of `dollars` that is an estimate
    Column("tokens", BigInteger, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("unpriced", Integer, nullable=False),
    Column("first_at", Float, nullable=False),  # seconds since 1970
    Column("last_at", Float, nullable=False),
    sqlite_with_rowid=False,
)

# What all workers know of an account: see `lane_rules.LaneState`.
LANES = Table(
    "model_lanes",
    META,
    Column("account", String, primary_key=True),
    Column("room", Float, nullable=False),
    Column("narrowed_at", Float, nullable=False),
    Column("refusals", Integer, nullable=False),
    Column("blocked_until", Float, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("openings", Integer, nullable=False),
    Column("open_until", Float, nullable=False),
    Column("prober", String, nullable=False),
    Column("probe_until", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    sqlite_with_rowid=False,
)

LANE_USERS = Table(
    "model_lane_users",
    META,
    Column("account", String, primary_key=True),
    Column("worker", String, primary_key=True),
    Column("wants", Integer, nullable=False),
    Column("seen_at", Float, nullable=False),
    Index("model_lane_users_by_seen", "seen_at"),
    sqlite_with_rowid=False,
)


def _grow(connection: Connection) -> None:
    """Brings the tables of a project that was made before there were budgets and lanes up to date."""
    create_all(META)(connection)
    add_missing_columns(CALLS, WASTE)(connection)


LLM_MIGRATIONS = (Migration("core.llm", 1, create_all(META)), Migration("core.llm", 2, _grow))
