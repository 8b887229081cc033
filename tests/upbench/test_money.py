"""Amounts of money in words."""

from __future__ import annotations

import pytest

from upbench.money import cost_text, dollars_text


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (0, "$0.00"),
        (0.5, "$0.50"),
        (0.1234, "$0.1234"),
        (0.0048, "$0.0048"),
        (0.00048, "$0.00048"),
        (0.0000031, "$0.0000031"),
        (0.99999, "$1.00"),
        (1, "$1.00"),
        (1234.567, "$1,234.57"),
    ],
)
def test_small_sums_show_digits_that_count(amount: float, said: str) -> None:
    assert dollars_text(amount) == said


def test_what_is_not_certain_of_a_sum_is_said() -> None:
    assert cost_text(0.0048) == "$0.0048"
    assert cost_text(0.0048, estimated=0.000012) == "$0.0048 ($0.000012 of it estimated)"
    assert cost_text(2, estimated=1.5, unpriced=1) == "$2.00 ($1.50 of it estimated) and 1 call without a price"
