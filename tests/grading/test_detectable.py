"""What a plan can detect, against published values and against simulated runs."""

from __future__ import annotations

from math import exp, sqrt
from pathlib import Path
from random import Random
from statistics import NormalDist, fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from grading import Variation, detectable_difference, power_to_detect, variation_of
from grading.figures.compute import study
from grading.figures.gather import place
from grading.statistics.detectable import variance_of_differences
from grading.statistics.variation import AGENTS_ALIKE, REPEATS_ALIKE, measure
from tests.grading.synthetic import table

CRITICAL = NormalDist().inv_cdf(0.975) ** 2


def test_one_repeat_is_connors_formula() -> None:
    # Discordant 0.05 and 0.45: Connor's power of 22 pairs at 0.05 is 0.8 (the example of R's `pwr_mcnemar`).
    rate, other, discordant = 0.3, 0.7, 0.5
    both_vary = rate * (1 - rate) + other * (1 - other)
    together = (both_vary - (discordant - 0.4**2)) / 2
    alike = together / sqrt(rate * (1 - rate) * other * (1 - other))
    variation = Variation(rate=rate, repeats_alike=0.9, agents_alike=alike)
    assert variance_of_differences(rate, other, 1, variation) == pytest.approx(discordant - 0.4**2)
    assert power_to_detect(0.4, 22, 1, variation) == pytest.approx(0.8, abs=0.003)
    assert power_to_detect(0.4, 21, 1, variation) < 0.8


def test_many_repeats_leave_what_is_due_to_the_jobs() -> None:
    # Miller (2024): chances spread evenly over jobs (variance 1/12, luck 1/6), independent for the two agents.
    variation = Variation(rate=0.5, repeats_alike=1 / 3, agents_alike=0)
    assert variance_of_differences(0.5, 0.5, 1_000_000, variation) == pytest.approx(1 / 6, abs=1e-5)
    assert variance_of_differences(0.5, 0.5, 2, variation) == pytest.approx(1 / 6 + 2 * (1 / 6) / 2)


@pytest.mark.parametrize(("jobs", "repeats"), [(16, 1), (16, 4), (60, 1), (60, 3), (322, 1)])
def test_the_difference_is_the_one_that_has_the_power(jobs: int, repeats: int) -> None:
    variation = Variation(rate=0.3, repeats_alike=0.5, agents_alike=0.3)
    found = detectable_difference(jobs, repeats, variation)
    assert found is not None
    assert power_to_detect(found, jobs, repeats, variation) == pytest.approx(0.8, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    jobs=st.integers(8, 500),
    repeats=st.integers(1, 20),
    rate=st.floats(0.05, 0.95),
    alike=st.floats(0, 1),
    share=st.floats(0, 1),
)
def test_more_jobs_and_more_repeats_never_detect_less(
    jobs: int, repeats: int, rate: float, alike: float, share: float
) -> None:
    variation = Variation(rate=rate, repeats_alike=alike, agents_alike=alike * share)
    base = detectable_difference(jobs, repeats, variation)
    for more in (
        detectable_difference(jobs + 5, repeats, variation),
        detectable_difference(jobs, repeats + 1, variation),
    ):
        if base is not None:
            assert more is not None
            assert more <= base + 1e-9


def test_repeats_of_what_never_varies_tell_nothing_new() -> None:
    fixed = Variation(rate=0.4, repeats_alike=1, agents_alike=0.5)
    lucky = Variation(rate=0.4, repeats_alike=0, agents_alike=0)
    assert detectable_difference(50, 10, fixed) == pytest.approx(detectable_difference(50, 1, fixed))
    once, often = detectable_difference(50, 1, lucky), detectable_difference(50, 10, lucky)
    assert once is not None
    assert often is not None
    assert often < once / 2.5


