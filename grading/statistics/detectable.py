"""What difference between two agents a plan can detect: paired by job, with repeats of each agent on each job.

The test that is planned for is McNemar's for clustered pairs: with d_j the difference of the two agents' shares of
completed repeats on job j, chi2 = (sum d_j)^2 / sum d_j^2 on one degree of freedom (Durkalski, Palesch, Lipsitz,
Rust 2003, Statistics in Medicine 22:2417, the method of moments). With one repeat it is McNemar's own.

Its power is Connor's (1987, Biometrics 43:207) with the variance of d_j in the place of that of a single pair, and
that variance is split as by Miller (2024, "Adding Error Bars to Evals", arXiv 2411.00640, section 5) into what is
due to the jobs and what is due to luck, of which only the second shrinks with the number of repeats.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

from grading.statistics.variation import Variation

_NORMAL = NormalDist()
LEVEL = 0.05
POWER = 0.8
_HALVINGS = 50


def detectable_difference(
    jobs: int, repeats: int, variation: Variation, *, power: float = POWER, level: float = LEVEL
) -> float | None:
    """The smallest difference in completion between two agents that the plan detects with that power.

    One agent completes `variation.rate` of its trials; the other so many more (or fewer, where there is more room
    below). A share of trials, so 0.1 is ten percentage points. Two-sided test at `level`, not corrected for
    looking at several pairs of agents.

    Args:
        jobs: How many jobs both agents work on, at least 1.
        repeats: How often each agent works on each job, at least 1.
        variation: How outcomes vary.
        power: The chance to detect it that is asked for.
        level: The chance to find a difference where there is none.

    Returns:
        None: no difference, however large, would be detected with that power.
    """
    room = max(variation.rate, 1 - variation.rate)
    if power_to_detect(room, jobs, repeats, variation, level=level) < power:
        return None
    low, high = 0.0, room
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if power_to_detect(middle, jobs, repeats, variation, level=level) < power:
            low = middle
        else:
            high = middle
    return high


def power_to_detect(
    difference: float, jobs: int, repeats: int, variation: Variation, *, level: float = LEVEL
) -> float:
    """The chance that the test finds a true difference of that size (arguments as `detectable_difference`).

    Raises:
        ValueError: No job or no repeat, or a difference for which the rate leaves no room.
    """
    if jobs < 1 or repeats < 1:
        raise ValueError("at least one job and one repeat are needed")
    above = variation.rate <= 1 / 2
    other = variation.rate + difference if above else variation.rate - difference
    if difference < 0 or not -1e-9 <= other <= 1 + 1e-9:
        raise ValueError(f"a rate of {variation.rate} leaves no room for a difference of {difference}")
    spread = variance_of_differences(variation.rate, min(1.0, max(0.0, other)), repeats, variation)
    wanted = _NORMAL.inv_cdf(1 - level / 2) * sqrt(spread + difference**2)
    found = difference * sqrt(jobs)
    if not spread:
        return float(found >= wanted and difference > 0)
    return _NORMAL.cdf((found - wanted) / sqrt(spread)) + _NORMAL.cdf((-found - wanted) / sqrt(spread))


def variance_of_differences(rate_a: float, rate_b: float, repeats: int, variation: Variation) -> float:
    """The variance, over jobs, of the difference between two agents' shares of completed repeats."""
    a, b = rate_a * (1 - rate_a), rate_b * (1 - rate_b)
    alike = variation.repeats_alike
    # Two outcomes cannot vary together more than their rates allow.
    together = min(variation.agents_alike * sqrt(a * b), min(rate_a, rate_b) * (1 - max(rate_a, rate_b)))
    luck = (1 - alike) * (a + b) / repeats
    return max(0.0, alike * (a + b) - 2 * together + luck)
