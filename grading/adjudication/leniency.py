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

from collections.abc import Mapping, Sequence
from statistics import fmean

FEWEST = 10
"""Residuals in all below which nothing can be said."""


def residuals(said: Sequence[Mapping[str, bool]]) -> dict[str, list[float]]:
    """Reviewer -> residuals, from what each said (True: pass) of one criterion of one submission, many times."""
    found: dict[str, list[float]] = {}
    for of_criterion in said:
        if len(of_criterion) < 2:
            continue
        passes = sum(of_criterion.values())
        for reviewer, passed in of_criterion.items():
            others = (passes - passed) / (len(of_criterion) - 1)
            found.setdefault(reviewer, []).append(passed - others)
    return found


def leniency(found: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Reviewer -> shrunken mean residual in (-1, 1); empty where there is too little to say anything."""
    groups = {reviewer: list(values) for reviewer, values in found.items() if values}
    total, k = sum(len(values) for values in groups.values()), len(groups)
    if k < 2 or total < FEWEST or total <= k:
        return {}
    means = {reviewer: fmean(values) for reviewer, values in groups.items()}
    mean = fmean(value for values in groups.values() for value in values)
    within = sum((value - means[r]) ** 2 for r, values in groups.items() for value in values) / (total - k)
    between = sum(len(values) * (means[r] - mean) ** 2 for r, values in groups.items())
    spread = total - sum(len(values) ** 2 for values in groups.values()) / total
    tau = max(0.0, (between - (k - 1) * within) / spread)
    if tau == 0.0:
        return dict.fromkeys(groups, 0.0)
    return {r: tau / (tau + within / len(values)) * (means[r] - mean) for r, values in groups.items()}
