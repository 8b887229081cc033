"""Runs of many trials, written into the records as they would be after their work."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, event, insert

from agents import AgentConfig
from core import Deliverable, Submission, insert_new
from core.llm.tables import CALLS, SPEND, WASTE
from runs import RunConfig
from runs.machinery import LOCKS
from runs.tables import ATTEMPTS, EXECUTIONS, RUNS, TRIALS, WORKERS
from runs.workers.locks import open_locks
from sandbox import SandboxInfo
from upbench.home import Home, open_home
from upbench.settings import Settings

Row = dict[str, object]
Rows = dict[str, list[Row]]

RUN = "20260101-000000-large-0001"
SANDBOX = SandboxInfo(
    provider="bwrap", version="0.8", image=None, toolbox="0" * 64, enforced={"wall": "supervisor"}
)
SUBMISSION = Submission(
    files=tuple(
        Deliverable(path=f"part-{n}.csv", size=10, media_type="text/csv", sha256=f"{n}" * 64) for n in range(3)
    )
)


def home_at(place: Path | str, folder: Path) -> Home:
    """A project in `folder` with its records at `place`."""
    if isinstance(place, Path):
        return open_home(Settings(project=folder))
    return open_home(Settings(project=folder, database=place))


def write_run(
    home: Home,
    trials: int,
    *,
    calls: int = 5,
    run: str = RUN,
    first: int = 0,
    at: datetime | None = None,
    queue: str = "workers",
) -> None:
    """A run of so many trials (a multiple of ten), whose names count from `first`.

    Of each ten trials eight are done (one of those for `sandbox_lost`), one is at work, one is planned. Each
    execution made `calls` calls of 100 + 10 tokens and a cent; the first call of each wasted one try without a
    price, and each done attempt has one judge's call of two cents. One done attempt ended each second until `at`.
    """
    at, done = at or datetime.now(UTC), 0
    rows: Rows = {name: [] for name in ("trial", "attempt", "execution", "call", "waste")}
    for number in range(trials):
        one = Past(number, f"t{first + number:012x}", ended=_text(at - timedelta(seconds=done)))
        done += one.cause is not None
        began = _text(at - timedelta(seconds=trials + 60 - number))
        rows["trial"].append(one.trial_row(run))
        rows["attempt"].append(one.attempt_row(run))
        for e in range(1, one.executions + 1):
            key = f"{one.attempt}.e{e}"
            rows["execution"].append(one.execution_row(e, began, 0.01 * calls))
            rows["call"] += [_call(f"{key}/{n}", 0.01) for n in range(1, calls + 1)]
            rows["waste"].append(_waste(f"{key}/1"))
        if one.cause is not None:
            rows["call"].append(_call(f"{one.attempt}/judge/1", 0.02))
    _write(home, run, rows, at, queue)


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Past:
    """A trial as `write_run` makes it; `ended` is when, if it has."""

    number: int
    trial: str
    ended: str

    @property
    def kind(self) -> int:
        """Which of its ten."""
        return self.number % 10

    @property
    def attempt(self) -> str:
        return f"{self.trial}.k1"

    @property
    def state(self) -> str:
        return {9: "planned", 8: "running"}.get(self.kind, "done")

    @property
    def cause(self) -> str | None:
        """For what it ended."""
        return {9: None, 8: None, 7: "sandbox_lost"}.get(self.kind, "submitted")

    @property
    def executions(self) -> int:
        return {9: 0, 7: 2}.get(self.kind, 1)

    def trial_row(self, run: str) -> Row:
        names = {"id": self.trial, "run": run, "identity": self.trial, "position": self.number}
        return {**names, "agent": "react", "job": f"job-{self.kind}", "repeat": 1}

    def attempt_row(self, run: str) -> Row:
        handed_in = self.cause == "submitted"
        return {
            "id": self.attempt,
            "trial": self.trial,
            "run": run,
            "arm": "alone",
            "k": 1,
            "state": self.state,
            "cause": self.cause,
            "submission": SUBMISSION.model_dump_json(exclude_defaults=True) if handed_in else None,
            "finished": self.ended if self.cause else None,
        }

    def execution_row(self, e: int, began: str, dollars: float) -> Row:
        """Of several the last ended as the attempt did."""
        return {
            "id": f"{self.attempt}.e{e}",
            "attempt": self.attempt,
            "e": e,
            "started": began,
            "cause": self.cause if e == self.executions else "model_unavailable",
            "seconds": 2.0 if self.cause else None,
            "dollars": dollars if self.cause else None,
            "sandbox": SANDBOX.model_dump_json() if self.cause else None,
        }


def _waste(key: str) -> Row:
    return {"key": key, "number": 1, "kind": "dropped", "seconds": 1.0, "waited": 2.0, "at": time.time()}


def _write(home: Home, run: str, rows: Rows, at: datetime, queue: str) -> None:
    config = RunConfig(
        pack="large",
        pack_version="1",
        jobs=tuple(f"job-{n}" for n in range(10)),
        agents=(AgentConfig(name="react", scaffold="react"),),
        provider="bwrap",
    )
    with home.database.write() as connection:
        begun = (at - timedelta(hours=1)).isoformat(timespec="milliseconds")
        connection.execute(
            insert(RUNS),
            {
                "id": run,
                "created": begun,
                "pack_root": "large",
                "config": config.model_dump_json(),
                "state": "running",
                "queue": queue,
            },
        )
        for table, name in (
            (TRIALS, "trial"),
            (ATTEMPTS, "attempt"),
            (EXECUTIONS, "execution"),
            (CALLS, "call"),
            (WASTE, "waste"),
        ):
            if rows[name]:
                connection.execute(insert(table), rows[name])
        for worker, dollars in (("w-1", 1.5), ("w-2", 2.25)):
            spent = {"dollars": dollars, "estimated": 0.25, "tokens": 1000, "calls": 3, "unpriced": 1}
            times = {"first_at": time.time() - 60, "last_at": time.time()}
            connection.execute(insert(SPEND), {"run": run, "worker": worker, **spent, **times})
        for worker in ("w-1", "w-2", "w-killed"):
            known = {"host": "elsewhere", "pid": 1, "queues": '{"workers": 4}', "started": begun}
            worker_row = {"id": worker, **known, "draining": int(worker == "w-2")}
            connection.execute(insert_new(WORKERS), worker_row)


def _call(key: str, dollars: float) -> Row:
    return {
        "key": key,
        "state": "received",
        "tries": 1,
        "provider": "p",
        "model": "m",
        "request": "0" * 64,
        "started_at": 1.0,
        "reply": zlib.compress(b"{}"),
        "input": 100,
        "cache_read": 0,
        "cache_write": 0,
        "output": 10,
        "reasoning": 0,
        "dollars": dollars,
        "seconds": 1.0,
        "waited": 0.5,
    }


@contextmanager
def workers_at(home: Home) -> Iterator[None]:
    """Within the block the workers of a run that was written live, all but the one that was killed."""
    locks = open_locks(home.database, home.state / LOCKS)
    try:
        assert locks.take("w-1")
        assert locks.take("w-2")
        yield
    finally:
        locks.close()


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """The statements that are executed within the block, on any database."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)
