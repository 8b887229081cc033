"""Leniency: how much more readily a reviewer passes than others do on the same criteria of the same submissions.

A residual is what a reviewer said (1 pass, 0 fail) less the mean of what the others said of the same criterion of
the same submission, so that easy and hard work are compared with themselves. A reviewer's mean residual is then
shrunken towards the mean of all, the more the fewer residuals they have: the best linear unbiased predictor of a
one-way random-effects model with components of variance by the method of moments (Searle, Casella, McCulloch:
Variance Components, 1992, chapters 3 and 7):

    s2    = sum_i sum_j (r_ij - m_i)^2 / (N - k)
    tau2  = max(0, (sum_i n_i (m_i - m)^2 - (k - 1) s2) / (N - sum_i n_i^2 / N))
    b_i   = tau2 / (tau2 + s2 / n_i) * (m_i - m)

with n_i residuals of reviewer i, N in all, k reviewers, m_i and m the means. 0.1: passes ten of a hundred criteria
that others would have failed. It is a sign to look closer, not a verdict: residuals of one criterion lean on each
other, and somebody who is right against the others seems lenient or severe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FEWEST = 10
"""Residuals in all below which nothing can be said."""


@dataclass(frozen=True, slots=True)
class Sums:
    """The residuals of one reviewer: how many, their sum, and the sum of their squares."""

    n: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        """Of them."""
        return self.total / self.n


def leniency(found: Mapping[str, Sums]) -> dict[str, float]:
    """Reviewer -> shrunken mean residual in (-1, 1); empty where there is too little to say anything."""
    groups = {reviewer: sums for reviewer, sums in found.items() if sums.n}
    count, k = sum(sums.n for sums in groups.values()), len(groups)
    if k < 2 or count < FEWEST or count <= k:
        return {}
    mean = sum(sums.total for sums in groups.values()) / count
    # Not below 0, which rounding could make it where nobody differs from themselves.
    within = max(0.0, sum(sums.squares - sums.n * sums.mean**2 for sums in groups.values()) / (count - k))
    between = sum(sums.n * (sums.mean - mean) ** 2 for sums in groups.values())
    spread = count - sum(sums.n**2 for sums in groups.values()) / count
    tau = max(0.0, (between - (k - 1) * within) / spread)
    if tau == 0.0:
        return dict.fromkeys(groups, 0.0)
    return {r: tau / (tau + within / sums.n) * (sums.mean - mean) for r, sums in groups.items()}
