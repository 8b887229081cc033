"""The figures: the paper's table to the last digit, and what must hold whatever the evaluations."""

from __future__ import annotations

import time
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from core import BadInput
from grading import EvaluationLine, compute_figures, dump_lines, read_lines
from tests.grading.synthetic import attempt_lines, table

# UpBench (arXiv 2511.12306), Table 3, and the integers that give every digit of it at N = 322.
TABLE_3 = {
    "Claude Sonnet 4": ({"n": 322, "a": 128, "m": 159, "b": 37}, (0.398, 0.512, 0.115, 0.289, 0.233)),
    "Gemini 2.5 Pro": ({"n": 322, "a": 64, "m": 222, "b": 40}, (0.199, 0.323, 0.124, 0.625, 0.180)),
    "GPT-5": ({"n": 322, "a": 63, "m": 237, "b": 45}, (0.196, 0.335, 0.140, 0.714, 0.190)),
}
COLUMNS = ("p1", "p_overall", "absolute_lift", "relative_lift", "rescue_rate")


def line(**values: Any) -> EvaluationLine:
    base = {
        "agent": "x",
        "job": "j",
        "attempt": 1,
        "arm": "alone",
        "criterion": "c0",
        "importance": "critical",
        "grader": "r1",
        "grader_kind": "human",
        "verdict": "pass",
    }
    return EvaluationLine.model_validate(base | values)


def test_table_3_of_the_paper_to_the_last_digit() -> None:
    lines = list(chain.from_iterable(table(agent, **counts) for agent, (counts, _) in TABLE_3.items()))
    figures = compute_figures(lines)
    for agent, (counts, digits) in TABLE_3.items():
        own = figures.agents[agent]
        assert tuple(round(getattr(own, name).value, 3) for name in COLUMNS) == digits
        assert {name: getattr(own, name).value for name in counts} == counts
        assert own.f.value == counts["n"] - counts["a"]
        for name in COLUMNS:
            figure = getattr(own, name)
            assert figure.missing == 0
            assert figure.bounds == (figure.value, figure.value)


def test_a_large_file_takes_a_couple_of_seconds(tmp_path: Path) -> None:
    lines = [
        made
        for agent, (counts, _) in TABLE_3.items()
        for made in table(agent, **counts, criteria=12, payout=80.0, currency="USD")
    ]
    path = tmp_path / "evaluations.jsonl"
    path.write_text(dump_lines(lines))
    start = time.process_time()
    figures = compute_figures(read_lines(path))
    assert time.process_time() - start < 6
    assert figures == compute_figures(lines)
    assert figures.agents["GPT-5"].value_captured.value == 80.0 * (63 + 45)


def test_rubric_scores_follow_the_paper() -> None:
    # Three jobs: one completed, one failed and rescued, one failed and left. The failed pass 6 of 7 criteria.
    lines = list(table("x", n=3, a=1, m=1, b=1))
    own = compute_figures(lines).agents["x"]
    assert own.rubric_1.value == pytest.approx((1 + 6 / 7 + 6 / 7) / 3)
    assert own.rubric_overall.value == pytest.approx((1 + 1 + 6 / 7) / 3)
    assert own.rubric_lift.value == pytest.approx((1 / 7) / 3)
    assert own.rubric_1_given_m.value == pytest.approx(6 / 7)
    assert own.rubric_2_given_m.value == 1
    assert own.rubric_relative_lift_given_m.value == pytest.approx(7 / 6 - 1)


def test_missing_is_never_zero_and_bounds_say_what_it_could_be() -> None:
    crash = EvaluationLine.model_validate(
        {"agent": "x", "job": "lost", "attempt": 1, "arm": "alone", "criterion": None, "cause": "sandbox_lost"}
    )
    waiting = line(job="open", grader="", grader_kind=None, verdict=None)
    figures = compute_figures([*table("x", n=4, a=1, m=2, b=1), crash, waiting])
    own = figures.agents["x"]
    assert own.p1.value == 1 / 4
    assert own.p1.n == 4
    assert own.p1.missing == 2
    assert own.p1.bounds == (1 / 6, 3 / 6)
    assert own.p_overall.bounds == (2 / 6, 4 / 6)
    assert own.absolute_lift.bounds == (1 / 6, 3 / 6)
    assert figures.missing["x"].first == {"awaiting": 1, "sandbox_lost": 1}


