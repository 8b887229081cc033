"""Voided criteria are out of every figure, and what was said of them is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core import BadInput
from grading import (
    AttemptFacts,
    Evaluation,
    EvaluationLine,
    Figures,
    compute_figures,
    dump_lines,
    lines_of,
    read_lines,
    records_of,
)
from tests.grading.adjudication.support import GOOD, RUBRIC
from tests.grading.synthetic import attempt_lines


def void(lines: list[EvaluationLine], *names: str) -> list[EvaluationLine]:
    return [line.model_copy(update={"voided": line.criterion in names}) for line in lines]


def study_of(*names: str) -> Figures:
    """Ten jobs, all failed on `c0` (critical) at first; on half of them a second attempt passes all."""
    lines: list[EvaluationLine] = []
    for number in range(10):
        lines += attempt_lines("x", f"job-{number}", passes=False)
        lines += attempt_lines("x", f"job-{number}", k=2, passes=number < 5)
    return compute_figures(void(lines, *names))


def test_a_voided_criterion_flips_first_attempts_and_takes_their_jobs_out_of_m() -> None:
    before, after = study_of().agents["x"], study_of("c0").agents["x"]
    assert (before.a.value, before.m.value, before.b.value, before.p1.value) == (0, 10, 5, 0.0)
    assert (after.a.value, after.m.value, after.b.value, after.p1.value) == (10, 0, 0, 1.0)
    assert before.rubric_1.value == pytest.approx(6 / 7)
    assert after.rubric_1.value == 1.0
    warned = {warning.kind: warning.detail for warning in study_of("c0").warnings}
    assert "10 first attempts failed by criteria that are voided now" in warned["voided_flip"]
    assert "10 of them were tried again" in warned["voided_flip"]
    assert warned["voided"].startswith("1 criteria of 1 jobs") is False
    assert warned["voided"].startswith("10 criteria of 10 jobs")
    assert "rework_of_completed" not in warned


def test_a_voided_criterion_that_changes_no_outcome_takes_nobody_out() -> None:
    figures = study_of("c5")
    own = figures.agents["x"]
    assert (own.m.value, own.b.value) == (10, 5)
    assert own.rubric_1.value == pytest.approx(5 / 6)
    kinds = {warning.kind for warning in figures.warnings}
    assert "voided" in kinds
    assert "voided_flip" not in kinds


def test_one_line_that_says_voided_is_enough_for_every_submission_of_the_rubric() -> None:
    lines = [*attempt_lines("x", "j", passes=False), *attempt_lines("y", "j", passes=False)]
    lines[0] = lines[0].model_copy(update={"voided": True})
    figures = compute_figures(lines)
    assert [figures.agents[name].a.value for name in ("x", "y")] == [1, 1]
    other = [
        line.model_copy(update={"grading_digest": "another"}) for line in attempt_lines("z", "j", passes=False)
    ]
    assert compute_figures([*lines, *other]).agents["z"].a.value == 0
    agreed = compute_figures([*lines, *(line.model_copy(update={"grader": "r2"}) for line in lines)])
    assert agreed.agreement["between_reviewers"].raw.n == 12, "six criteria of two submissions"


def test_where_every_required_criterion_is_voided_the_attempt_is_undecided() -> None:
    lines = list(attempt_lines("x", "j", passes=False))
    for names in ([f"c{n}" for n in range(5)], [f"c{n}" for n in range(7)]):
        figures = compute_figures(void(lines, *names))
        assert figures.missing["x"].first == {"undecided": 1}
        assert {"voided", "voided_flip"} <= {warning.kind for warning in figures.warnings}


def test_a_file_keeps_verdicts_on_voided_criteria_and_gives_the_same_figures(tmp_path: Path) -> None:
    rubric = RUBRIC
    said: dict[str, Any] = {
        "attempt_id": "a",
        "grader": "anna",
        "grader_kind": "human",
        "verdicts": [{"criterion": name, "verdict": word} for name, word in (GOOD | {"rows": "fail"}).items()],
    }
    evaluations = [Evaluation.model_validate(said)]
    facts = AttemptFacts(run="r", agent="x", job="j", attempt=1, arm="alone", submission="s")
    waiting = AttemptFacts(run="r", agent="y", job="j", attempt=1, arm="alone", submission="t")
    lines = lines_of(facts, rubric, evaluations, voided={"rows"}) + lines_of(waiting, rubric, [], voided={"rows"})
    assert [(line.verdict, line.voided) for line in lines if line.criterion == "rows"] == [
        ("fail", True),
        (None, True),
    ]
    file = tmp_path / "evaluations.jsonl"
    file.write_text(dump_lines(lines), encoding="utf-8")
    assert file.read_text(encoding="utf-8").count('"voided": true') == 2
    figures = compute_figures(read_lines(file))
    assert figures == compute_figures(lines)
    assert (figures.agents["x"].a.value, figures.agents["x"].rubric_1.value) == (1, 1.0)
    assert set(records_of(evaluations, voided={"rows"})) == {*GOOD} - {"rows"}


def test_what_is_voided_is_a_criterion(tmp_path: Path) -> None:
    file = tmp_path / "evaluations.jsonl"
    file.write_text(
        '{"agent":"x","job":"j","attempt":1,"arm":"alone","criterion":null,"voided":true}\n', encoding="utf-8"
    )
    with pytest.raises(BadInput, match="voided"):
        read_lines(file)
