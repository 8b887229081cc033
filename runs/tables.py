"""The tables of runs: run, trial, attempt (a tree) and execution; and who executes them."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    select,
    update,
)

from core import Migration, add_missing_columns, create_all, drop_table

METADATA = MetaData()

RUNS = Table(
    "runs",
    METADATA,
    Column("id", String, primary_key=True),
    Column("created", String, nullable=False),
    Column("pack_root", String, nullable=False),
    Column("config", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("owner", String),  # who began it
    Column("queue", String),  # where its rounds wait
    Column("pack", String),  # digest of the pack's snapshot among the blobs
    Column("options", Text),  # RunOptions
    Column("stop", Text),  # Stop: why no more of it is to be begun
    Column("started", String),  # when it was last begun or resumed
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
    Index("trials_by_plan", "run", "position"),
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
    Column("rounds", Integer, nullable=False, server_default="0"),  # started for it so far
    Column("round", String),  # key of the last of them
    Column("run", String),  # of its trial
    Column("remarks", Text),  # JSON: what its agent is told of the attempt before it
    Column("context", String),  # what it goes on from: `submission` or `transcript`
    Index("attempts_by_trial", "trial"),
    Index("attempts_by_run", "run", "state", "rounds"),
    Index("attempts_by_end", "run", "finished", "cause"),
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
    Column("result", Text),  # AgentResult, once the agent's work has ended
    Column("collected", Integer, nullable=False, server_default="0"),  # 1 once what it handed in is kept
    Index("executions_by_attempt", "attempt"),
)

WORKERS = Table(
    "workers",
    METADATA,
    Column("id", String, primary_key=True),
    Column("host", String, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("queues", Text, nullable=False),  # JSON: queue -> slots
    Column("started", String, nullable=False),
    Column("draining", Integer, nullable=False, server_default="0"),  # 1: it takes nothing new
    Column("paused", Text),  # why it carries nothing for now
    Column("ended", String),
    Column("why", Text),
    Index("workers_by_end", "ended"),  # each worker looks for those present all the time
    Index("workers_by_why", "why"),
)

# Runs that a worker cannot open, and why: others go on with them.
REFUSALS = Table(
    "worker_refusals",
    METADATA,
    Column("run", String, primary_key=True),
    Column("worker", String, primary_key=True),
    Column("detail", Text, nullable=False),
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


def _durable(connection: Connection) -> None:
    """Brings the tables of a project that was made before runs had queues and workers up to date."""
    add_missing_columns(RUNS, ATTEMPTS, EXECUTIONS)(connection)
    create_all(METADATA)(connection)
    of_trial = select(TRIALS.c.run).where(TRIALS.c.id == ATTEMPTS.c.trial).scalar_subquery()
    connection.execute(update(ATTEMPTS).where(ATTEMPTS.c.run.is_(None)).values(run=of_trial))
    for index in ATTEMPTS.indexes:
        index.create(connection, checkfirst=True)
    drop_table("steps")(connection)


def _many(connection: Connection) -> None:
    """What many workers and many runs need to be looked up by."""
    _durable(connection)
    for index in WORKERS.indexes:
        index.create(connection, checkfirst=True)


def _in_the_plan(connection: Connection) -> None:
    """What comes next of a large run is looked up by its place in the plan."""
    for index in TRIALS.indexes:
        index.create(connection, checkfirst=True)
    connection.exec_driver_sql("DROP INDEX IF EXISTS trials_by_run")  # the new one serves for it


RUN_MIGRATIONS = [
    Migration("runs", 1, create_all(METADATA)),
    Migration("runs", 2, _durable),
    Migration("runs", 3, _many),
    Migration("runs", 4, _in_the_plan),
    Migration("runs", 5, add_missing_columns(ATTEMPTS)),
    Migration("runs", 6, create_all(METADATA)),
    Migration("runs", 7, add_missing_columns(ATTEMPTS, WORKERS)),
]
