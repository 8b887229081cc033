"""The arms of later attempts: what of a run is tried again, with remarks or without, and shown again as it is.

Every arm forks from the same failed first attempt and goes on from its own last one: attempt k + 1 of arm `retry`
has attempt k of that arm as its parent, and attempt 1 where k is 1; so has `feedback`. An `echo` has attempt 1 as
its parent, and there is one. Whether an attempt failed is grading's word: by its verdicts of record and the
completion policy, and only once no criterion awaits a verdict, since a reviewer may still overrule what a check
decided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agents import Remark, Rework
from core import Blobs, Database, Frozen
from grading import Outcome, ReworkContext, Trial, place, study
from rubrics import CompletionPolicy, Rubric
from runs.keys import attempt_id
from runs.limits import ReworkBudget
from runs.lines import evaluation_lines
from runs.manifest import lay_out
from runs.plan import Arm, FeedbackForm, PlannedAttempt, RunConfig
from runs.remarks import remarks_of
from runs.rows import DONE, AttemptRow

PREVIOUS = "/job/previous"
"""Where an agent finds what it handed in before."""


@dataclass(frozen=True)
class ArmRules:
    """What is made of what failed.

    Attributes:
        arms: Those of later attempts. most: Attempts of a trial in one of them, the first included.
        form, context, budget, early_stop: As in `RunConfig`.
    """

    arms: tuple[Arm, ...]
    most: int
    form: FeedbackForm = "remarks"
    context: ReworkContext = "submission"
    budget: ReworkBudget = field(default_factory=ReworkBudget)
    early_stop: bool = False

    @classmethod
    def of(cls, config: RunConfig) -> ArmRules:
        """A run's."""
        return cls(
            arms=config.arms,
            most=config.attempts,
            form=config.feedback_form,
            context=config.rework_context,
            budget=config.rework_budget,
            early_stop=config.early_stop,
        )


class ArmPlan(Frozen):
    """What the arms add to a run now, and why not more.

    Attributes:
        planned: Attempts to make.
        unfinished: Attempts that have not ended; asked again then, there may be more to plan.
        awaiting: Attempts of which a verdict is still awaited.
        undecided: Attempts whose graders could not judge what the policy requires.
        completed: How many trials completed their job at their last attempt.
        exhausted: How many failed at the last attempt that was asked for.
        spent: How many failed and have used up what a trial may cost. no_better: How many failed no better than
            before, where that ends an arm.
        missing: Attempts that are missing, and so neither failed nor completed, by cause.
    """

    planned: tuple[PlannedAttempt, ...]
    unfinished: tuple[str, ...] = ()
    awaiting: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    completed: int = 0
    exhausted: int = 0
    spent: int = 0
    no_better: int = 0
    missing: dict[str, int] = {}

    @property
    def says(self) -> str:
        """In one line."""
        again = sum(one.arm == "echo" for one in self.planned)
        counted = (
            (again, "submissions to show again"),
            (self.completed, "completed"),
            (len(self.unfinished), "not ended"),
            (len(self.awaiting), "awaiting verdicts"),
            (len(self.undecided), "undecided"),
            (self.exhausted, "failed at every attempt"),
            (self.spent, "failed at the end of their budget"),
            (self.no_better, "failed no better than before"),
            *((n, f"missing ({cause})") for cause, n in self.missing.items()),
        )
        first = f"{len(self.planned) - again} failed attempts to try again"
        return ", ".join([first, *(f"{n} {what}" for n, what in counted if n)])


def judged_trials(
    database: Database,
    run_id: str,
    *,
    attempts: Sequence[AttemptRow] | None = None,
    policy: CompletionPolicy | None = None,
) -> tuple[Trial, ...]:
    """A run's trials as their verdicts of record make them.

    Args:
        database: Of the project.
        run_id: Whole id of the run.
        attempts: Only these of its attempts; default: all.
        policy: What completes a job; default: the run's own policy.
    """
    lines = evaluation_lines(database, run_id, attempts=attempts)
    return study(place(lines), policy=policy).trials


def plan_arms(
    attempts: Iterable[AttemptRow],
    trials: Iterable[Trial],
    rules: ArmRules,
    *,
    rubrics: Mapping[str, Rubric] | None = None,
    awaited: Container[str] = (),
) -> ArmPlan:
    """What the arms add to some trials of a run, whole trials each; asked again, only what is new.

    Args:
        attempts: All attempts of those trials.
        trials: The same trials, judged (see `judged_trials`); one that is not in there awaits its verdicts.
        rules: Of the run.
        rubrics: By job, as it was judged by; needed where there is an arm `feedback`.
        awaited: Ids of attempts on which people have not finished, whatever their verdicts say by now.
    """
    plan = _Plan(rules, trials, rubrics or {}, awaited)
    own: dict[str, list[AttemptRow]] = {}
    for row in attempts:
        own.setdefault(row.trial, []).append(row)
    for rows in own.values():
        plan.consider(rows)
    return plan.made()


Key = tuple[str, str, int, str, int]


def _key(outcome: Outcome) -> Key:
    key = outcome.attempt.key
    return key.trial.agent, key.trial.job, key.trial.repeat, key.arm, key.k


