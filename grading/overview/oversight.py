"""What leads are shown of runs. This room knows of no runs: whoever serves the app tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Select

from core import Submission
from grading.figures.model import Figures
from rubrics import CompletionPolicy

Scope = Select[str] | None
"""Chooses the ids of the attempts that are meant, in the database of the book; None: all there are."""


@dataclass(frozen=True)
class RunHead:
    """A run in a line.

    Attributes:
        attempts: By state, `total` and `done` among them.
        dollars: Of model calls, as far as they have a price. stop: Why no more of it is begun, in a word.
    """

    id: str
    created: str
    state: str
    pack: str
    owner: str | None
    attempts: dict[str, int]
    dollars: float
    stop: str | None = None


@dataclass(frozen=True)
class RunSeen:
    """A run as a whole.

    Attributes:
        facts: What it is and used, in words, in order. causes: Attempts that ended, by cause.
        arms: Attempts, by arm. trials: How many.
    """

    head: RunHead
    facts: dict[str, str]
    causes: dict[str, int]
    arms: dict[str, int]
    trials: int


@dataclass(frozen=True)
class ExecutionSeen:
    """One execution of an attempt.

    Attributes:
        cause: Why it ended; None: it has not. says: The same in words.
        seconds: By the clock. dollars: Of model calls; None: unknown.
        sandbox: What it worked in.
    """

    id: str
    e: int
    started: str
    cause: str | None
    says: str
    detail: str
    steps: int
    seconds: float | None
    dollars: float | None
    sandbox: str


@dataclass(frozen=True)
class AttemptSeen:
    """One attempt.

    Attributes:
        graded: It has ended, and what it handed in counts.
        submission: What it handed in.
        damaged: What of its record cannot be read, in a line; it counts as missing then.
    """

    id: str
    k: int
    arm: str
    state: str
    cause: str | None
    graded: bool
    submission: Submission | None
    executions: tuple[ExecutionSeen, ...]
    damaged: str = ""


@dataclass(frozen=True)
class TrialSeen:
    """One agent on one job, one repeat."""

    id: str
    run: str
    agent: str
    job: str
    repeat: int
    attempts: tuple[AttemptSeen, ...]


class Oversight(Protocol):
    """Runs, as leads see them; ids are whole. Everything is read anew at each call."""

    def runs(self, most: int) -> Sequence[RunHead]:
        """The newest runs, everybody's, at most so many."""
        ...

    def run(self, run: str) -> RunSeen | None:
        """One run; None: there is none."""
        ...

    def attempts(self, run: str) -> Select[str]:
        """Chooses the ids of a run's attempts."""
        ...

    def reworked(self) -> Select[str]:
        """Chooses the ids of the attempts, of all runs, that went on from what reviewers wrote."""
        ...

    def trials(self, run: str, *, skip: int, most: int) -> Sequence[TrialSeen]:
        """Trials of a run in the order of its plan, with their attempts: at most so many, `skip` left out."""
        ...

    def trial(self, run: str, trial: str) -> TrialSeen | None:
        """One trial of that run; None: there is none."""
        ...

    def figures(self, run: str, policy: CompletionPolicy | None) -> Figures:
        """The figures of a run, by its own completion policy unless another is named; it may take seconds.

        Raises:
            BadInput: What was said of it contradicts itself.
        """
        ...

    def mark(self, run: str) -> str:
        """Another text whenever the attempts of a run stand otherwise than before."""
        ...