def test_too_few_jobs_detect_nothing() -> None:
    assert detectable_difference(2, 50, Variation()) is None
    assert detectable_difference(3, 1, Variation()) is None


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValidationError, match="more alike"):
        Variation(repeats_alike=0.2, agents_alike=0.3)
    with pytest.raises(ValueError, match="no room"):
        power_to_detect(0.8, 10, 1, Variation(rate=0.5))
    with pytest.raises(ValueError, match="at least one"):
        power_to_detect(0.1, 0, 1, Variation())


class Jobs:
    """Jobs whose chances are logistic-normal: another shape than anything the formula assumes."""

    def __init__(self, middle_a: float, middle_b: float, spread: float, shared: float) -> None:
        self.middles, self.spread, self.shared = (middle_a, middle_b), spread, shared

    def chance(self, agent: int, job: float, own: float) -> float:
        """Of completing a job, from two standard normal numbers: the job's, and how it suits this agent."""
        return 1 / (
            1 + exp(-self.middles[agent] - self.spread * (sqrt(self.shared) * job + sqrt(1 - self.shared) * own))
        )

    def chances(self, random: Random) -> tuple[float, float]:
        job = random.gauss(0, 1)
        return self.chance(0, job, random.gauss(0, 1)), self.chance(1, job, random.gauss(0, 1))

    def truth(self) -> tuple[float, Variation]:
        """Difference and variation over all such jobs, by a sum over a grid of quantiles."""
        grid = [NormalDist().inv_cdf((n + 0.5) / 120) for n in range(120)]
        by_job = [[[self.chance(agent, job, own) for own in grid] for job in grid] for agent in (0, 1)]
        a, b = (fmean(fmean(row) for row in rows) for rows in by_job)
        whole_a, whole_b = a * (1 - a), b * (1 - b)
        spread = sum(
            fmean((p - m) ** 2 for row in rows for p in row) for rows, m in zip(by_job, (a, b), strict=True)
        )
        means = zip(*([fmean(row) for row in rows] for rows in by_job), strict=True)
        together = fmean((p - a) * (q - b) for p, q in means) / sqrt(whole_a * whole_b)
        return b - a, Variation(rate=a, repeats_alike=spread / (whole_a + whole_b), agents_alike=together)

    def found(self, random: Random, jobs: int, repeats: int) -> bool:
        """Whether the clustered McNemar test finds a difference in one run."""
        differences = []
        for _ in range(jobs):
            a, b = self.chances(random)
            done = [sum(random.random() < chance for _ in range(repeats)) for chance in (a, b)]
            differences.append((done[1] - done[0]) / repeats)
        squares = sum(d * d for d in differences)
        return squares > 0 and sum(differences) ** 2 / squares > CRITICAL


@pytest.mark.parametrize(
    ("world", "jobs", "repeats"),
    [
        (Jobs(-1.2, -0.3, 1.5, 0.7), 90, 1),
        (Jobs(-1.2, -0.4, 1.5, 0.7), 60, 3),
        (Jobs(-0.6, 0.2, 2.5, 0.2), 120, 2),
        (Jobs(-2.0, -0.6, 1.0, 0.5), 50, 1),
    ],
    ids=["one repeat", "three repeats", "jobs that suit either agent", "rare successes"],
)
def test_simulated_runs_find_it_as_often_as_is_said(world: Jobs, jobs: int, repeats: int) -> None:
    difference, variation = world.truth()
    said = power_to_detect(difference, jobs, repeats, variation)
    random, runs = Random(7), 1000
    share = fmean(world.found(random, jobs, repeats) for _ in range(runs))
    assert 0.5 < said < 0.97
    assert share == pytest.approx(said, abs=0.04)


def test_where_there_is_no_difference_few_simulated_runs_find_one() -> None:
    world, random = Jobs(-0.5, -0.5, 1.5, 0.6), Random(3)
    assert fmean(world.found(random, 60, 2) for _ in range(1000)) == pytest.approx(0.05, abs=0.02)


