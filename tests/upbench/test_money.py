"""Amounts of money in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from core.llm.tables import CALLS, WASTE
from tests.upbench.bundles import RUN, fill, project
from upbench.money import cost_text, dollars_text
from upbench.report.sources import read_sources
from upbench.summary import summarise


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


def test_a_report_says_how_much_of_a_runs_cost_is_an_estimate(tmp_path: Path) -> None:
    home = project(tmp_path)
    fill(home)
    assert f"Cost of {RUN}" in _facts(tmp_path), "a call of it has no price"
    with home.database.write() as connection:
        connection.execute(update(CALLS).values(dollars=0.001))
        connection.execute(update(WASTE).values(dollars=0.00002, estimated=1, input=1))
    cost = summarise(home, RUN).cost
    assert 0 < cost.estimated_dollars < cost.dollars
    said = cost_text(cost.dollars, estimated=cost.estimated_dollars)
    assert _facts(tmp_path)[f"Cost of {RUN}"] == said
    assert "of it estimated" in said
    home.close()


def _facts(folder: Path) -> dict[str, str]:
    return read_sources([RUN], project=str(folder)).facts