def test_a_missing_re_attempt_is_not_in_m() -> None:
    crash = EvaluationLine.model_validate(
        {"agent": "x", "job": "job-003", "attempt": 2, "arm": "feedback", "criterion": None, "cause": "disk_full"}
    )
    figures = compute_figures([*table("x", n=4, a=1, m=2, b=1), crash])
    own = figures.agents["x"]
    assert own.rescue_rate.value == 1 / 2
    assert own.rescue_rate.bounds == (1 / 3, 2 / 3)
    assert own.p_overall.bounds == (2 / 4, 3 / 4)
    assert figures.missing["x"].rework == {"disk_full": 1}


def test_what_the_agent_is_to_blame_for_fails() -> None:
    blame = EvaluationLine.model_validate(
        {"agent": "x", "job": "j", "attempt": 1, "arm": "alone", "criterion": None, "cause": "steps"}
    )
    own = compute_figures([blame]).agents["x"]
    assert (own.p1.value, own.p1.n, own.p1.missing) == (0.0, 1, 0)
    assert own.rubric_1.value == 0.0


def test_only_the_feedback_arm_counts_for_m() -> None:
    retry = attempt_lines("x", "job-001", k=2, arm="retry", passes=True)
    echo = attempt_lines("x", "job-002", k=2, arm="echo", passes=True)
    figures = compute_figures([*table("x", n=4, a=1, m=0, b=0), *retry, *echo])
    own = figures.agents["x"]
    assert (own.m.value, own.b.value) == (0, 0)
    assert own.rescue_rate.value is None
    assert own.rescue_rate.why
    assert figures.retry_control["x"].retry.value == 1.0
    assert figures.retry_control["x"].difference.value is None


def test_the_last_execution_counts_and_every_execution_costs() -> None:
    first = EvaluationLine.model_validate(
        {
            "agent": "x",
            "job": "j",
            "attempt": 1,
            "arm": "alone",
            "criterion": None,
            "cause": "worker_died",
            "cost": {"model": 0.25},
        }
    )
    second = attempt_lines("x", "j", passes=True, execution=2, cost={"model": 0.5})
    figures = compute_figures([first, *second])
    assert figures.agents["x"].p1.value == 1.0
    assert figures.economics["x"].cost_model.value == 0.75
    assert (figures.economics["x"].attempts, figures.economics["x"].executions) == (1, 2)


def test_policies_and_cannot_judge() -> None:
    verdicts = {"critical": "pass", "important": "pass", "optional": "fail", "pitfall": "fail"}
    lines = [line(criterion=name, importance=name, verdict=v, judgement="fail") for name, v in verdicts.items()]
    completed = {p: compute_figures(lines, policy=p).agents["x"].a.value for p in ("paper", "strict", "all")}
    assert completed == {"paper": 1, "strict": 0, "all": 0}
    assert compute_figures(lines, policy="judgement").agents["x"].a.value == 0
    unclear = [line(), line(criterion="c1", importance="important", verdict="cannot_judge")]
    figures = compute_figures(unclear)
    assert figures.agents["x"].p1.value is None
    assert figures.missing["x"].first == {"undecided": 1}
    assert figures.agents["x"].rubric_1.value == 1.0


def test_figures_are_by_the_policy_of_the_runs_unless_another_is_named() -> None:
    verdicts = {"critical": "pass", "important": "pass", "pitfall": "fail"}
    strict, paper = (
        [line(run=run, criterion=name, importance=name, verdict=v, policy=run) for name, v in verdicts.items()]
        for run in ("strict", "paper")
    )
    figures = compute_figures(strict)
    assert (figures.policy, figures.agents["x"].a.value) == ("strict", 0)
    assert "policy" not in [warning.kind for warning in figures.warnings]
    with pytest.raises(BadInput, match=r"paper \(as paper\), strict \(as strict\)"):
        compute_figures([*strict, *paper])
    both = compute_figures([*strict, *paper], policy="paper")
    assert both.agents["x"].a.value == 2
    (warned,) = [warning.detail for warning in both.warnings if warning.kind == "policy"]
    assert "in strict was decided by its own, strict" in warned


def test_a_criterion_known_from_another_attempt_awaits_its_verdict() -> None:
    lines = [*attempt_lines("x", "j", passes=True), line(agent="y", criterion="c1", importance="critical")]
    figures = compute_figures(lines)
    assert figures.agents["x"].p1.value == 1.0
    assert figures.agents["y"].p1.value is None
    assert figures.missing["y"].first == {"awaiting": 1}


