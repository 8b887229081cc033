"""Whose word stands."""

from __future__ import annotations

from typing import Any

import pytest

from grading import EvaluationLine, judgement_of_record, verdict_of_record


def said(verdict: str, **more: Any) -> EvaluationLine:
    base = {
        "agent": "x",
        "job": "j",
        "attempt": 1,
        "arm": "alone",
        "criterion": "c",
        "importance": "critical",
        "grader": "r1",
        "grader_kind": "human",
        "verdict": verdict,
    }
    return EvaluationLine.model_validate(base | more)


CHECK = {"grader": "checks", "grader_kind": "check"}
JUDGE = {"grader": "j1", "grader_kind": "judge"}


@pytest.mark.parametrize(
    ("words", "verdict", "source"),
    [
        ([], None, "nobody"),
        ([said("pass", **CHECK)], None, "nobody"),
        ([said("pass", **CHECK, decides=True)], "pass", "check"),
        ([said("cannot_judge", **CHECK, decides=True)], None, "nobody"),
        ([said("pass", **CHECK, decides=True), said("fail")], "fail", "reviewers"),
        ([said("pass"), said("fail", grader="r2"), said("fail", grader="r3")], "fail", "reviewers"),
        ([said("pass"), said("fail", revision=2)], "pass", "reviewers"),
        ([said("fail", revision=2), said("pass")], "pass", "reviewers"),
        ([said("pass"), said("fail", grader="r9", stage="adjudication")], "fail", "adjudication"),
        ([said("pass"), said("fail", grader="r2", stage="overlap")], "pass", "reviewers"),
        ([said("fail", stage="gold")], None, "nobody"),
        ([said("fail", stage="assist")], None, "nobody"),
        ([said("cannot_judge")], "cannot_judge", "reviewers"),
        ([said("pass", **JUDGE)], None, "nobody"),
    ],
)
def test_the_verdict_of_record(words: list[EvaluationLine], verdict: str | None, source: str) -> None:
    record = verdict_of_record(words)
    assert (record.verdict.value if record.verdict else None, record.source.value) == (verdict, source)
    assert not record.tie


def test_a_tie_awaits_its_adjudication() -> None:
    record = verdict_of_record([said("pass"), said("fail", grader="r2")])
    assert record.verdict is None
    assert record.tie


def test_judges_fill_in_on_their_basis_alone() -> None:
    assert verdict_of_record([said("pass", **JUDGE)], basis="judge").source.value == "judge"
    both = [said("pass", **JUDGE), said("fail", **CHECK, decides=True)]
    assert verdict_of_record(both, basis="judge").source.value == "check"
    assert verdict_of_record([said("cannot_judge", **JUDGE)], basis="judge").verdict is None


def test_the_judgement_of_record() -> None:
    assert judgement_of_record([said("pass", judgement="pass")]) == "pass"
    assert (
        judgement_of_record([said("pass", judgement="pass"), said("pass", grader="r2", judgement="fail")]) is None
    )
    adjudicated = said("pass", grader="r9", stage="adjudication", judgement="fail")
    assert judgement_of_record([said("pass", judgement="pass"), adjudicated]) == "fail"
    assert judgement_of_record([said("pass", **JUDGE, judgement="pass")]) is None
    assert judgement_of_record([said("pass", **JUDGE, judgement="pass")], basis="judge") == "pass"
