"""How a run is to be executed: chosen by who executes it, kept with the run, no part of what it measures."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core import Cause, Frozen
from grading import Reviewing
from runs.crash_rate import CrashBound
from runs.disk import DiskBound
from runs.limits import RunBudget

LARGE = 20
QUEUE = "workers"
"""Where the rounds of runs wait that no process of their own executes."""


def own_queue(run: str) -> str:
    """Where the rounds of a run wait that one process executes."""
    return f"run.{run}"


class RunOptions(Frozen):
    """How a run is executed.

    Attributes:
        concurrency: Attempts at one time in a process that executes the run alone.
        executions: Bound on the executions of one attempt.
        pause_seconds: Before the second execution of an attempt; doubled before each further one.
        budget: What the whole run may use.
        crashes: When too many attempts crash, nothing more is begun; None: never.
        disk: How much room must be left.
        preflight: Attempts of one agent from which on one of them is made before the others; 0: never.
        snapshots: `/job` is kept after each changing call, so that another machine can go on with it.
        reviewing: How many people review each submission.
    """

    concurrency: int = Field(default=4, ge=1, le=512)
    executions: int = Field(default=2, ge=1, le=10)
    pause_seconds: float = Field(default=10.0, ge=0)
    budget: RunBudget = RunBudget()
    crashes: CrashBound | None = CrashBound()
    disk: DiskBound = DiskBound()
    preflight: int = Field(default=LARGE, ge=0)
    snapshots: bool = False
    reviewing: Reviewing = Reviewing()


Reason = Literal["user_cancelled", "run_budget", "crash_rate", "preflight", "disk", "cannot_open"]
_CAUSES = {"user_cancelled": Cause.user_cancelled, "run_budget": Cause.run_budget}


class Stop(Frozen):
    """Why no more of a run is begun, and what is at work is ended.

    Attributes:
        reason: In a word. detail: In a line, for people.
    """

    reason: Reason
    detail: str = ""

    @property
    def cause(self) -> Cause:
        """Of what the run did not do."""
        return _CAUSES.get(self.reason, Cause.run_stopped)

    @property
    def final(self) -> bool:
        """What was at work is over; otherwise it stays as it is, and a resume goes on with it."""
        return self.reason == "user_cancelled"
