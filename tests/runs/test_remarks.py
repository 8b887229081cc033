"""What an agent is told of its failure: whose word it is, in which order, and what it never holds."""

from __future__ import annotations

from typing import Any

import pytest

from grading import EvaluationLine, Evidence, Outcome, place, study
from rubrics import Criterion, Importance, Rubric
from runs.remarks import UNSAID, remarks_of

RUBRIC = Rubric(
    criteria=tuple(
        Criterion(id=name, importance=Importance.critical, text=f"Asked for {name}") for name in ("b", "a", "c")
    )
)
AT = Evidence(kind="fact", file="total.csv", anchor="line=2", text="59")


def line(criterion: str, verdict: str = "fail", grader: str = "ann", **more: Any) -> EvaluationLine:
    """What somebody said of a criterion of the one attempt there is."""
    fields = {"agent": "x", "job": "j", "attempt": 1, "arm": "alone", "importance": "critical"}
    return EvaluationLine.model_validate(
        {**fields, "criterion": criterion, "verdict": verdict, "grader": grader, "grader_kind": "human", **more}
    )


def check(criterion: str, verdict: str = "fail", **more: Any) -> EvaluationLine:
    """What a deciding check found."""
    return line(criterion, verdict, "checks", **{"grader_kind": "check", "decides": True, **more})


def outcome_of(*lines: EvaluationLine) -> Outcome:
    (trial,) = study(place(lines)).trials
    assert trial.first is not None
    return trial.first


def texts(*lines: EvaluationLine) -> list[str]:
    return [remark.text for remark in remarks_of(outcome_of(*lines), RUBRIC, "remarks")]


def test_the_order_is_the_rubrics_and_what_passed_is_not_told() -> None:
    assert texts(
        line("a", feedback="Of a."), line("b", feedback=" Of b.\n"), line("c", "pass", feedback="Well done.")
    ) == ["Of b.", "Of a."]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([check("a", feedback="59, not 60")], ["59, not 60"]),
        ([check("a", feedback="59, not 60"), line("a", feedback="Wrong sum.")], ["Wrong sum."]),
        ([check("a", feedback="59, not 60"), line("a", "pass")], []),
        ([line("a", feedback="No."), line("a", "pass", "bob", feedback="Yes."), line("a", "pass", "eve")], []),
        (
            [line("a", feedback="No."), line("a", "pass", "bob"), line("a", "fail", "eve", feedback="Nor I.")],
            ["No.", "Nor I."],
        ),
        ([line("a", feedback="No."), line("a", "fail", "eve", feedback="No.")], ["No."]),
        (
            [line("a", "pass"), line("a", "fail", "lead", stage="adjudication", feedback="Overruled.")],
            ["Overruled."],
        ),
        ([line("a", feedback="First."), line("a", feedback="Later.", revision=2)], ["First."]),
        ([line("a", feedback="First."), line("a", "pass", revision=2)], ["First."]),
        ([line("a", feedback="No."), line("a", "fail", "o", stage="overlap", feedback="Over.")], ["No."]),
        ([line("a", feedback="No."), line("a", "fail", "judge", grader_kind="judge", feedback="J.")], ["No."]),
        ([line("a", "cannot_judge", feedback="Unreadable.")], []),
    ],
    ids=[
        "a check", "a person over a check", "a person overrules", "outvoted", "the majority's words", "once",
        "adjudicated", "no correction", "no later pass", "no overlap", "no judge", "undecided",
    ],
)  # fmt: skip
def test_whose_word_it_is(said: list[EvaluationLine], told: list[str]) -> None:
    assert texts(*said) == told


def test_places_are_told_and_graders_are_not() -> None:
    (remark,) = remarks_of(outcome_of(line("a", feedback="No.", evidence=[AT])), RUBRIC, "remarks")
    assert (remark.criterion, remark.places) == (None, ("total.csv line=2: 59",))
    assert "ann" not in remark.model_dump_json()


def test_with_criteria_also_what_nobody_wrote_of_is_told() -> None:
    outcome = outcome_of(line("a"), line("b", feedback="No b."))
    assert [(r.criterion, r.text) for r in remarks_of(outcome, RUBRIC, "criteria")] == [
        ("Asked for b", "No b."),
        ("Asked for a", UNSAID),
    ]
    assert [r.text for r in remarks_of(outcome, RUBRIC, "remarks")] == ["No b."]
