"""The rubric scores of Table 2: means of shares of criteria, with what is open in their bounds.

Bounds hold the value, which rests on what is known, and the means that the open verdicts could still make.
"""

from __future__ import annotations

from collections.abc import Sequence

from grading.figures.completion import Score
from grading.figures.counts import NO_M, ratio
from grading.figures.model import Figure
from grading.figures.trials import Trial

OPEN = "no attempt has all its verdicts"
BLANK = Score(None, 0.0, 1.0)


def rubric_1(trials: Sequence[Trial]) -> Figure:
    """Mean share of criteria passed at the first attempt."""
    return mean_of([_first(trial) for trial in trials], OPEN)


def rubric_figures(trials: Sequence[Trial], gap_2: int) -> dict[str, Figure]:
    """All rubric scores of one agent; `gap_2` re-attempts of failed jobs are missing."""
    given_m = [trial for trial in trials if trial.in_m]
    blanks = [BLANK] * gap_2
    return {
        "rubric_1": rubric_1(trials),
        "rubric_overall": mean_of([_final(trial) for trial in trials], OPEN),
        "rubric_lift": mean_of([_lift(trial) for trial in trials], OPEN),
        "rubric_1_given_m": mean_of([_first(trial) for trial in given_m] + blanks, OPEN if given_m else NO_M),
        "rubric_2_given_m": mean_of([_second(trial) for trial in given_m] + blanks, OPEN if given_m else NO_M),
        "rubric_relative_lift_given_m": _relative(given_m, gap_2),
    }


def mean_of(scores: Sequence[Score], why: str) -> Figure:
    """The mean of the scores that are known."""
    known = [score.value for score in scores if score.value is not None]
    value = ratio(sum(known), len(known))
    low = ratio(sum(score.low for score in scores), len(scores))
    high = ratio(sum(score.high for score in scores), len(scores))
    bounds = None
    if low is not None and high is not None:
        bounds = (low, high) if value is None else (min(low, value), max(high, value))
    return Figure(
        value=value,
        n=len(known),
        missing=sum(score.value is None or score.low < score.high for score in scores),
        bounds=bounds,
        why=why if value is None else None,
    )


def _first(trial: Trial) -> Score:
    return trial.first.score if trial.first else BLANK


def _second(trial: Trial) -> Score:
    return trial.rework.score if trial.rework else BLANK


def _final(trial: Trial) -> Score:
    """R_2 for jobs in M, R_1 for all others; where the re-attempt is missing, R_1 that may end anywhere."""
    if trial.in_m:
        return _second(trial)
    first, again = _first(trial), _second(trial)
    if trial.rework_missing:
        return Score(first.value, again.low, again.high)
    return first


def _lift(trial: Trial) -> Score:
    first, final = _first(trial), _final(trial)
    if final is first and first.value is None:
        return Score(None, 0.0, 0.0)  # without a re-attempt there is no lift, whatever the open verdicts will be
    if first.value is None or final.value is None:
        return Score(None, -1.0, 1.0)
    return Score(final.value - first.value, final.low - first.value, final.high - first.value)


def _relative(given_m: Sequence[Trial], gap: int) -> Figure:
    pairs = [(_first(trial).value, _second(trial).value) for trial in given_m]
    known = [(one, two) for one, two in pairs if one is not None and two is not None]
    before, after = sum(one for one, _ in known), sum(two for _, two in known)
    why = "the first attempts of the re-attempted jobs passed no criterion" if known else OPEN if given_m else NO_M
    value = ratio(after - before, before)
    missing = gap + len(pairs) - len(known)
    return Figure(value=value, n=len(known), missing=missing, why=why if value is None else None)
