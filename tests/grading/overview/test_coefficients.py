"""Coefficients of agreement against worked examples, and where they are undefined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from grading.statistics.coefficients import (
    ALWAYS_THE_SAME,
    FEW_JOBS,
    NO_SPREAD,
    NOBODY,
    Unit,
    coefficients,
)

Units = Mapping[str, Sequence[Unit]]


def two(both: int, first: int, second: int, neither: int) -> list[Unit]:
    """So many units that both of two people pass, only the first, only the second, neither."""
    words = [(True, True)] * both + [(True, False)] * first + [(False, True)] * second + [(False, False)] * neither
    return [{"anna": a, "ben": b} for a, b in words]


@pytest.mark.parametrize(
    ("table", "cohen", "fleiss", "alpha", "ac1"),
    [
        # Nearly everything passes: kappa and alpha say that 95 % agree no better than chance.
        ((95, 3, 2, 0), -0.025, -0.026, -0.021, 0.947),
        ((48, 3, 2, 47), 0.900, 0.900, 0.9005, 0.900),
    ],
)
def test_two_people_as_in_the_worked_examples(
    table: tuple[int, int, int, int], cohen: float, fleiss: float, alpha: float, ac1: float
) -> None:
    found = coefficients({"job": two(*table)}, resamples=0)
    values = (found.cohen.value, found.fleiss.value, found.alpha.value, found.ac1.value)
    assert values == pytest.approx((cohen, fleiss, alpha, ac1), abs=6e-4)
    assert found.raw.value == pytest.approx(0.95)
    assert (found.units, found.jobs, found.people) == (100, 1, 2)


def test_more_people_than_two_some_of_whom_did_not_judge() -> None:
    """Krippendorff's example of nominal data by two observers, and three ratings of one unit by hand."""
    # 10 units by two observers: alpha = 0.095 (Krippendorff 2011, "Computing alpha-reliability", section A).
    a, b = "0100000000", "1110010100"
    units = [{"anna": x == "1", "ben": y == "1"} for x, y in zip(a, b, strict=True)]
    assert coefficients({"j": units}, resamples=0).alpha.value == pytest.approx(0.095, abs=6e-4)
    mixed: list[Unit] = [{"anna": True, "ben": True, "cleo": False}, {"ben": False, "cleo": False}]
    found = coefficients({"j": mixed}, resamples=0)
    assert found.raw.value == pytest.approx(2 / 4)  # pairs: pp, pf, pf; ff
    x = (2 / 3 + 0) / 2
    agree = (1 / 3 + 1) / 2
    assert found.fleiss.value == pytest.approx((agree - (x * x + (1 - x) ** 2)) / (1 - (x * x + (1 - x) ** 2)))
    assert found.ac1.value == pytest.approx((agree - 2 * x * (1 - x)) / (1 - 2 * x * (1 - x)))
    assert found.cohen.value is None
    assert found.cohen.why == "it is of two people, and 3 judged"


def test_what_is_undefined_says_why() -> None:
    none = coefficients({})
    assert {none.raw.why, none.ac1.why, none.alpha.why, none.cohen.why} == {NOBODY}
    same = coefficients({"j": two(9, 0, 0, 0)})
    assert (same.cohen.why, same.fleiss.why, same.alpha.why) == (ALWAYS_THE_SAME,) * 3
    assert (same.ac1.value, same.raw.value, same.positive.value) == (1.0, 1.0, 1.0)
    assert same.negative.value is None
    assert same.negative.why == "nobody ever said fail"
    assert (same.ac1.low, same.ac1.why) == (None, FEW_JOBS)


def test_intervals_are_over_jobs_and_the_same_each_time() -> None:
    jobs: Units = {f"j{n}": two(4 + n % 3, n % 2, (n + 1) % 3, 2) for n in range(24)}
    first, again = coefficients(jobs), coefficients(jobs)
    assert first == again
    for figure in (first.raw, first.ac1, first.cohen, first.fleiss, first.alpha, first.negative):
        assert figure.value is not None
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low < figure.value < figure.high
    # The same verdicts in fewer, larger jobs that differ tell less: whole jobs are drawn.
    good, bad = two(40, 0, 0, 10), two(20, 15, 15, 0)
    few = coefficients({f"j{n}": good if n % 2 else bad for n in range(6)})
    many = coefficients(
        {f"j{n}-{k}": part for n in range(6) for k, part in enumerate(_tenths(good if n % 2 else bad))}
    )
    assert few.raw.value == many.raw.value
    assert _width(few.raw) > 1.5 * _width(many.raw)
    alike = coefficients({f"j{n}": two(4, 0, 0, 1) for n in range(8)})
    assert (alike.raw.low, alike.raw.why) == (None, NO_SPREAD)


def _tenths(units: Sequence[Unit]) -> list[Sequence[Unit]]:
    return [units[n::10] for n in range(10)]


def _width(figure: object) -> float:
    low, high = getattr(figure, "low"), getattr(figure, "high")  # noqa: B009
    return float(high - low)