def test_the_detectable_difference_is_found_in_four_of_five_simulated_runs() -> None:
    # With the chances of a job all or nothing or even luck, the moments of the plan are exact.
    rate, alike, shared, jobs, repeats = 0.4, 0.5, 0.3, 80, 2
    variation = Variation(rate=rate, repeats_alike=alike, agents_alike=shared)
    difference = detectable_difference(jobs, repeats, variation)
    assert difference is not None
    random, runs, hits = Random(5), 1000, 0
    # Two draws that share a uniform number covary by min - product; so often must they share it.
    a, b = rate, rate + difference
    often = shared * sqrt(a * (1 - a) * b * (1 - b)) / (min(a, b) - a * b)
    for _ in range(runs):
        differences = []
        for _ in range(jobs):
            kind = random.random()
            same = random.random()
            draws = (same, same) if kind < often else (random.random(), random.random())
            fixed = kind < alike
            done = [
                repeats * (draw < p) if fixed else sum(random.random() < p for _ in range(repeats))
                for draw, p in zip(draws, (a, b), strict=True)
            ]
            differences.append((done[1] - done[0]) / repeats)
        squares = sum(d * d for d in differences)
        hits += squares > 0 and sum(differences) ** 2 / squares > CRITICAL
    assert hits / runs == pytest.approx(0.8, abs=0.04)


def simulated(world: Jobs, jobs: int, repeats: int) -> dict[str, dict[str, list[bool]]]:
    random = Random(2)
    outcomes: dict[str, dict[str, list[bool]]] = {"a": {}, "b": {}}
    for number in range(jobs):
        for agent, chance in zip("ab", world.chances(random), strict=True):
            outcomes[agent][f"j{number}"] = [random.random() < chance for _ in range(repeats)]
    return outcomes


def test_variation_is_measured_from_past_outcomes() -> None:
    world = Jobs(-0.6, 0.2, 2.0, 0.5)
    _, truth = world.truth()
    found = measure(simulated(world, 3000, 3))
    assert found.measured == ("rate", "repeats_alike", "agents_alike")
    assert found.jobs == 3000
    assert found.repeats_alike == pytest.approx(truth.repeats_alike, abs=0.03)
    assert found.agents_alike == pytest.approx(truth.agents_alike, abs=0.03)


def test_what_the_past_does_not_tell_is_assumed() -> None:
    assert measure(simulated(Jobs(0, 0, 1, 0.5), 5, 3)) == Variation()
    once = measure({"a": simulated(Jobs(0, 0, 1, 0.5), 50, 1)["a"]})
    assert once.measured == ("rate",)
    assert (once.repeats_alike, once.agents_alike) == pytest.approx((REPEATS_ALIKE, AGENTS_ALIKE))
    never = measure({"a": {f"j{n}": [False] for n in range(20)}})
    assert (never.rate, never.measured) == (0.5, ())


def test_variation_of_judged_trials_is_that_of_first_attempts() -> None:
    lines = [*table("a", n=20, a=8, m=12, b=12), *table("b", n=20, a=8, m=0, b=0)]
    found = variation_of(study(place(lines)).trials)
    assert found.rate == pytest.approx(0.4)
    # The same eight jobs are completed by both; how alike repeats are is not known, but no less than that.
    assert found.agents_alike == pytest.approx(1.0)
    assert found.repeats_alike == found.agents_alike
    assert found.measured == ("rate", "agents_alike")


def test_the_table_in_the_documentation_is_right() -> None:
    page = (Path(__file__).parents[2] / "docs" / "planning.md").read_text()
    rows = [
        line.strip("| ").split(" | ") for line in page.splitlines() if line[:2] == "| " and line[2].isdecimal()
    ]
    assert len(rows) == 5
    for jobs, *points in rows:
        found = [detectable_difference(int(jobs), repeats, Variation()) for repeats in (1, 3, 10)]
        assert [f"{100 * (one or 0):.0f}" for one in found] == points
