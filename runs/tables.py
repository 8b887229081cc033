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
    inspect,
    text,
)

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
    Column("owner", String),  # who began it
    Column("queue", String),  # where its rounds wait
    Column("pack", String),  # digest of the pack's snapshot among the blobs
    Column("options", Text),  # RunOptions
    Column("stop", Text),  # Stop: why no more of it is to be begun
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
    Column("rounds", Integer, nullable=False, server_default="0"),  # started for it so far
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
    Column("ended", String),
    Column("why", Text),
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
    WORKERS.create(connection, checkfirst=True)
    there = inspect(connection)
    for table in (RUNS, ATTEMPTS, EXECUTIONS):
        known = {column["name"] for column in there.get_columns(table.name)}
        for column in table.columns:
            if column.name not in known:
                kind = column.type.compile(connection.dialect)
                default = " NOT NULL DEFAULT 0" if column.server_default is not None else ""
                connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}{default}"))
    connection.execute(text("DROP TABLE IF EXISTS steps"))


RUN_MIGRATIONS = [Migration("runs", 1, create_all(METADATA)), Migration("runs", 2, _durable)]