class _Plan:
    """Sorts the last attempts of trials by what follows from them."""

    def __init__(
        self, rules: ArmRules, trials: Iterable[Trial], rubrics: Mapping[str, Rubric], awaited: Container[str]
    ) -> None:
        self._rules, self._rubrics, self._awaited = rules, rubrics, awaited
        self._outcomes = {_key(outcome): outcome for trial in trials for outcome in trial.outcomes}
        self.planned: list[PlannedAttempt] = []
        self.unfinished: list[str] = []
        self.awaiting: list[str] = []
        self.undecided: list[str] = []
        self.counts: Counter[str] = Counter()
        self.missing: Counter[str] = Counter()

    def consider(self, rows: Sequence[AttemptRow]) -> None:
        """All attempts of one trial."""
        due: dict[str, list[Arm]] = {}  # arms that go on from the same attempt
        chains: dict[str, list[AttemptRow]] = {}
        for arm in self._rules.arms:
            chain = sorted((row for row in rows if row.arm in ("alone", arm)), key=lambda row: row.k)
            if chain and (arm != "echo" or chain[-1].k == 1):
                due.setdefault(chain[-1].id, []).append(arm)
                chains[chain[-1].id] = chain
        for last, arms in due.items():
            self._follow(chains[last], arms)

    def _follow(self, chain: Sequence[AttemptRow], arms: Sequence[Arm]) -> None:
        row, outcome = chain[-1], self._outcome(chain[-1])
        if row.state != DONE:
            self.unfinished.append(row.id)
        elif not row.graded:
            self.missing[row.cause.value if row.cause else "unknown"] += 1
        elif outcome is None or row.id in self._awaited or _waits(outcome):
            self.awaiting.append(row.id)
        elif outcome.completed is None:
            self.undecided.append(row.id)
        elif outcome.completed:
            self.counts["completed"] += 1
        else:
            for arm in arms:
                self._try_again(chain, arm, outcome)

    def _try_again(self, chain: Sequence[AttemptRow], arm: Arm, outcome: Outcome) -> None:
        row, why = chain[-1], None
        if arm == "echo":
            if row.submission is None or not row.submission.files:
                return  # nobody reviews what holds nothing
        elif row.k >= self._rules.most:
            why = "exhausted"
        elif self._rules.budget.met(*self._cost(chain)):
            why = "spent"
        elif self._rules.early_stop and self._no_better(chain, outcome):
            why = "no_better"
        if why is not None:
            self.counts[why] += 1
            return
        remarks = remarks_of(outcome, self._rubrics[row.job], self._rules.form) if arm == "feedback" else None
        self.planned.append(_next(row, arm, remarks, None if arm == "echo" else self._rules.context))

    def _cost(self, chain: Sequence[AttemptRow]) -> tuple[float, float]:
        """Dollars of work and review, and minutes of review, of all attempts of a chain, as far as known."""
        dollars = minutes = 0.0
        for outcome in filter(None, map(self._outcome, chain)):
            dollars += outcome.attempt.cost or 0.0
            for sitting, reviewed in outcome.attempt.sittings.items():
                if reviewed.line.grader_kind == "human" and sitting.stage in ("primary", "adjudication"):
                    dollars += reviewed.cost or 0.0
                    minutes += reviewed.minutes or 0.0
        return dollars, minutes

    def _no_better(self, chain: Sequence[AttemptRow], outcome: Outcome) -> bool:
        """The last line of Algorithm 1; the first attempt has none before it."""
        before = self._outcome(chain[-2]) if len(chain) > 1 else None
        scores = (before.score.value if before else None, outcome.score.value)
        return scores[0] is not None and scores[1] is not None and scores[1] <= scores[0]

    def _outcome(self, row: AttemptRow) -> Outcome | None:
        return self._outcomes.get((row.agent, row.job, row.repeat, row.arm, row.k))

    def made(self) -> ArmPlan:
        return ArmPlan(
            planned=tuple(self.planned),
            unfinished=tuple(self.unfinished),
            awaiting=tuple(self.awaiting),
            undecided=tuple(self.undecided),
            completed=self.counts["completed"],
            exhausted=self.counts["exhausted"],
            spent=self.counts["spent"],
            no_better=self.counts["no_better"],
            missing=dict(sorted(self.missing.items())),
        )


def _waits(outcome: Outcome) -> bool:
    """For a verdict, which may be another than what is known by now lets expect."""
    return outcome.early or (outcome.completed is None and outcome.missing == "awaiting")


def _next(
    row: AttemptRow, arm: Arm, remarks: tuple[Remark, ...] | None, context: ReworkContext | None
) -> PlannedAttempt:
    k = row.k + 1
    return PlannedAttempt(
        id=attempt_id(row.trial, k, arm),
        run=row.run,
        trial=row.trial,
        parent=row.id,
        arm=arm,
        k=k,
        remarks=remarks,
        context=context,
    )


def rework_of(parent: AttemptRow, arm: Arm, remarks: tuple[Remark, ...] | None = None) -> Rework:
    """What the agent is told of its previous attempt: what it handed in, and in arm `feedback` the remarks.

    Args:
        parent: That attempt.
        arm: Of the one that is to be made.
        remarks: As they stood when that one was planned.

    Raises:
        ValueError: The arm shows no remarks and there are some, or shows them and there are none to show; or no
            agent works in it.
    """
    if arm not in ("feedback", "retry") or (arm == "feedback") != (remarks is not None):
        raise ValueError(f"an attempt of arm {arm} does not start so from a submission")
    return Rework(previous_files=tuple(file.path for file in parent.handed_in.files), remarks=remarks or ())


def lay_out_previous(parent: AttemptRow, blobs: Blobs, folder: Path) -> None:
    """Put what the previous attempt handed in into an empty folder, to be shown read-only at `PREVIOUS`."""
    lay_out(parent.handed_in, blobs, folder)
