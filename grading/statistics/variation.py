"""How outcomes vary: with the job, with luck, and together for two agents; measured where there is a past."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from math import sqrt
from statistics import fmean
from typing import Literal

from pydantic import Field, model_validator

from core import Frozen
from grading.figures.trials import Trial

RATE = 0.5
"""Where no rate of completion is known: the one at which outcomes vary most."""
REPEATS_ALIKE = 1 / 3
"""Where it is not known: what it is when the chance of completing a job is spread evenly from 0 to 1."""
AGENTS_ALIKE = 1 / 6
"""Where it is not known: half of what is due to the job is so for both agents."""
ENOUGH_JOBS = 10
"""With fewer jobs, what was measured of them says little of others."""

Outcomes = Mapping[str, Mapping[str, Sequence[bool]]]
"""Agent -> job -> whether each repeat completed it."""


class Variation(Frozen):
    """How the outcomes (completed or not) of agents on jobs vary.

    Attributes:
        rate: Share of the trials that complete their job, between 0 and 1.
        repeats_alike: Correlation of two repeats of one agent on the same job (0: all is luck; 1: repeats tell
            nothing new).
        agents_alike: Correlation of two agents' outcomes on the same job; at most `repeats_alike`.
        measured: Which of the three rest on past trials; the others are assumptions.
        jobs: On how many jobs that was measured.
    """

    rate: float = Field(default=RATE, gt=0, lt=1)
    repeats_alike: float = Field(default=REPEATS_ALIKE, ge=0, le=1)
    agents_alike: float = Field(default=AGENTS_ALIKE, ge=0, le=1)
    measured: tuple[Literal["rate", "repeats_alike", "agents_alike"], ...] = ()
    jobs: int = 0

    @model_validator(mode="after")
    def _hangs_together(self) -> Variation:
        if self.agents_alike > self.repeats_alike:
            raise ValueError("two agents cannot be more alike than two repeats of one of them")
        return self


def variation_of(trials: Iterable[Trial]) -> Variation:
    """How the first attempts of judged trials vary. Missing ones are left out; what is not told is assumed."""
    outcomes: dict[str, dict[str, list[bool]]] = {}
    for trial in trials:
        if trial.passed_1 is not None:
            outcomes.setdefault(trial.key.agent, {}).setdefault(trial.key.job, []).append(trial.passed_1)
    return measure(outcomes)


def measure(outcomes: Outcomes) -> Variation:
    """As `variation_of`, from bare outcomes.

    Estimators by moments: the variance of repeats within a job against the whole variance p(1 - p), averaged over
    the agents; the covariance of two agents' job means against the same. Each needs `ENOUGH_JOBS` jobs.
    """
    jobs = {job for by_job in outcomes.values() for job in by_job}
    if len(jobs) < ENOUGH_JOBS:
        return Variation()
    measured: list[Literal["rate", "repeats_alike", "agents_alike"]] = []
    rate = fmean(fmean(_means(by_job)) for by_job in outcomes.values())
    if 0 < rate < 1:
        measured.append("rate")
    else:
        rate = RATE
    repeats = _mean_known([_repeats_alike(by_job) for by_job in outcomes.values()])
    agents = _mean_known([_agents_alike(a, b) for a, b in combinations(outcomes.values(), 2)])
    if repeats is not None:
        measured.append("repeats_alike")
    if agents is not None:
        measured.append("agents_alike")
    if repeats is None:  # at least as alike as two agents were found to be
        repeats = max(REPEATS_ALIKE, agents or 0.0)
    if agents is None:
        agents = repeats * AGENTS_ALIKE / REPEATS_ALIKE
    return Variation(
        rate=rate,
        repeats_alike=repeats,
        agents_alike=min(agents, repeats),
        measured=tuple(measured),
        jobs=len(jobs),
    )


def _means(by_job: Mapping[str, Sequence[bool]]) -> list[float]:
    return [fmean(repeats) for repeats in by_job.values()]


def _repeats_alike(by_job: Mapping[str, Sequence[bool]]) -> float | None:
    repeated = {job: repeats for job, repeats in by_job.items() if len(repeats) > 1}
    if len(repeated) < ENOUGH_JOBS:
        return None
    means = _means(repeated)
    whole = fmean(means) * (1 - fmean(means))
    if not whole:
        return None
    within = fmean(m * (1 - m) * len(r) / (len(r) - 1) for m, r in zip(means, repeated.values(), strict=True))
    return _share(1 - within / whole)


def _agents_alike(first: Mapping[str, Sequence[bool]], second: Mapping[str, Sequence[bool]]) -> float | None:
    both = sorted(first.keys() & second.keys())
    if len(both) < ENOUGH_JOBS:
        return None
    a, b = [fmean(first[job]) for job in both], [fmean(second[job]) for job in both]
    mean_a, mean_b = fmean(a), fmean(b)
    whole = sqrt(mean_a * (1 - mean_a) * mean_b * (1 - mean_b))
    if not whole:
        return None
    together = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True)) / (len(both) - 1)
    return _share(together / whole)


def _mean_known(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))
