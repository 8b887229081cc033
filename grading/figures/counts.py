"""Counting trials: the integers from which the rates of Table 2 follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grading.figures.model import Figure
from grading.figures.trials import Trial

NO_TRIALS = "no first attempt is scored"
NO_M = "no failed job was given a re-attempt with remarks that is scored"
NO_A = "no job was completed at the first attempt"


@dataclass(frozen=True, slots=True)
class Counts:
    """The integers everything follows from.

    Attributes:
        n: First attempts scored. a: Of those, completed.
        m: Failed, re-attempted with remarks and scored. b: Of those, completed.
        gap_1: First attempts missing. gap_2: Re-attempts of failed jobs missing.
    """

    n: int
    a: int
    m: int
    b: int
    gap_1: int
    gap_2: int


def count(trials: Sequence[Trial]) -> Counts:
    """Count trials."""
    scored = [trial for trial in trials if trial.passed_1 is not None]
    return Counts(
        n=len(scored),
        a=sum(trial.passed_1 is True for trial in scored),
        m=sum(trial.in_m for trial in scored),
        b=sum(trial.rescued for trial in scored),
        gap_1=len(trials) - len(scored),
        gap_2=sum(trial.rework_missing for trial in scored),
    )


def ratio(part: float, whole: float) -> float | None:
    """The share; None where there is no whole."""
    return part / whole if whole else None


def whole_number(value: int, gap: int) -> Figure:
    """A count, to which `gap` more may belong."""
    return Figure(value=value, n=value, missing=gap, bounds=(value, value + gap))
