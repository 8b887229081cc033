"""What must hold of the figures whatever the evaluations are."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import Cause
from grading import EvaluationLine, Figure, Figures, compute_figures, dump_lines, read_lines
from tests.grading.synthetic import IMPORTANCES

VERDICTS = st.sampled_from(["pass", "pass", "pass", "fail", "cannot_judge", None])
CAUSES = st.sampled_from([None, Cause.submitted, Cause.steps, Cause.sandbox_lost, Cause.user_cancelled])


@st.composite
def attempts(draw: st.DrawFn, job: str, k: int, arm: str) -> list[EvaluationLine]:
    base: dict[str, Any] = {
        "agent": draw(st.sampled_from(["x", "y"])),
        "job": job,
        "attempt": k,
        "arm": arm,
        "cause": draw(CAUSES),
        "payout": 50.0,
        "category": draw(st.sampled_from(["A", "B"])) if k == 1 else None,
        "cost": {"model": draw(st.sampled_from([None, 0.5]))},
    }
    verdicts = draw(st.lists(VERDICTS, min_size=0, max_size=5))
    if not verdicts:
        return [EvaluationLine.model_validate(base | {"criterion": None})]
    kind = draw(st.sampled_from(["human", "check", "judge"]))
    grader = {"grader": "g", "grader_kind": kind, "decides": draw(st.booleans())}
    judgement = draw(st.sampled_from([None, "pass", "fail"]))
    return [
        EvaluationLine.model_validate(
            base
            | {"criterion": f"c{number}", "importance": IMPORTANCES[number], "verdict": verdict}
            | (grader | {"judgement": judgement} if verdict else {})
        )
        for number, verdict in enumerate(verdicts)
    ]


@st.composite
def files(draw: st.DrawFn) -> list[EvaluationLine]:
    lines: list[EvaluationLine] = []
    for number in range(draw(st.integers(1, 5))):
        job = f"j{number}"
        lines += draw(attempts(job, 1, "alone"))
        for arm in ("feedback", "retry"):
            if draw(st.booleans()):
                lines += draw(attempts(job, 2, arm))
    return lines


def figures_in(value: object) -> list[Figure]:
    if isinstance(value, Figure):
        return [value]
    if isinstance(value, dict):
        return [figure for inner in value.values() for figure in figures_in(inner)]
    fields = getattr(type(value), "model_fields", {})
    return [figure for name in fields for figure in figures_in(getattr(value, name))]


POLICIES = st.sampled_from(["paper", "strict", "all", "judgement"])
BASES = st.sampled_from(["record", "judge"])


@given(files(), POLICIES, BASES)
@settings(max_examples=120, deadline=None)
def test_bounds_hold_the_value_and_the_undefined_says_why(
    lines: list[EvaluationLine], policy: Any, basis: Any
) -> None:
    figures = compute_figures(lines, policy=policy, basis=basis)
    found = figures_in(figures)
    assert len(found) > 50
    for figure in found:
        assert figure.n >= 0
        assert figure.missing >= 0
        if figure.value is None:
            assert figure.why
        elif figure.bounds is not None:
            low, high = figure.bounds
            assert low is None or low <= figure.value + 1e-9
            assert high is None or figure.value <= high + 1e-9


@given(files(), POLICIES, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_lines_does_not_matter(
    lines: list[EvaluationLine], policy: Any, chance: random.Random
) -> None:
    shuffled = list(lines)
    chance.shuffle(shuffled)
    assert compute_figures(shuffled, policy=policy) == compute_figures(lines, policy=policy)


@given(files(), POLICIES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_gives_the_same_figures_as_its_lines(
    tmp_path: Path, lines: list[EvaluationLine], policy: Any
) -> None:
    path = tmp_path / "e.jsonl"
    path.write_text(dump_lines(lines), encoding="utf-8")
    read = read_lines(path)
    assert read == lines
    assert compute_figures(read, policy=policy) == compute_figures(lines, policy=policy)


@given(files())
@settings(max_examples=60, deadline=None)
def test_counts_hang_together(lines: list[EvaluationLine]) -> None:
    figures: Figures = compute_figures(lines)
    for agent, own in figures.agents.items():
        n, a, f, m, b = (getattr(own, name).value for name in ("n", "a", "f", "m", "b"))
        assert a + f == n
        assert b <= m <= f
        assert sum(figures.missing[agent].first.values()) == own.p1.missing
        assert sum(figures.missing[agent].rework.values()) == own.m.missing
        trials = {(line.run, line.job, line.repeat) for line in lines if line.agent == agent}
        assert n + own.n.missing == len(trials)
        by_category = [agents[agent].n.value for agents in figures.categories.values() if agent in agents]
        assert sum(value for value in by_category if value is not None) == n
