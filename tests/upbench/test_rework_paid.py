"""A rework budget in dollars counts what people are paid for their reviews."""

from __future__ import annotations

from pathlib import Path

import pytest

from grading.adjudication.pay_rule import PayRule, set_rule
from grading.review.desk import Draft
from rubrics import Verdict
from runs import add_attempts
from tests.upbench.judging import awaiting, bench_at, judge


@pytest.mark.parametrize(("dollars", "spent"), [(6, 0), (5, 1)])
def test_no_further_attempt_where_reviews_have_cost_what_a_trial_may(
    tmp_path: Path, dollars: int, spent: int
) -> None:
    bench = bench_at(tmp_path / ".upbench" / "upbench.db", tmp_path)
    place = awaiting(bench, tmp_path, rework_budget=(f"dollars={dollars}",))
    with bench.home.database.write() as connection:
        set_rule(connection, PayRule(currency="USD", hourly=0, per_review=500), "lea")
    first = place.records.attempts(place.run_id)[0].id
    desk = judge(bench.home, first, Verdict.failed, None)
    desk.correct(first, "note", Draft(verdict=Verdict.failed, feedback="Said better."))
    plan = add_attempts(place)
    assert (plan.spent, len(plan.planned)) == (spent, 1 - spent)
    (figures,) = bench.report(place.run_id).economics.values()
    assert (figures.cost_review.value, figures.cost_review.missing) == (5.0, 0), "a correction is no review"
    bench.close()
