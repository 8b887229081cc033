"""What later attempts went on from: where that differs, their rates are not of the same thing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from grading.figures.model import RetryControl, Warned
from grading.figures.trials import Trial

Contexts = dict[str, dict[str, int]]
"""Arm -> what its attempts went on from (`submission`, `transcript`) -> how many did."""


def contexts(trials: Sequence[Trial]) -> Contexts:
    """Of later attempts, as far as it is known."""
    found: dict[str, Counter[str]] = {}
    for trial in trials:
        for outcome in trial.outcomes:
            context = outcome.attempt.facts.get("rework_context")
            if context is not None:
                found.setdefault(outcome.attempt.key.arm, Counter())[context] += 1
    return {arm: dict(sorted(counts.items())) for arm, counts in sorted(found.items())}


def context_warnings(agent: str, trials: Sequence[Trial]) -> Iterator[Warned]:
    """Where an agent's later attempts did not all go on from the same."""
    found = contexts(trials)
    if len({context for counts in found.values() for context in counts}) > 1:
        detail = (
            f"{agent}: later attempts went on from different things, and their rates are of both: {_said(found)}"
        )
        yield Warned(kind="rework_context", detail=detail)


def went_on_from(control: Mapping[str, RetryControl]) -> str:
    """What later attempts went on from, in words: one for all where it was the same, else by agent and arm."""
    found = {agent: own.contexts for agent, own in control.items() if own.contexts}
    same = {context for own in found.values() for counts in own.values() for context in counts}
    if len(same) <= 1:
        return "".join(same)
    return "; ".join(f"{agent}: {_said(own)}" for agent, own in found.items())


def _said(found: Mapping[str, Mapping[str, int]]) -> str:
    return ", ".join(
        f"{arm} from {' and '.join(f'{context} ({number})' for context, number in counts.items())}"
        for arm, counts in found.items()
    )
