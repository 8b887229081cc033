"""When a job is completed: the four completion policies, and the one rule for what nobody could judge."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from rubrics.model import Importance, Rubric, Verdict

Verdicts = Mapping[str, Verdict | None]
"""Criterion id -> verdict of record; None, or not there: awaiting."""

Judgement = Literal["pass", "fail"]

UNJUDGED_RULE = "unjudged-is-missing"
"""Name of the rule, for reports. A criterion that is awaiting or `cannot_judge` enters no rate, neither above nor
below the line; where the policy requires it, the attempt is undecided, unless another required one has failed."""


class CompletionPolicy(StrEnum):
    """What has to pass for a job to count as completed.

    `paper`: every critical and important criterion (UpBench, section 4.3). `strict`: and every pitfall is avoided.
    `all`: every criterion. `judgement`: the reviewer's overall judgement, whatever the criteria say.
    """

    paper = "paper"
    strict = "strict"
    all = "all"
    judgement = "judgement"

    @property
    def says(self) -> str:
        """When a job is completed, in words that follow on "when"."""
        return _SAYS[self]


_SAYS = {
    CompletionPolicy.paper: "every critical and every important criterion passes",
    CompletionPolicy.strict: "every critical and important criterion passes and every pitfall is avoided",
    CompletionPolicy.all: "every criterion passes",
    CompletionPolicy.judgement: "the reviewer's overall judgement is `pass`",
}

_REQUIRED = {
    CompletionPolicy.paper: frozenset({Importance.critical, Importance.important}),
    CompletionPolicy.strict: frozenset({Importance.critical, Importance.important, Importance.pitfall}),
    CompletionPolicy.all: frozenset(Importance),
    CompletionPolicy.judgement: frozenset[Importance](),
}


def required(rubric: Rubric, policy: CompletionPolicy) -> tuple[str, ...]:
    """Ids of the criteria that have to pass; none under `judgement`."""
    return tuple(item.id for item in rubric.criteria if item.importance in _REQUIRED[policy])


def completed(
    rubric: Rubric, verdicts: Verdicts, policy: CompletionPolicy, judgement: Judgement | None = None
) -> bool | None:
    """Whether the job is completed; None: undecided (`UNJUDGED_RULE`).

    A rubric that requires nothing under the policy decides nothing: an empty hand-in must never complete a job.
    """
    if policy is CompletionPolicy.judgement:
        return None if judgement is None else judgement == "pass"
    words = [verdicts.get(name) for name in required(rubric, policy)]
    if Verdict.failed in words:
        return False
    if not words or any(word is not Verdict.passed for word in words):
        return None
    return True
