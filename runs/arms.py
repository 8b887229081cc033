"""The arms of later attempts: what of a run is tried again without remarks, as control for what remarks bring.

Every arm forks from the same failed first attempt and goes on from its own last one: attempt k + 1 of arm `retry`
has attempt k of that arm as its parent, and attempt 1 where k is 1. Whether an attempt failed is grading's word:
by its verdicts of record and the completion policy, and only once no criterion awaits a verdict, since a reviewer
may still overrule what a check decided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import get_args

from agents import Rework
from core import BadInput, Blobs, Database, Frozen, Submission
from grading import Outcome, PolicyName, Trial, place, study
from runs.keys import attempt_id
from runs.lines import evaluation_lines
from runs.manifest import lay_out
from runs.plan import MOST_ATTEMPTS, Arm, PlannedAttempt, Protocol
from runs.rows import DONE, AttemptRow

PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
PREVIOUS = "/job/previous"
"""Where an agent finds what it handed in before."""


class ArmPlan(Frozen):
    """What an arm adds to a run now, and why not more.

    Attributes:
        planned: Attempts to make.
        unfinished: Attempts that have not ended; asked again then, there may be more to plan.
        awaiting: Attempts of which a verdict is still awaited.
        undecided: Attempts whose graders could not judge what the policy requires.
        completed: How many trials completed their job at their last attempt.
        exhausted: How many failed at the last attempt that was asked for.
        missing: Attempts that are missing, and so neither failed nor completed, by cause.
    """

    planned: tuple[PlannedAttempt, ...]
    unfinished: tuple[str, ...] = ()
    awaiting: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    completed: int = 0
    exhausted: int = 0
    missing: dict[str, int] = {}

    @property
    def says(self) -> str:
        """In one line."""
        parts = [f"{len(self.planned)} failed attempts to try again"]
        parts += [f"{self.completed} completed"] if self.completed else []
        parts += [f"{len(self.unfinished)} not ended"] if self.unfinished else []
        parts += [f"{len(self.awaiting)} awaiting verdicts"] if self.awaiting else []
        parts += [f"{len(self.undecided)} undecided"] if self.undecided else []
        parts += [f"{self.exhausted} failed at every attempt"] if self.exhausted else []
        parts += [f"{n} missing ({cause})" for cause, n in self.missing.items()]
        return ", ".join(parts)


def check_protocol(protocol: str, attempts: int | None = None) -> int:
    """How many attempts a trial has at most, the first included, under `--protocol` and `--attempts`.

    Raises:
        BadInput: No such protocol, one that needs reviewers, or attempts that do not go with it.
    """
    if protocol not in PROTOCOLS:
        mend = f"one of: {', '.join(PROTOCOLS)}"
        raise BadInput(f"no protocol is called {protocol!r}", field="--protocol", mend=mend)
    if protocol in ("feedback", "both"):
        what = f"{protocol!r} shows agents what reviewers remarked, and no reviewer's remarks reach a run here"
        raise BadInput(what, field="--protocol", mend="choose single, or retry for further tries without remarks")
    if protocol == "single":
        if attempts not in (None, 1):
            what = f"{attempts} attempts, and under `single` there is one"
            raise BadInput(what, field="--attempts", mend="add --protocol retry")
        return 1
    most = 2 if attempts is None else attempts
    if not 2 <= most <= MOST_ATTEMPTS:
        mend = f"at least 2 (the first is counted) and at most {MOST_ATTEMPTS}"
        raise BadInput(f"{most} attempts leave nothing to try again", field="--attempts", mend=mend)
    return most


def judged_trials(
    database: Database,
    run_id: str,
    *,
    attempts: Sequence[AttemptRow] | None = None,
    policy: PolicyName = "paper",
) -> tuple[Trial, ...]:
    """A run's trials as their verdicts of record make them; `attempts` names some of its attempts, default all."""
    lines = evaluation_lines(database, run_id, attempts=attempts)
    return study(place(lines), policy=policy).trials


def plan_retries(attempts: Iterable[AttemptRow], trials: Iterable[Trial], *, most: int) -> ArmPlan:
    """What arm `retry` adds to some trials of a run, whole trials each; asked again, only what is new.

    Args:
        attempts: All attempts of those trials.
        trials: The same trials, judged (see `judged_trials`); one that is not in there awaits its verdicts.
        most: Attempts of a trial, the first included.
    """
    outcomes = {_key(outcome): outcome for trial in trials for outcome in trial.outcomes}
    plan = _Plan(most)
    for row in _last_of_chain(attempts).values():
        plan.consider(row, outcomes.get((row.agent, row.job, row.repeat, row.arm, row.k)))
    return plan.made()


def _key(outcome: Outcome) -> tuple[str, str, int, str, int]:
    key = outcome.attempt.key
    return key.trial.agent, key.trial.job, key.trial.repeat, key.arm, key.k


def _last_of_chain(attempts: Iterable[AttemptRow]) -> Mapping[str, AttemptRow]:
    """The last attempt without remarks of each trial, in the order given."""
    last: dict[str, AttemptRow] = {}
    for row in attempts:
        if row.arm in ("alone", "retry") and (row.trial not in last or row.k > last[row.trial].k):
            last[row.trial] = row
    return last


class _Plan:
    """Sorts the last attempts of trials by what follows from them."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.planned: list[PlannedAttempt] = []
        self.unfinished: list[str] = []
        self.awaiting: list[str] = []
        self.undecided: list[str] = []
        self.completed = self.exhausted = 0
        self.missing: Counter[str] = Counter()

    def consider(self, row: AttemptRow, outcome: Outcome | None) -> None:
        if row.state != DONE:
            self.unfinished.append(row.id)
        elif not row.graded:
            self.missing[row.cause.value if row.cause else "unknown"] += 1
        elif outcome is None or outcome.early or (outcome.completed is None and outcome.missing == "awaiting"):
            self.awaiting.append(row.id)
        elif outcome.completed is None:
            self.undecided.append(row.id)
        elif outcome.completed:
            self.completed += 1
        elif row.k >= self.most:
            self.exhausted += 1
        else:
            self.planned.append(_next(row))

    def made(self) -> ArmPlan:
        return ArmPlan(
            planned=tuple(self.planned),
            unfinished=tuple(self.unfinished),
            awaiting=tuple(self.awaiting),
            undecided=tuple(self.undecided),
            completed=self.completed,
            exhausted=self.exhausted,
            missing=dict(sorted(self.missing.items())),
        )


def _next(row: AttemptRow) -> PlannedAttempt:
    k = row.k + 1
    return PlannedAttempt(
        id=attempt_id(row.trial, k, "retry"), run=row.run, trial=row.trial, parent=row.id, arm="retry", k=k
    )


def rework_of(parent: AttemptRow, arm: Arm) -> Rework:
    """What the agent is told of its previous attempt: what it handed in, and in arm `retry` nothing else.

    Raises:
        ValueError: The arm shows more than this, or nothing.
    """
    if arm != "retry":
        raise ValueError(f"an attempt of arm {arm} does not start from a bare submission")
    return Rework(previous_files=tuple(file.path for file in _submission(parent).files), remarks=())


def lay_out_previous(parent: AttemptRow, blobs: Blobs, folder: Path) -> None:
    """Put what the previous attempt handed in into an empty folder, to be shown read-only at `PREVIOUS`."""
    lay_out(_submission(parent), blobs, folder)


def _submission(parent: AttemptRow) -> Submission:
    return parent.submission or Submission()
