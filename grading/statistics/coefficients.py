"""How far several people judge alike, beyond chance: coefficients over pass and fail, with intervals over jobs.

A unit is one criterion of one submission that two or more people judged pass or fail. With r_u ratings of unit
u, of them p_u pass and f_u fail: P_u = (p_u (p_u - 1) + f_u (f_u - 1)) / (r_u (r_u - 1)) is the share of its
pairs that agree, and x the mean over units of p_u / r_u.

- Gwet's AC1 (2008, Br J Math Stat Psychol 61:29): chance 2 x (1 - x).
- Fleiss' kappa (1971, Psychol Bull 76:378), for numbers of ratings that differ: chance x^2 + (1 - x)^2.
- Cohen's kappa (1960, Educ Psychol Meas 20:37): of exactly two people, chance from each one's own share.
- Krippendorff's alpha, nominal, with missing values (2004, "Content Analysis", ch. 11).

Intervals are percentiles of a bootstrap that draws whole jobs (criteria of one job are not independent).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

from core import Frozen
from grading.figures.counts import ratio
from grading.figures.model import Figure

RESAMPLES = 2000
SEED = 20
LEVEL = 0.95
ENOUGH_JOBS = 5
"""With fewer jobs, drawing among them says little of others."""

NOBODY = "no criterion was judged pass or fail by two people"
ALWAYS_THE_SAME = "everybody always said the same: chance alone would agree as well"
FEW_JOBS = f"no interval: fewer than {ENOUGH_JOBS} jobs"
NO_SPREAD = "no interval: it does not vary from job to job"
_DEFINED = 0.95

Unit = Mapping[str, bool]
"""Who judged -> whether it passes; two people at least."""
Sums = tuple[float, ...]
"""Of some units, and they add up: units, sum of P_u, sum of p_u / r_u; pairs, those of two passes, those of two
fails; ratings, those that pass, sum of p_u f_u / (r_u - 1); of two people: both pass, first, second, neither."""

_NOTHING: Sums = (0.0,) * 13


class Coefficients(Frozen):
    """How people agree on some criteria. `n` of each figure: units; of raw, positive and negative: pairs.

    Attributes:
        units: Criteria of submissions that two or more people judged. jobs: Of so many jobs. people: By so many.
        raw: Share of pairs that agree. positive: Of pass. negative: Of fail.
        prevalence: Share of pass among ratings.
    """

    units: int
    jobs: int
    people: int
    raw: Figure
    positive: Figure
    negative: Figure
    prevalence: Figure
    ac1: Figure
    cohen: Figure
    fleiss: Figure
    alpha: Figure


def sums_of(unit: Unit, two: tuple[str, str] | None = None) -> Sums:
    """The sums of one unit. `two`: those whose kappa is Cohen's, where all units are of the same two people."""
    ratings, passes = len(unit), sum(unit.values())
    fails = ratings - passes
    ordered = ratings * (ratings - 1)
    alike = passes * (passes - 1), fails * (fails - 1)
    table = [0.0] * 4
    if two is not None:
        table[2 * (not unit[two[0]]) + (not unit[two[1]])] = 1.0
    return (
        1.0,
        sum(alike) / ordered,
        passes / ratings,
        ordered / 2,
        alike[0] / 2,
        alike[1] / 2,
        ratings,
        passes,
        passes * fails / (ratings - 1),
        *table,
    )


def added(rows: Sequence[Sums]) -> Sums:
    """The sums of all rows together."""
    return tuple(map(sum, zip(*rows, strict=True))) if rows else _NOTHING


