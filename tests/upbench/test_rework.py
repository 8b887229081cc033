"""The rework loop: a verdict, the remarks of record, the attempt that is told them, and when there is no other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, update

from agents import SqlTranscript
from core import Cause, StoreFault
from grading import Book, CriterionVerdict, Evaluation, Evidence
from grading.review.desk import Draft
from rubrics import Verdict
from runs import OPEN, Workplace, add_attempts, machinery
from runs.assigning import previous_of, stories_before
from runs.tables import EXECUTIONS
from tests.upbench.judging import awaiting, bench_at, count_attempts, hand_in, judge
from upbench import Bench
from upbench.deciding import deciding

SAID = "Names nobody."
CRITERION = "File note.txt names the client"


@contextmanager
def project(place: Path | str, folder: Path) -> Iterator[tuple[Bench, Any]]:
    bench = bench_at(place, folder)
    with deciding(bench.home, print) as settled:
        yield bench, settled
    bench.close()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[tuple[Bench, Any]]:
    with project(tmp_path / ".upbench" / "upbench.db", tmp_path) as found:
        yield found


def tree(place: Workplace) -> list[tuple[str, str | None, str]]:
    """Of each attempt of the only trial: name within it, parent's, and state."""

    def short(name: str | None) -> str | None:
        return None if name is None else name.partition(".")[2]

    return [(str(short(a.id)), short(a.parent), a.state) for a in place.records.attempts(place.run_id)]


def named(place: Workplace, name: str) -> str:
    return f"{place.records.attempts(place.run_id)[0].trial}.{name}"


def test_what_failed_is_tried_again_with_the_remarks_until_it_passes(
    database_place: Path | str, tmp_path: Path
) -> None:
    with project(database_place, tmp_path) as (bench, settled):
        place = awaiting(bench, tmp_path, protocol="feedback", attempts=4)
        judge(bench.home, named(place, "k1"), Verdict.failed, settled)
        (remark,) = place.records.attempt(named(place, "k2feedback")).remarks or ()
        assert (remark.criterion, remark.text) == (None, SAID)
        with machinery(bench.home.database, bench.home.state) as by:
            assert [one.key for one in by.engine.list(states=OPEN)] == [named(place, "k2feedback.e1.r1")]
        hand_in(bench.home, place)
        judge(bench.home, named(place, "k2feedback"), Verdict.failed, settled)
        hand_in(bench.home, place)
        judge(bench.home, named(place, "k3feedback"), Verdict.passed, settled)
        assert tree(place) == [
            ("k1", None, "done"),
            ("k2feedback", "k1", "done"),
            ("k3feedback", "k2feedback", "done"),
        ]
        assert add_attempts(place).completed == 1


def test_both_arms_and_an_echo_fork_from_the_same_failure_and_only_one_is_told(room: Any, tmp_path: Path) -> None:
    bench, settled = room
    place = awaiting(bench, tmp_path, protocol="both", echo=True, attempts=3)
    judge(bench.home, named(place, "k1"), Verdict.failed, settled)
    rows = {row.arm: row for row in place.records.attempts(place.run_id)}
    assert {row.parent for arm, row in rows.items() if arm != "alone"} == {named(place, "k1")}
    assert {arm: row.remarks is None for arm, row in rows.items()} == {
        "alone": True, "feedback": False, "retry": True, "echo": True,
    }  # fmt: skip
    hand_in(bench.home, place)
    for name in ("k2feedback", "k2retry", "k2echo"):
        judge(bench.home, named(place, name), Verdict.failed, settled)
    assert {(name, parent) for name, parent, state in tree(place) if state == "planned"} == {
        ("k3feedback", "k2feedback"),
        ("k3retry", "k2retry"),
    }
    for row in place.records.attempts(place.run_id):  # each asked once more, nothing is new
        with bench.home.database.write() as connection:
            settled(connection, row.id)
    assert add_attempts(place).planned == ()
    assert count_attempts(bench.home, place.run_id) == 6
    hand_in(bench.home, place)
    for arm in ("feedback", "retry"):
        judge(bench.home, named(place, f"k3{arm}"), Verdict.failed, settled)
    assert count_attempts(bench.home, place.run_id) == 6
    assert add_attempts(place).says == "0 failed attempts to try again, 2 failed at every attempt"


def test_what_is_told_is_in_the_assignment_and_stays_as_it_was_planned(room: Any, tmp_path: Path) -> None:
    bench, settled = room
    place = awaiting(bench, tmp_path, protocol="feedback", feedback_form="criteria")
    one = named(place, "k1")
    desk = judge(bench.home, one, Verdict.failed, settled)
    place.scratch.mkdir(parents=True)
    shown = Evidence(kind="region", file="note.txt", anchor="line=1", text="no name")
    desk.correct(one, "note", Draft(verdict=Verdict.failed, feedback="Or rather this.", evidence=(shown,)))
    add_attempts(place)
    _, rework = previous_of(place, place.records.attempt(named(place, "k2feedback")))
    assert rework is not None
    assert [(r.criterion, r.text, r.places) for r in rework.remarks] == [(CRITERION, SAID, ())]
    assert rework.previous_files == ("note.txt",)
    assert "ann" not in rework.model_dump_json()
    hand_in(bench.home, place)
    judge(bench.home, named(place, "k2feedback"), Verdict.passed, settled)
    assert "criteria_shown" in [warned.kind for warned in bench.report(place.run_id).warnings]


