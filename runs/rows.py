"""The rows of runs as the rest of the house sees them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import Row

from agents import Remark
from core import Cause, StoreFault, Submission, cause_row
from grading import ReworkContext
from runs.options import QUEUE, RunOptions, Stop
from runs.plan import Arm, RunConfig
from sandbox import SandboxInfo

T = TypeVar("T")
REMARKS = TypeAdapter(tuple[Remark, ...])

PLANNED, RUNNING, INTERRUPTED, STOPPED, DONE = "planned", "running", "interrupted", "stopped", "done"


@dataclass(frozen=True)
class RunRow:
    """A run.

    Attributes:
        state: `planned`, `running`, `interrupted`, `stopped` (see `stop`) or `done`.
        queue: Where its rounds wait; None for a run of what was made elsewhere.
        pack: Digest of the pack's snapshot among the blobs; None: not kept.
        stop: Why no more of it is begun.
        started: When it was last begun or resumed.
    """

    id: str
    created: str
    pack_root: Path
    config: RunConfig
    state: str
    owner: str | None
    queue: str | None
    pack: str | None
    options: RunOptions
    stop: Stop | None
    started: str | None = None

    @property
    def detached(self) -> bool:
        """Workers execute it, and no process of its own."""
        return self.queue == QUEUE

    @property
    def broken_off(self) -> Stop | None:
        """Why it did not do all that it was to do: a stop that came when all was done has broken nothing off."""
        return None if self.state == DONE and self.stop is not None and not self.stop.final else self.stop


@dataclass(frozen=True)
class DamagedRun:
    """What is left of a run whose record cannot be read."""

    id: str
    created: str
    owner: str | None


@dataclass(frozen=True)
class Standing:
    """How a run stands, as in `RunRow`."""

    state: str
    stop: Stop | None
    started: str | None


@dataclass(frozen=True)
class AttemptRow:
    """An attempt with what identifies its trial; `cause` is that of its last execution, `round` its last one.

    Attributes:
        remarks: What its agent is told of the attempt before it, as that stood when this one was planned.
        context: What it goes on from, as that was said then; None: nobody works in it, or it was planned by an
            UpBench that did not write it down.
        damaged: What of its record cannot be read, in a line. It is not graded then, and its cause says so.
    """

    id: str
    run: str
    trial: str
    agent: str
    job: str
    repeat: int
    k: int
    arm: Arm
    parent: str | None
    state: str
    cause: Cause | None
    submission: Submission | None
    finished: str | None
    round: str | None = None
    remarks: tuple[Remark, ...] | None = None
    context: ReworkContext | None = None
    damaged: str = ""

    @property
    def graded(self) -> bool:
        """It has ended, and what it handed in counts (see `core.causes`); else it is missing."""
        return self.state == DONE and self.cause is not None and cause_row(self.cause).graded

    @property
    def handed_in(self) -> Submission:
        """What it handed in, if anything. Raises `StoreFault` where its record is damaged."""
        if self.damaged:
            raise StoreFault(Cause.store_damaged, self.damaged)
        return self.submission or Submission()


@dataclass(frozen=True)
class ExecutionRow:
    """One execution of an attempt.

    Attributes:
        sandbox: What it was last opened as, once its agent's work has ended; None where that cannot be read.
    """

    id: str
    attempt: str
    e: int
    started: str
    cause: Cause | None
    detail: str
    steps: int
    seconds: float | None
    working_seconds: float | None
    work_minutes: float | None
    dollars: float | None
    sandbox: SandboxInfo | None


def sound_run(row: Row[Any]) -> RunRow:
    """A row of a run. Raises `StoreFault` where it is damaged: without its configuration nothing can be done."""
    try:
        return _run_row(row)
    except ValueError as error:
        raise StoreFault(Cause.store_damaged, f"the record of {row.id} is damaged") from error


def read_cause(text: str | None) -> Cause | None:
    """A cause as it stands in a record; `store_damaged` where there is none of that name."""
    if not text:
        return None
    try:
        return Cause(text)
    except ValueError:
        return Cause.store_damaged


def _names(kind: Any) -> set[str]:
    return {field.name for field in fields(kind)}


def _made(kind: type[T], row: Row[Any], **read: Any) -> T:
    """A `kind` with what was `read` from the row's text, and all else as it stands there."""
    return kind(**{name: getattr(row, name) for name in _names(kind) - read.keys()}, **read)


def _run_row(row: Row[Any]) -> RunRow:
    return _made(
        RunRow,
        row,
        pack_root=Path(row.pack_root),
        config=RunConfig.model_validate_json(row.config),
        options=RunOptions.model_validate_json(row.options) if row.options else RunOptions(),
        stop=Stop.model_validate_json(row.stop) if row.stop else None,
    )


def attempt_row(row: Row[Any]) -> AttemptRow:
    """A row of an attempt with its trial.

    What of it cannot be read is left out and named in `damaged`, so that one bad row hides no other, and stops
    nobody at work on them.
    """
    lost = []

    def read(name: str, make: Callable[[str], T]) -> T | None:
        text = getattr(row, name)
        try:
            return None if text is None else make(text)
        except ValueError:
            lost.append(name)
            return None

    submission = read("submission", Submission.model_validate_json)
    remarks = read("remarks", REMARKS.validate_json)
    cause = read("cause", Cause)
    damaged = f"the record of {row.id} is damaged: its {' and '.join(lost)} cannot be read" if lost else ""
    return _made(
        AttemptRow,
        row,
        cause=Cause.store_damaged if lost and row.state == DONE else cause,
        submission=submission,
        remarks=remarks,
        damaged=damaged,
    )


def execution_row(row: Row[Any]) -> ExecutionRow:
    """A row of an execution; what it was opened as is told where that can be read."""
    try:
        sandbox = SandboxInfo.model_validate_json(row.sandbox) if row.sandbox else None
    except ValueError:
        sandbox = None
    return _made(
        ExecutionRow,
        row,
        cause=read_cause(row.cause),
        detail=row.detail or "",
        steps=row.steps or 0,
        sandbox=sandbox,
    )