def test_judges_count_only_on_their_basis() -> None:
    lines = [line(grader="judge-1", grader_kind="judge")]
    assert compute_figures(lines).agents["x"].p1.value is None
    figures = compute_figures(lines, basis="judge")
    assert figures.agents["x"].p1.value == 1.0
    assert "judge_basis" in {warning.kind for warning in figures.warnings}


def test_value_captured_is_undefined_without_payouts_and_across_currencies() -> None:
    assert compute_figures(attempt_lines("x", "j", passes=True)).agents["x"].value_captured.value is None
    mixed = [
        *attempt_lines("x", "j", passes=True, payout=10, currency="USD"),
        *attempt_lines("x", "k", passes=True, payout=10, currency="EUR"),
    ]
    figure = compute_figures(mixed).agents["x"].value_captured
    assert figure.value is None
    assert figure.why is not None
    assert "EUR" in figure.why


def test_contradictions_and_stand_ins_are_named() -> None:
    lines = [
        *attempt_lines("x", "j1", passes=False, judgement="pass", scripted=True),
        *attempt_lines("x", "j2", passes=True, judgement="fail", scripted=True),
    ]
    figures = compute_figures(lines)
    kinds = [warning.kind for warning in figures.warnings]
    assert kinds.count("contradiction") == 2
    assert "scripted" in kinds
    assert figures.scripted == ("x",)


def test_rubric_below_completion_is_named() -> None:
    lines = [
        line(
            criterion=f"c{n}", importance="critical" if not n else "optional", verdict="pass" if not n else "fail"
        )
        for n in range(5)
    ]
    kinds = {warning.kind for warning in compute_figures(lines).warnings}
    assert "rubric_below_completion" in kinds


@pytest.mark.parametrize(
    ("second", "field"),
    [
        ({}, "criterion"),
        ({"criterion": "c1", "ended": "limit"}, "ended"),
        ({"criterion": "c1", "cost": {"model": 2.0}}, "cost.model"),
        ({"criterion": "c1", "minutes": {"work": 2.0}}, "minutes.work"),
        ({"criterion": "c1", "minutes": {"review": 2.0}}, "minutes.review"),
        ({"criterion": "c1", "payout": 5.0}, "payout"),
        ({"criterion": "c1", "judgement": "fail"}, "judgement"),
        ({"criterion": "c0", "grader": "r2", "importance": "optional"}, "importance"),
    ],
)
def test_a_conflict_is_named_with_its_place(tmp_path: Path, second: dict[str, Any], field: str) -> None:
    facts = {
        "ended": "submitted",
        "cost": {"model": 1.0, "review": 3.0},
        "minutes": {"work": 1.0, "review": 1.0},
        "payout": 4.0,
        "judgement": "pass",
    }
    path = tmp_path / "e.jsonl"
    path.write_text(dump_lines([line(**facts)]) + "\n" + dump_lines([line(**(facts | second))]))
    with pytest.raises(BadInput) as caught:
        read_lines(path)
    assert caught.value.file == path
    assert caught.value.line == 3
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("text", "line_number", "field"),
    [
        ('{"agent": "x"', 1, None),
        ('\n{"agent":"x","job":"j","attempt":1,"arm":"alone","criterion":null,"colour":"red"}', 2, "colour"),
        ('{"agent":"x","job":"j","attempt":0,"arm":"alone","criterion":null}', 1, "attempt"),
        ('{"agent":"x","job":"j","attempt":1,"arm":"alone"}', 1, "criterion"),
        (
            '{"agent":"x","job":"j","attempt":1,"arm":"alone","criterion":"c","importance":"vital"}',
            1,
            "importance",
        ),
        (
            '{"agent":"x","job":"j","attempt":1,"arm":"alone","criterion":"c","importance":"critical",'
            '"verdict":"pass"}',
            1,
            None,
        ),
        ('{"agent":"x","job":"j","attempt":2,"arm":"alone","criterion":null}', 1, None),
        ('{"agent":"x","job":"j","attempt":1,"arm":"alone","criterion":null,"payout":NaN}', 1, "payout"),
        ("", None, None),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, text: str, line_number: int | None, field: str | None) -> None:
    path = tmp_path / "e.jsonl"
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        read_lines(path)
    assert caught.value.line == line_number
    assert caught.value.field == field
