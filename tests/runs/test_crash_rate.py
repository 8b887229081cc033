"""When a run stops for its crashes: never for a bad start, soon where most crash, and rarely by chance."""

from __future__ import annotations

from collections import Counter
from math import comb, log
from random import Random

import pytest

from core import Cause
from runs.crash_rate import CrashBound, crash_rate_low, crash_stop, refuted

LOST = Cause.sandbox_lost


def causes(crashed: int, fine: int) -> Counter[Cause]:
    return Counter({LOST: crashed, Cause.submitted: fine})


@pytest.mark.parametrize(("crashed", "fine"), [(0, 0), (1, 0), (2, 0), (9, 0), (1, 20), (3, 7), (4, 6), (20, 80)])
def test_a_bad_start_stops_nothing(crashed: int, fine: int) -> None:
    assert crash_stop(causes(crashed, fine), CrashBound()) is None


@pytest.mark.parametrize(("crashed", "fine"), [(10, 0), (6, 4), (10, 8), (33, 57), (300, 900)])
def test_where_too_many_crash_it_stops(crashed: int, fine: int) -> None:
    why = crash_stop(causes(crashed, fine), CrashBound())
    assert why is not None
    assert f"{crashed} of {crashed + fine} attempts crashed ({crashed} sandbox_lost)" in why
    assert "the bound is 20%" in why


def test_the_line_names_what_was_most_frequent() -> None:
    mixed = Counter(
        {Cause.submitted: 1, LOST: 9, Cause.sandbox_start: 4, Cause.disk_full: 2, Cause.harness_bug: 1}
    )
    why = crash_stop(mixed, CrashBound())
    assert why is not None
    assert why.startswith(
        "16 of 17 attempts crashed (9 sandbox_lost, 4 sandbox_start, 2 disk_full, others): at least"
    )


def test_only_our_crashes_count_and_what_was_cancelled_does_not() -> None:
    agents = Counter({Cause.agent_error: 50, Cause.wall_time: 50, Cause.model_refused: 50})
    assert crash_stop(agents, CrashBound()) is None
    cancelled = Counter({LOST: 9, Cause.run_budget: 500, Cause.user_cancelled: 500})
    assert crash_stop(cancelled, CrashBound()) is None
    assert crash_stop(cancelled + Counter({LOST: 1}), CrashBound()) is not None


def by_quadrature(rate: float, crashed: int, ended: int) -> float:
    """Logarithm of the mixture likelihood ratio, as a sum of rectangles."""
    steps = 20_000
    width = (1 - rate) / steps
    inside = (rate + (n + 0.5) * width for n in range(steps))
    total = sum(q**crashed * (1 - q) ** (ended - crashed) for q in inside) * width
    return log(total / (1 - rate) / (rate**crashed * (1 - rate) ** (ended - crashed)))


@pytest.mark.parametrize(("rate", "crashed", "ended"), [(0.2, 3, 3), (0.2, 10, 18), (0.05, 4, 30), (0.5, 40, 60)])
def test_the_bound_is_where_the_mixture_refutes(rate: float, crashed: int, ended: int) -> None:
    ratio = by_quadrature(rate, crashed, ended)
    sure = 1 - 1 / (2.718281828**ratio)
    assert refuted(rate, crashed, ended, sure - 1e-4)
    assert not refuted(rate, crashed, ended, sure + (1 - sure) * 1e-2)


def clopper_pearson_low(crashed: int, ended: int, confidence: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(50):
        p = (low + high) / 2
        tail = sum(comb(ended, k) * p**k * (1 - p) ** (ended - k) for k in range(crashed, ended + 1))
        low, high = (p, high) if tail < 1 - confidence else (low, p)
    return low


@pytest.mark.parametrize(("crashed", "ended"), [(3, 3), (6, 10), (10, 20), (30, 100)])
def test_to_look_at_any_time_is_surer_than_to_look_once(crashed: int, ended: int) -> None:
    once = clopper_pearson_low(crashed, ended, 0.95)
    always = crash_rate_low(crashed, ended, 0.95)
    assert 0.5 * once < always < once


def test_the_bound_of_an_old_table() -> None:
    assert clopper_pearson_low(10, 20, 0.95) == pytest.approx(0.302, abs=5e-4)
    assert crash_rate_low(0, 0, 0.95) == crash_rate_low(0, 50, 0.95) == 0


def stopped_within(rate: float, length: int, random: Random) -> int | None:
    crashed = 0
    for ended in range(1, length + 1):
        crashed += random.random() < rate
        if ended >= 10 and refuted(0.2, crashed, ended, 0.95):
            return ended
    return None


def test_runs_at_the_bound_are_rarely_stopped_however_often_one_looks() -> None:
    random = Random(1)
    stopped = sum(stopped_within(0.2, 400, random) is not None for _ in range(300))
    assert stopped / 300 < 0.05


def test_runs_far_above_it_are_stopped_soon() -> None:
    random = Random(2)
    after = [stopped_within(0.6, 400, random) for _ in range(300)]
    assert None not in after
    assert sorted(n for n in after if n is not None)[270] <= 40


def test_a_long_run_is_looked_at_quickly_and_without_overflow() -> None:
    assert refuted(0.2, 30_000, 100_000, 0.95)
    assert not refuted(0.2, 20_050, 100_000, 0.95)
    assert crash_rate_low(30_000, 100_000, 0.95) == pytest.approx(0.294, abs=0.001)
    assert crash_rate_low(100_000, 100_000, 0.95) > 0.999