def test_a_conversation_is_carried_on_along_its_own_arm(room: Any, tmp_path: Path) -> None:
    bench, settled = room
    place = awaiting(bench, tmp_path, protocol="both", attempts=3, rework_context="transcript")
    place.scratch.mkdir(parents=True)
    for name in ("k1", "k2feedback", "k2retry"):
        judge(bench.home, named(place, name), Verdict.failed, settled)
        SqlTranscript(place.database, place.blobs, f"{named(place, name)}.e1").append("note", {"of": name})
        hand_in(bench.home, place)
    third = place.records.attempt(named(place, "k3retry"))
    told = [story.events()[0].body["of"] for story in stories_before(place, third)]
    assert told == ["k1", "k2retry"]
    _, rework = previous_of(place, third)
    assert rework is not None
    assert (rework.continued, rework.remarks) == (True, ())
    assert stories_before(place, place.records.attempt(named(place, "k1"))) == ()


def test_what_was_planned_to_go_on_from_the_files_alone_does_so_whatever_is_said_later(
    room: Any, tmp_path: Path
) -> None:
    bench, settled = room
    place = awaiting(bench, tmp_path, protocol="feedback", attempts=3)
    place.scratch.mkdir(parents=True)
    judge(bench.home, named(place, "k1"), Verdict.failed, settled)
    again, _ = bench.extended(place.run_id, "retry", 3, rework={"rework_context": "transcript"})
    seen = {}
    for name in ("k2feedback", "k2retry"):
        attempt = place.records.attempt(named(place, name))
        _, rework = previous_of(again, attempt)
        assert rework is not None
        seen[name] = (attempt.context, rework.continued, len(stories_before(again, attempt)))
    assert seen == {"k2feedback": ("submission", False, 0), "k2retry": ("transcript", True, 1)}
    hand_in(bench.home, place)
    for name in seen:
        judge(bench.home, named(place, name), Verdict.failed, settled)
    lines = bench.evaluations(place.run_id)
    assert {(line.attempt, line.arm): line.rework_context for line in lines if line.attempt < 3} == {
        (1, "alone"): None, (2, "feedback"): "submission", (2, "retry"): "transcript",
    }  # fmt: skip
    figures = bench.report(place.run_id)
    assert figures.retry_control["nop"].contexts["retry"]["transcript"] >= 1
    assert "rework_context" in [warned.kind for warned in figures.warnings]


def test_the_policy_of_the_run_says_what_failed_and_what_figures_are_by(room: Any, tmp_path: Path) -> None:
    """Every criterion passes, and the reviewer refuses the work as a whole."""
    bench, settled = room
    due = {}
    for policy in ("judgement", "paper"):
        place = awaiting(bench, tmp_path / policy, protocol="feedback", policy=policy)
        desk = judge(bench.home, named(place, "k1"), Verdict.passed, settled, lock=False)
        desk.judge(named(place, "k1"), 1, "fail")
        desk.lock(named(place, "k1"))
        due[policy] = [(a.k, a.remarks) for a in place.records.attempts(place.run_id)]
        own, other = bench.report(place.run_id), bench.report(place.run_id, policy="all")
        assert (own.policy.value, own.agents["nop"].a.value) == (policy, policy == "paper")
        assert {line.policy for line in bench.evaluations(place.run_id)} == {own.policy}
        assert "policy" not in [warned.kind for warned in own.warnings]
        assert other.warnings[0].kind == "policy"
        assert f"its own, {policy}" in other.warnings[0].detail
        assert bench.show(place.run_id).policy is own.policy
    assert due == {"judgement": [(1, None), (2, ())], "paper": [(1, None)]}


def test_a_verdict_that_cannot_be_kept_leaves_no_round_in_any_arm(room: Any, tmp_path: Path) -> None:
    bench, settled = room
    place = awaiting(bench, tmp_path, protocol="both", echo=True)

    def breaks(connection: Connection, attempt: str) -> None:
        settled(connection, attempt)
        raise StoreFault(Cause.store_failed, "gone")

    with pytest.raises(StoreFault):
        judge(bench.home, named(place, "k1"), Verdict.failed, breaks)
    assert tree(place) == [("k1", None, "done")]
    with machinery(bench.home.database, bench.home.state) as by:
        assert by.engine.list(states=OPEN) == []


def test_undecided_is_not_failed(room: Any, tmp_path: Path) -> None:
    bench, settled = room
    place = awaiting(bench, tmp_path, protocol="both", echo=True)
    judge(bench.home, named(place, "k1"), Verdict.cannot_judge, settled)
    assert tree(place) == [("k1", None, "done")]
    assert add_attempts(place).undecided == (named(place, "k1"),)


