"""The tables of runs: run, trial, attempt (a tree), execution, and the steps of each execution's round."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text

from core import Migration, create_all

METADATA = MetaData()

RUNS = Table(
    "runs",
    METADATA,
    Column("id", String, primary_key=True),
    Column("created", String, nullable=False),
    Column("pack_root", String, nullable=False),
    Column("config", Text, nullable=False),
    Column("state", String, nullable=False),
)

TRIALS = Table(
    "trials",
    METADATA,
    Column("id", String, primary_key=True),
    Column("run", ForeignKey("runs.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("agent", String, nullable=False),
    Column("job", String, nullable=False),
    Column("repeat", Integer, nullable=False),
    Column("identity", String, nullable=False),
    Index("trials_by_run", "run"),
)

ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("id", String, primary_key=True),
    Column("trial", ForeignKey("trials.id"), nullable=False),
    Column("parent", ForeignKey("attempts.id")),
    Column("arm", String, nullable=False),
    Column("k", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("cause", String),
    Column("submission", Text),
    Column("finished", String),
    Index("attempts_by_trial", "trial"),
)

EXECUTIONS = Table(
    "executions",
    METADATA,
    Column("id", String, primary_key=True),
    Column("attempt", ForeignKey("attempts.id"), nullable=False),
    Column("e", Integer, nullable=False),
    Column("started", String, nullable=False),
    Column("cause", String),
    Column("detail", Text),
    Column("steps", Integer),
    Column("seconds", Float),
    Column("working_seconds", Float),
    Column("work_minutes", Float),
    Column("dollars", Float),
    Column("sandbox", Text),
    Index("executions_by_attempt", "attempt"),
)

STEPS = Table(
    "steps",
    METADATA,
    Column("round", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("output", Text, nullable=False),
    sqlite_with_rowid=False,
)

# The jobs of a run as they were when it was begun (number 0), and after each grading by another rubric.
SHEETS = Table(
    "run_sheets",
    METADATA,
    Column("run", ForeignKey("runs.id"), primary_key=True),
    Column("job", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("grading_digest", String, nullable=False),
    Column("body", Text, nullable=False),
    sqlite_with_rowid=False,
)

RUN_MIGRATIONS = [Migration("runs", 1, create_all(METADATA))]
