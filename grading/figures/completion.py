"""Whether an attempt completed its job, by policy, and its rubric score: true, false, or not yet known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grading.evaluations import Judgement
from grading.record import RecordVerdict
from rubrics import CompletionPolicy, Criterion, Importance, Rubric, Verdict, completed, required

AWAITING = "awaiting"
UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Completion:
    """`completed` None: not known, because it is `awaiting` a verdict or `undecided`."""

    completed: bool | None
    reason: str | None = None


def rubric_of(importances: Mapping[str, Importance]) -> Rubric:
    """The rubric as far as lines know it: ids and importances, whatever ids a foreign file uses."""
    # Not validated: texts are not on the lines, and ids made elsewhere need not follow our pattern.
    criteria = (
        Criterion.model_construct(id=name, importance=importance, text="")
        for name, importance in importances.items()
    )
    return Rubric.model_construct(criteria=tuple(criteria))


def completion_of(
    policy: CompletionPolicy,
    rubric: Rubric,
    records: Mapping[str, RecordVerdict],
    judgement: Judgement | None,
) -> Completion:
    """Whether the attempt completed its job, and if that is not known, what it waits for.

    A failed required criterion decides it, whatever else is open. Otherwise one that awaits its verdict leaves the
    attempt awaiting, and one that cannot be judged (or a rubric that requires nothing) leaves it undecided.
    """
    verdicts = {name: record.verdict for name, record in records.items()}
    known = completed(rubric, verdicts, policy, judgement)
    if known is not None:
        return Completion(known)
    names = required(rubric, policy)
    waits = policy == CompletionPolicy.judgement or not rubric.criteria
    waits = waits or any(verdicts.get(name) is None for name in names)
    return Completion(None, AWAITING if waits else UNDECIDED)


@dataclass(frozen=True, slots=True)
class Score:
    """A share of criteria: its value where it is known, and what it can be at least and at most."""

    value: float | None
    low: float
    high: float


def score_of(rubric: Rubric, records: Mapping[str, RecordVerdict]) -> Score:
    """Criteria passed / criteria judged, unweighted; not known while one awaits its verdict or none can be judged.

    A half-graded attempt has no value here: checks come before people, and what they find is not a fair sample.
    """
    verdicts = [records[c.id].verdict if c.id in records else None for c in rubric.criteria]
    passed, waiting = verdicts.count(Verdict.passed), verdicts.count(None)
    whole = passed + waiting + verdicts.count(Verdict.failed)
    if not whole:
        return Score(None, 0.0, 1.0)
    return Score(None if waiting else passed / whole, passed / whole, (passed + waiting) / whole)
