"""What is tried again without remarks: forks from the same failures, and nothing that grading has not settled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agents import Assignment
from agents.react.task import task_text
from core import BadInput, Blobs, Cause, Deliverable, Submission
from grading import EvaluationLine, Trial, place, study
from runs.arms import ArmPlan, ArmRules, lay_out_previous, plan_arms, rework_of
from runs.plan import PlannedAttempt
from runs.protocols import check_protocol
from runs.rows import DONE, AttemptRow
from tests.grading.synthetic import attempt_lines

HANDED_IN = Submission(files=(Deliverable(path="a.csv", size=1, media_type="text/csv", sha256="0" * 64),))


def row(
    trial: str, k: int = 1, arm: Any = "alone", cause: Cause | None = Cause.submitted, **more: Any
) -> AttemptRow:
    """An attempt of trial `trial` on the job of the same name."""
    name = f"{trial}.k{k}" + ("" if k == 1 else arm)
    fields: dict[str, Any] = {
        "run": "r",
        "agent": "a",
        "job": trial,
        "repeat": 1,
        "parent": None,
        "finished": None,
    }
    fields |= {"state": DONE if cause else "planned", "submission": HANDED_IN if cause else None}
    return AttemptRow(id=name, trial=trial, k=k, arm=arm, cause=cause, **fields | more)


def plan_retries(attempts: Iterable[AttemptRow], trials: Iterable[Trial], *, most: int) -> ArmPlan:
    return plan_arms(attempts, trials, ArmRules(("retry",), most))


def judged(*lines: Iterator[EvaluationLine]) -> tuple[Trial, ...]:
    return study(place(line for some in lines for line in some)).trials


def lines(
    trial: str, *, passes: bool, k: int = 1, arm: str | None = None, **more: Any
) -> Iterator[EvaluationLine]:
    return attempt_lines("a", trial, k=k, arm=arm, passes=passes, run="r", **more)


def test_each_failure_is_tried_again_from_what_it_handed_in() -> None:
    plan = plan_retries(
        [row("t1"), row("t2"), row("t3")],
        judged(lines("t1", passes=False), lines("t2", passes=True), lines("t3", passes=False)),
        most=2,
    )
    assert plan == ArmPlan(
        planned=(
            PlannedAttempt(
                id="t1.k2retry", run="r", trial="t1", parent="t1.k1", arm="retry", k=2, context="submission"
            ),
            PlannedAttempt(
                id="t3.k2retry", run="r", trial="t3", parent="t3.k1", arm="retry", k=2, context="submission"
            ),
        ),
        completed=1,
    )
    assert plan.planned[0].row() == {
        "id": "t1.k2retry",
        "run": "r", "trial": "t1", "parent": "t1.k1", "arm": "retry", "k": 2, "state": "planned",
        "context": "submission",
    }  # fmt: skip
    assert plan.says == "2 failed attempts to try again, 1 completed"


def test_a_third_attempt_goes_on_from_the_second_of_its_own_arm() -> None:
    attempts = [row("t1"), row("t1", 2, "feedback"), row("t1", 2, "retry"), row("t1", 3, "feedback")]
    trials = judged(
        lines("t1", passes=False),
        lines("t1", passes=True, k=2, arm="feedback"),
        lines("t1", passes=False, k=2, arm="retry"),
        lines("t1", passes=False, k=3, arm="feedback"),
    )
    third = plan_retries(attempts, trials, most=3).planned
    assert [(p.id, p.parent) for p in third] == [("t1.k3retry", "t1.k2retry")]
    assert plan_retries(attempts, trials, most=2) == ArmPlan(planned=(), exhausted=1)


def test_asked_again_only_what_is_new_is_planned() -> None:
    trials = judged(lines("t1", passes=False))
    planned = row("t1", 2, "retry", cause=None)
    assert plan_retries([row("t1")], trials, most=2).planned[0].id == planned.id
    assert plan_retries([row("t1"), planned], trials, most=2) == ArmPlan(planned=(), unfinished=(planned.id,))


def test_a_job_that_was_rescued_is_not_tried_a_third_time() -> None:
    trials = judged(lines("t1", passes=False), lines("t1", passes=True, k=2, arm="retry"))
    assert plan_retries([row("t1"), row("t1", 2, "retry")], trials, most=3) == ArmPlan(planned=(), completed=1)


def test_what_grading_has_not_settled_waits() -> None:
    def half(trial: str) -> Iterator[EvaluationLine]:
        """A check has failed the critical criterion; a reviewer may overrule it and has the rest to judge."""
        for line in lines(trial, passes=False):
            first = line.criterion == "c0"
            changed = {"grader_kind": "check", "grader": "checks", "decides": True, "judgement": None}
            nobody = {"verdict": None, "grader": "", "grader_kind": None, "judgement": None}
            yield line.model_copy(update=changed if first else nobody)

    def unjudged(trial: str) -> Iterator[EvaluationLine]:
        for line in lines(trial, passes=True):
            cannot = line.criterion == "c0"
            yield line.model_copy(update={"verdict": "cannot_judge"}) if cannot else line

    plan = plan_retries(
        [row("t1"), row("t2"), row("t3"), row("t4", cause=None)], judged(half("t1"), unjudged("t3")), most=2
    )
    assert plan == ArmPlan(planned=(), unfinished=("t4.k1",), awaiting=("t1.k1", "t2.k1"), undecided=("t3.k1",))


@pytest.mark.parametrize("cause", [Cause.sandbox_lost, Cause.harness_bug, Cause.run_budget, Cause.user_cancelled])
def test_what_is_missing_did_not_fail(cause: Cause) -> None:
    said = attempt_lines("a", "t1", passes=False, criteria=1, run="r", cause=cause.value)
    plan = plan_retries([row("t1", cause=cause)], judged(said), most=2)
    assert plan == ArmPlan(planned=(), missing={cause.value: 1})
    assert plan.says == f"0 failed attempts to try again, 1 missing ({cause.value})"


def test_an_empty_hand_in_at_a_limit_failed() -> None:
    ended = EvaluationLine(
        run="r", agent="a", job="t1", attempt=1, arm="alone", criterion=None, cause=Cause.wall_time, ended=None
    )
    plan = plan_retries([row("t1", cause=Cause.wall_time, submission=None)], judged(iter([ended])), most=2)
    assert [p.parent for p in plan.planned] == ["t1.k1"]


def test_repeats_of_a_job_are_told_apart() -> None:
    trials = judged(lines("t1", passes=True), lines("t1", passes=False, repeat=2))
    plan = plan_retries([row("t1"), row("t2", job="t1", repeat=2)], trials, most=2)
    assert [p.trial for p in plan.planned] == ["t2"]
    assert plan.completed == 1


def test_the_agent_sees_what_it_handed_in_and_no_remark(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    sha256 = blobs.put_bytes(b"total\n59\n")
    file = Deliverable(path="out/total.csv", size=9, media_type="text/csv", sha256=sha256)
    parent = row("t1", submission=Submission(files=(file,)))
    folder = tmp_path / "previous"
    folder.mkdir()
    lay_out_previous(parent, blobs, folder)
    assert (folder / "out" / "total.csv").read_bytes() == b"total\n59\n"
    rework = rework_of(parent, "retry")
    text = task_text(
        Assignment(key="t1.k2retry.e1", title="T", brief="B", inputs=(), expected=(), attempt=2, rework=rework)
    )
    assert "/job/previous/out/total.csv" in text
    assert "You are not told why" in text
    assert "reviewer" not in text


def test_an_agent_that_handed_in_nothing_is_told_so(tmp_path: Path) -> None:
    parent = row("t1", cause=Cause.steps, submission=None)
    lay_out_previous(parent, Blobs(tmp_path / "blobs"), tmp_path)
    assert rework_of(parent, "retry").previous_files == ()


@pytest.mark.parametrize("arm", ["alone", "feedback", "echo"])
def test_other_arms_start_from_something_else(arm: Any) -> None:
    with pytest.raises(ValueError, match=f"arm {arm}"):
        rework_of(row("t1"), arm)


def test_protocols() -> None:
    assert (check_protocol("single"), check_protocol("single", 1)) == (1, 1)
    assert (check_protocol("retry"), check_protocol("retry", 3)) == (2, 3)
    assert (check_protocol("feedback", 4), check_protocol("both")) == (4, 2)


@pytest.mark.parametrize(
    ("protocol", "attempts", "says"),
    [
        ("single", 2, "add --protocol retry"),
        ("retry", 1, "leave nothing to try again"),
        ("retry", 11, "too many"),
        ("retry", 99, "to 10"),
        ("again", None, "one of: single, retry"),
    ],
)
def test_protocols_that_cannot_be(protocol: str, attempts: int | None, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        check_protocol(protocol, attempts)
