"""Attempts to trials: what each attempt came to, by policy and basis, and which attempts count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from core import Ended
from grading.evaluations import Judgement
from grading.figures.completion import AWAITING, UNDECIDED, Completion, Score, completion_of, score_of
from grading.figures.gather import Attempt, AttemptKey, Gathered, TrialKey
from grading.record import Basis, RecordVerdict, Source, judgement_of_record, verdict_of_record
from rubrics import CompletionPolicy, Rubric, Verdict

_NOT_GRADED = {Ended.harness_crash, Ended.cancelled}
_TO_BLAME = {Ended.limit, Ended.agent_crash}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to.

    Attributes:
        completed: None: missing, for the cause in `missing`.
        score: Share of criteria passed.
        rubric: The job's criteria; records: the verdicts of record of those that have one.
        early: Failed on a criterion while others still await their verdicts.
        flipped: It failed by criteria that are voided, and without them it did not.
    """

    attempt: Attempt
    completed: bool | None
    missing: str | None
    score: Score
    rubric: Rubric
    records: dict[str, RecordVerdict]
    judgement: Judgement | None
    early: bool = False
    flipped: bool = False

    @property
    def known(self) -> bool:
        """The attempt itself can be graded (it did not crash by our fault, nor was cancelled)."""
        return self.attempt.ended not in _NOT_GRADED


@dataclass(slots=True)
class Trial:
    """One agent on one job, one repeat.

    Attributes:
        first: k = 1. rework: k = 2 with remarks. control: k = 2 without. None: there is none.
        echo: The first attempt, shown once more.
        later: Every other attempt (k > 2), which no figure of Table 2 counts.
        executions: Every execution of every attempt, for what it cost.
    """

    key: TrialKey
    first: Outcome | None = None
    rework: Outcome | None = None
    control: Outcome | None = None
    echo: Outcome | None = None
    later: list[Outcome] = field(default_factory=list)
    executions: list[Attempt] = field(default_factory=list)

    @property
    def outcomes(self) -> list[Outcome]:
        """All attempts, in the order of their making."""
        return [o for o in (self.first, self.rework, self.control, self.echo, *self.later) if o is not None]

    @property
    def _any(self) -> Attempt:
        return self.executions[0]

    @property
    def category(self) -> str:
        """The job's category, outermost level."""
        named = (a.category for a in self.executions if a.facts.get("category"))
        return next(named, self._any.category)

    @property
    def payout(self) -> float | None:
        """What the client paid."""
        return next((a.facts["payout"] for a in self.executions if "payout" in a.facts), None)

    @property
    def currency(self) -> str | None:
        """In which currency."""
        return next((a.facts["currency"] for a in self.executions if "currency" in a.facts), None)

    @property
    def passed_1(self) -> bool | None:
        """Whether the first attempt completed the job."""
        return self.first.completed if self.first else None

    @property
    def in_m(self) -> bool:
        """Failed at first, given a re-attempt with remarks, and that one is scored."""
        return self.passed_1 is False and self.rework is not None and self.rework.completed is not None

    @property
    def rescued(self) -> bool:
        """Of those, completed at the second attempt."""
        return self.in_m and self.rework is not None and self.rework.completed is True

    @property
    def rework_missing(self) -> bool:
        """Failed at first, given a re-attempt with remarks, and that one is not scored."""
        return self.passed_1 is False and self.rework is not None and self.rework.completed is None


def judge_trials(gathered: Gathered, policy: CompletionPolicy, basis: Basis) -> list[Trial]:
    """The trials in a fixed order, each attempt judged; of several executions of an attempt the last counts."""
    trials: dict[TrialKey, Trial] = {}
    for key, executions in gathered.attempts.items():
        trial = trials.setdefault(key.trial, Trial(key.trial))
        trial.executions += executions
        _put(trial, key, judge_attempt(executions[-1], gathered, policy, basis))
    return [trials[key] for key in sorted(trials)]


def _put(trial: Trial, key: AttemptKey, outcome: Outcome) -> None:
    if key.k == 1:
        trial.first = outcome
    elif key.k == 2 and key.arm == "feedback":
        trial.rework = outcome
    elif key.k == 2 and key.arm == "retry":
        trial.control = outcome
    elif key.k == 2 and key.arm == "echo":
        trial.echo = outcome
    else:
        trial.later.append(outcome)


def judge_attempt(attempt: Attempt, gathered: Gathered, policy: CompletionPolicy, basis: Basis) -> Outcome:
    """What one attempt came to."""
    rubric = gathered.rubric_of(attempt)
    records = {name: verdict_of_record(words, basis=basis) for name, words in attempt.words.items()}
    judgement = judgement_of_record((s.line for s in attempt.sittings.values()), basis=basis)
    if attempt.ended in _NOT_GRADED and attempt.ended is not None:
        cause = attempt.cause.value if attempt.cause else attempt.ended.value
        return Outcome(attempt, None, cause, Score(None, 0.0, 1.0), rubric, records, judgement)
    if _empty(attempt):
        nothing = {criterion.id: RecordVerdict(Verdict.failed, Source.check) for criterion in rubric.criteria}
        return Outcome(attempt, False, None, Score(0.0, 0.0, 0.0), rubric, nothing, "fail")
    completion = completion_of(policy, rubric, records, judgement)
    whole = gathered.whole_rubric_of(attempt)
    if whole is not None and not rubric.criteria and completion.completed is None:
        completion = Completion(None, UNDECIDED)  # nothing is left that anybody could judge
    waits = any(c.id not in records or records[c.id].verdict is None for c in rubric.criteria)
    return Outcome(
        attempt,
        completion.completed,
        completion.reason,
        score_of(rubric, records),
        rubric,
        records,
        judgement,
        early=completion.completed is False and waits and policy != CompletionPolicy.judgement,
        flipped=completion.completed is not False and _failed_by(whole, attempt, policy, basis, judgement),
    )


def _failed_by(
    whole: Rubric | None, attempt: Attempt, policy: CompletionPolicy, basis: Basis, judgement: Judgement | None
) -> bool:
    """Whether the attempt failed by its whole rubric, the voided criteria included."""
    if whole is None:
        return False
    words = {**attempt.words, **attempt.set_aside}
    records = {name: verdict_of_record(said, basis=basis) for name, said in words.items()}
    return completion_of(policy, whole, records, judgement).completed is False


def _empty(attempt: Attempt) -> bool:
    """Ended by a limit or its own crash, handed in nothing, graded by nobody: an empty hand-in, which fails."""
    return attempt.ended in _TO_BLAME and not attempt.sittings and attempt.facts.get("submission") is None


def missing_causes(outcomes: Iterable[Outcome | None]) -> dict[str, int]:
    """How many are missing, by cause; a trial without any first attempt counts as `awaiting`."""
    counts: dict[str, int] = {}
    for outcome in outcomes:
        if outcome is None or outcome.completed is None:
            cause = (outcome.missing if outcome else None) or AWAITING
            counts[cause] = counts.get(cause, 0) + 1
    return dict(sorted(counts.items()))
