"""What it may have done to a figure that reviewers could know whose work they graded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grading.figures.model import Warned
from grading.figures.trials import Outcome, Trial


def unblinded_warnings(agent: str, trials: Sequence[Trial]) -> Iterator[Warned]:
    """How many attempts name who made them, and how often those pass beside the others.

    No test and no correction: the two groups are not drawn by chance (what names its maker may be worse or better
    work), so that a difference is a reason to look and no proof of a reviewer's leaning.
    """
    outcomes = [outcome for trial in trials for outcome in trial.outcomes]
    names = [_named(outcome) for outcome in outcomes]
    if not any(names):
        return
    told = [outcome.completed for outcome, named in zip(outcomes, names, strict=True) if named]
    others = [outcome.completed for outcome, named in zip(outcomes, names, strict=True) if not named]
    yield Warned(
        kind="unblinded",
        detail=f"{agent}: graded by people although they name who made them: {len(told)} of {len(outcomes)} "
        f"attempts; of these {_passing(told)}, of the others {_passing(others)}",
    )


def _named(outcome: Outcome) -> bool:
    words = outcome.attempt.words.values()
    sittings = outcome.attempt.sittings.values()
    return any(word.unblinded for said in words for word in said) or any(s.line.unblinded for s in sittings)


def _passing(completed: Sequence[bool | None]) -> str:
    known = [one for one in completed if one is not None]
    if not known:
        return "none is scored"
    return f"{sum(known)} of {len(known)} pass ({sum(known) / len(known):.0%})"