def test_while_one_reviewer_of_two_is_lacking_nothing_begins(room: Any, tmp_path: Path) -> None:
    """The first verdict says that it failed; the second may say otherwise."""
    bench, _ = room
    place = awaiting(bench, tmp_path, protocol="feedback")
    one = named(place, "k1")
    desk = judge(bench.home, one, Verdict.failed, None, lock=False)
    item = desk.open(one).item
    said = CriterionVerdict(criterion="note", verdict=Verdict.failed, feedback="No.")
    Book(bench.home.database).record(
        Evaluation(
            attempt_id=one, submission=item.submission, grading_digest=item.grading_digest,
            grader="bob", grader_kind="human", judgement="fail", verdicts=(said,),
        )
    )  # fmt: skip
    assert add_attempts(place).awaiting == (one,)
    desk.lock(one)
    assert [remark.text for remark in add_attempts(place).planned[0].remarks or ()] == ["No.", SAID]


def test_a_trial_that_has_cost_its_budget_is_not_tried_again(room: Any, tmp_path: Path) -> None:
    bench, settled = room
    place = awaiting(bench, tmp_path, protocol="both", attempts=5, rework_budget=("dollars=1",))
    judge(bench.home, named(place, "k1"), Verdict.failed, settled)
    hand_in(bench.home, place)
    dear = update(EXECUTIONS).where(EXECUTIONS.c.attempt == named(place, "k2feedback")).values(dollars=1.5)
    with bench.home.database.write() as connection:
        connection.execute(dear)
    for arm in ("feedback", "retry"):
        judge(bench.home, named(place, f"k2{arm}"), Verdict.failed, settled)
    assert [name for name, _, state in tree(place) if state == "planned"] == ["k3retry"]
    assert add_attempts(place).spent == 1


def test_an_arm_ends_where_it_got_no_better(room: Any, tmp_path: Path) -> None:
    bench, settled = room
    place = awaiting(bench, tmp_path, protocol="feedback", attempts=5, early_stop=True)
    judge(bench.home, named(place, "k1"), Verdict.failed, settled)
    hand_in(bench.home, place)
    judge(bench.home, named(place, "k2feedback"), Verdict.failed, settled)
    assert count_attempts(bench.home, place.run_id) == 2
    assert add_attempts(place).no_better == 1


def test_a_run_that_was_to_have_no_rework_gets_some_afterwards(room: Any, tmp_path: Path) -> None:
    bench, settled = room
    place = awaiting(bench, tmp_path, protocol="single")
    judge(bench.home, named(place, "k1"), Verdict.failed, settled)
    assert tree(place) == [("k1", None, "done")]
    bench.extended(place.run_id, "feedback", 3, rework={"echo": True})
    assert [name for name, _, _ in tree(place)] == ["k1", "k2echo", "k2feedback"]
    again, _ = bench.extended(place.run_id, "retry", 3)
    assert [name for name, _, _ in tree(place)] == ["k1", "k2echo", "k2feedback", "k2retry"]
    assert (again.config.protocol, again.config.attempts, again.config.echo) == ("both", 3, True)


def test_a_run_with_arms_travels_with_what_its_agents_are_told(room: Any, tmp_path: Path) -> None:
    bench, settled = room
    place = awaiting(bench, tmp_path, protocol="both", echo=True)
    judge(bench.home, named(place, "k1"), Verdict.failed, settled)
    file = bench.export_run(place.run_id, tmp_path / "run.zip").file
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = bench_at(elsewhere / "db", elsewhere)
    other.import_run(file)
    there = other.reopen(place.run_id, execute=False).records.attempts(place.run_id)
    assert there == place.records.attempts(place.run_id)
    assert [r.text for row in there for r in row.remarks or ()] == [SAID]
    other.close()


def test_attempts_of_all_arms_stand_in_records_and_report(room: Any, tmp_path: Path) -> None:
    bench, settled = room
    place = awaiting(bench, tmp_path, protocol="both", echo=True)
    judge(bench.home, named(place, "k1"), Verdict.failed, settled)
    hand_in(bench.home, place)
    for name, verdict in (("k2feedback", "passed"), ("k2retry", "failed"), ("k2echo", "passed")):
        judge(bench.home, named(place, name), Verdict[verdict], settled)
    lines = [json.loads(line.model_dump_json()) for line in bench.evaluations(place.run_id)]
    assert [(one["attempt"], one["arm"], one["verdict"]) for one in lines] == [
        (1, "alone", "fail"), (2, "echo", "pass"), (2, "feedback", "pass"), (2, "retry", "fail"),
    ]  # fmt: skip
    figures = bench.report(place.run_id)
    control = figures.retry_control["nop"]
    assert (control.feedback.value, control.retry.value, control.difference.value) == (1.0, 0.0, 1.0)
    assert (control.echo.value, control.echo.n) == (1.0, 1)
    assert figures.economics["nop"].attempts == 4
