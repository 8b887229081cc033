"""Runs as a front door would tell of them: one run of one trial, whose names are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, false, select, true

from core import Submission
from grading import (
    AttemptSeen,
    EvaluationLine,
    ExecutionSeen,
    Figures,
    RunHead,
    RunSeen,
    TrialSeen,
    compute_figures,
)
from grading.tables import REVIEW_ITEMS
from rubrics import CompletionPolicy

TRIAL, ATTEMPT, EXECUTION = "t1", "t1.k1", "t1.k1.e1"


@dataclass
class ToldRuns:
    """Implements `Oversight`. All that is up for review is of the run."""

    run_id: str
    agent: str
    job: str = "letter"
    attempt: str = ATTEMPT
    of_run: tuple[EvaluationLine, ...] = ()
    counted: int = 0

    @property
    def head(self) -> RunHead:
        counts = {"total": 1, "done": 1, "planned": 0, "running": 0}
        return RunHead(self.run_id, "2026-01-01T00:00:00+00:00", "done", "starter 1", "op", counts, 0.5)

    def runs(self, most: int) -> Sequence[RunHead]:
        return [self.head][:most]

    def run(self, run: str) -> RunSeen | None:
        facts = {"Agents": self.agent}
        return RunSeen(self.head, facts, {"submitted": 1}, {"alone": 1}, 1) if run == self.run_id else None

    def attempts(self, run: str) -> Select[str]:
        return select(REVIEW_ITEMS.c.attempt_id).where(true() if run == self.run_id else false())

    def reworked(self) -> Select[str]:
        return select(REVIEW_ITEMS.c.attempt_id)

    def trials(self, run: str, *, skip: int, most: int) -> Sequence[TrialSeen]:
        found = self.trial(run, TRIAL)
        return [found][skip : skip + most] if found else []

    def trial(self, run: str, trial: str) -> TrialSeen | None:
        if (run, trial) != (self.run_id, TRIAL):
            return None
        execution = ExecutionSeen(
            EXECUTION, 1, "2026-01-01T00:00:00+00:00", "submitted", "handed in", "", 3, 90.0, 0.5, "bwrap 0.8"
        )
        attempt = AttemptSeen(self.attempt, 1, "alone", "done", "submitted", True, Submission(), (execution,))
        return TrialSeen(TRIAL, run, self.agent, self.job, 1, (attempt,))

    def figures(self, run: str, policy: CompletionPolicy | None) -> Figures:
        self.counted += 1
        return compute_figures(self.of_run, policy=policy)

    def mark(self, run: str) -> str:
        return "same"
