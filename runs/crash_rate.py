"""When so many attempts crash that the run is stopped: a sequential rule that one bad start does not trip.

Looked at after each attempt, an ordinary interval passes any bound sooner or later by chance alone. So the rate's
lower bound here is that of a confidence sequence, which holds at all times at once: the rates p0 that the mixture
likelihood ratio of all rates above p0 against p0 does not refute (Ville's inequality; Robbins 1970, Annals of
Mathematical Statistics 41:1397; Howard, Ramdas, McAuliffe, Sekhon 2021, Annals of Statistics 49:1055). A run whose
attempts crash at the bound's rate or less is stopped, however long it is and however often one looks, with a
probability of at most 1 - confidence. Being that sure costs little: at a bound of 20 %, 6 crashes of the first 10
suffice, or 10 of the first 18 (by the interval of Clopper and Pearson, looked at once, 5 and 8 would).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import exp, lgamma, log, log1p

from pydantic import Field

from core import Cause, Ended, Frozen, cause_row

_HALVINGS = 40
_NEGLIGIBLE = 1e-15
_SHOWN = 3


class CrashBound(Frozen):
    """When a run stops for its crashes.

    Attributes:
        rate: The run stops when more than this share of its attempts is known to crash.
        at_least: Not before so many attempts have ended.
        confidence: Of what is known.
    """

    rate: float = Field(default=0.2, gt=0, lt=1)
    at_least: int = Field(default=10, ge=1)
    confidence: float = Field(default=0.95, ge=0.5, lt=1)


def crash_stop(causes: Mapping[Cause, int], bound: CrashBound) -> str | None:
    """Why the run is to stop, in a line; None: it goes on.

    Args:
        causes: How many attempts ended for good for each cause since the run was begun, or last resumed: a resume
            counts anew, or what was mended would stop it at once. What was cancelled does not count.
        bound: The run's.
    """
    crashes = Counter({cause: n for cause, n in causes.items() if cause_row(cause).ended is Ended.harness_crash})
    cancelled = sum(n for cause, n in causes.items() if cause_row(cause).ended is Ended.cancelled)
    crashed, ended = crashes.total(), sum(causes.values()) - cancelled
    if ended < bound.at_least or not refuted(bound.rate, crashed, ended, bound.confidence):
        return None
    low = crash_rate_low(crashed, ended, bound.confidence)
    kinds = [f"{n} {cause.value}" for cause, n in crashes.most_common(_SHOWN)]
    kinds += ["others"] if len(crashes) > _SHOWN else []
    return (
        f"{crashed} of {ended} attempts crashed ({', '.join(kinds)}): at least {low:.0%} do, with "
        f"{bound.confidence:.0%} confidence, and the bound is {bound.rate:.0%}"
    )


def crash_rate_low(crashed: int, ended: int, confidence: float) -> float:
    """The lower confidence bound of the crash rate, from 0 to 1; it holds at all times at once."""
    low, high = 0.0, crashed / ended if ended else 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle > 0 and refuted(middle, crashed, ended, confidence):
            low = middle
        else:
            high = middle
    return low


def refuted(rate: float, crashed: int, ended: int, confidence: float) -> bool:
    """Whether more than `rate` (between 0 and 1) of all attempts crash, with that confidence at all times.

    The mixture is uniform over the rates above `rate`: the likelihood ratio is the integral of q^s (1 - q)^(n - s)
    from `rate` to 1, over (1 - rate) times the same at `rate`. The integral is a binomial tail times 1 / ((n + 1)
    C(n, s)).
    """
    if crashed <= rate * ended:
        return False
    whole = lgamma(crashed + 1) + lgamma(ended - crashed + 1) - lgamma(ended + 2)
    at_rate = crashed * log(rate) + (ended - crashed) * log1p(-rate)
    ratio = whole + log1p(-_above(crashed, ended + 1, rate)) - log1p(-rate) - at_rate
    return ratio >= -log1p(-confidence)


def _above(count: int, trials: int, rate: float) -> float:
    """The chance of more than `count` successes; for counts above the mean, so that the terms fall."""
    if count >= trials:
        return 0.0
    k = count + 1
    chosen = lgamma(trials + 1) - lgamma(k + 1) - lgamma(trials - k + 1)
    term = exp(chosen + k * log(rate) + (trials - k) * log1p(-rate))
    total, odds = term, rate / (1 - rate)
    while k < trials and term > _NEGLIGIBLE * total:
        term *= (trials - k) / (k + 1) * odds
        k += 1
        total += term
    return min(total, 1 - _NEGLIGIBLE)