def coefficients(by_job: Mapping[str, Sequence[Unit]], *, resamples: int = RESAMPLES) -> Coefficients:
    """How people agree on the units of some jobs.

    Args:
        by_job: Job -> its units, each with two ratings or more.
        resamples: Of the bootstrap; 0: no intervals.
    """
    units = [unit for own in by_job.values() for unit in own]
    people = sorted({person for unit in units for person in unit})
    two = (people[0], people[1]) if len(people) == 2 else None
    rows = [added([sums_of(unit, two) for unit in own]) for own in by_job.values() if own]
    whole, drawn = added(rows), _drawn(rows, resamples)

    def figure(of: Callable[[Sums], float | None], why: str, n: float = whole[0]) -> Figure:
        value = of(whole) if units else None
        if value is None:
            return Figure(value=None, n=int(n), why=why if units else NOBODY)
        low, high, note = _interval(value, of, drawn, len(rows))
        return Figure(value=value, low=low, high=high, n=int(n), why=note if resamples else None)

    not_two = ALWAYS_THE_SAME if two else f"it is of two people, and {len(people)} judged"
    return Coefficients(
        units=len(units),
        jobs=len(rows),
        people=len(people),
        raw=figure(raw, NOBODY, whole[3]),
        positive=figure(positive, "nobody ever said pass", whole[3]),
        negative=figure(negative, "nobody ever said fail", whole[3]),
        prevalence=figure(lambda s: ratio(s[7], s[6]), NOBODY, whole[6]),
        ac1=figure(ac1, NOBODY),
        cohen=figure(cohens_kappa, not_two),
        fleiss=figure(fleiss_kappa, ALWAYS_THE_SAME),
        alpha=figure(alpha, ALWAYS_THE_SAME),
    )


def raw(s: Sums) -> float | None:
    """Share of pairs that say the same."""
    return ratio(s[4] + s[5], s[3])


def positive(s: Sums) -> float | None:
    """Of the times that somebody of a pair said pass, the share in which the other did."""
    return ratio(2 * s[4], s[3] + s[4] - s[5])


def negative(s: Sums) -> float | None:
    """Of the times that somebody of a pair said fail, the share in which the other did."""
    return ratio(2 * s[5], s[3] + s[5] - s[4])


def ac1(s: Sums) -> float | None:
    """Gwet's AC1."""
    if not s[0]:
        return None
    x = s[2] / s[0]
    return _beyond(s[1] / s[0], 2 * x * (1 - x))


def fleiss_kappa(s: Sums) -> float | None:
    """Fleiss' kappa; None where everybody always said the same."""
    if not s[0]:
        return None
    x = s[2] / s[0]
    return _beyond(s[1] / s[0], x * x + (1 - x) ** 2)


def cohens_kappa(s: Sums) -> float | None:
    """Cohen's kappa; None where both always said the same, or the units are not of the same two people."""
    both, first, second, neither = s[9:13]
    n = both + first + second + neither
    if not n:
        return None
    a, b = (both + first) / n, (both + second) / n
    return _beyond((both + neither) / n, a * b + (1 - a) * (1 - b))


def alpha(s: Sums) -> float | None:
    """Krippendorff's alpha; None where everybody always said the same."""
    passes, fails = s[7], s[6] - s[7]
    return 1 - (s[6] - 1) * s[8] / (passes * fails) if passes and fails else None


def _beyond(agree: float, chance: float) -> float | None:
    return None if chance >= 1 - 1e-12 else (agree - chance) / (1 - chance)


def _drawn(rows: Sequence[Sums], resamples: int) -> list[Sums]:
    """The sums of as many jobs, drawn with replacement, again and again; the same whenever it is asked."""
    if len(rows) < ENOUGH_JOBS:
        return []
    # Not for secrets: a fixed seed, so that the same verdicts give the same interval.
    choose = Random(SEED)  # noqa: S311
    return [added(choose.choices(rows, k=len(rows))) for _ in range(resamples)]


def _interval(
    value: float, of: Callable[[Sums], float | None], drawn: Sequence[Sums], jobs: int
) -> tuple[float | None, float | None, str | None]:
    """Low, high, and where there is no interval, why."""
    if jobs < ENOUGH_JOBS:
        return None, None, FEW_JOBS
    values = sorted(found for sums in drawn if (found := of(sums)) is not None)
    if len(values) < _DEFINED * len(drawn) or not values:
        return None, None, "no interval: it is undefined in too many of the samples"
    if values[0] == values[-1] == value:
        return None, None, NO_SPREAD
    cut = (1 - LEVEL) / 2
    last = len(values) - 1
    return values[round(cut * last)], values[round((1 - cut) * last)], None
