"""Verdicts that come while a process executes the run, at its last look, and just after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from core import BadInput
from grading.tables import REVIEW_ITEMS
from rubrics import Verdict
from runs import OPEN, QUEUE, Progress, Workplace, machinery
from tests.runs.project import order, run_all
from tests.runs.support import write_pack
from tests.upbench.judging import BY_PEOPLE, awaiting, judge, run_state
from tests.upbench.life import attempts, hand_in, turn
from upbench import Bench
from upbench.deciding import deciding

SCRIPT = attempts(*[[turn("echo Birch > /job/deliverables/note.txt"), hand_in("note.txt")]] * 3)


@pytest.fixture
def place(bench: Bench, tmp_path: Path) -> Workplace:
    pack = write_pack(tmp_path / "packs", rubric=BY_PEOPLE, script_text=SCRIPT)
    return bench.begin(order(pack, "react", repeats=2, protocol="retry"))


def fails(bench: Bench) -> Callable[[], None]:
    """Called, a reviewer fails the first attempt that waits; once."""
    said: list[str] = []

    def say() -> None:
        if said:
            return
        with bench.home.database.read() as connection:
            alias = str(connection.execute(select(REVIEW_ITEMS.c.alias)).scalars().all()[0])
        said.append(alias)
        with deciding(bench.home, said.append) as settled:
            judge(bench.home, alias, Verdict.failed, settled)
        assert said == [alias], "nothing is told: it goes on"

    return say


def states(place: Workplace) -> list[tuple[str, str]]:
    return [(row.arm, row.state) for row in place.records.attempts(place.run_id)]


def test_a_verdict_while_others_are_at_work_is_carried_by_the_same_process(bench: Bench, place: Workplace) -> None:
    say = fails(bench)

    def watch(progress: Progress) -> None:
        if progress.done:
            say()

    progress = run_all(place, concurrency=1, watcher=watch)
    assert sorted(states(place)) == [("alone", "done"), ("alone", "done"), ("retry", "done")]
    assert (progress.total, progress.done) == (3, 3)
    assert run_state(bench.home, place.run_id) == ("done", f"run.{place.run_id}")


def test_a_verdict_at_the_last_look_is_carried_by_the_same_process(
    bench: Bench, place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    say, look = fails(bench), place.records.end_if_done

    def after_a_verdict(run: str) -> bool:
        say()
        return look(run)

    monkeypatch.setattr(place.records, "end_if_done", after_a_verdict)
    progress = run_all(place)
    assert sorted(states(place)) == [("alone", "done"), ("alone", "done"), ("retry", "done")]
    assert (progress.total, progress.done) == (3, 3)
    assert run_state(bench.home, place.run_id)[0] == "done"


def test_a_verdict_just_after_the_last_look_goes_to_workers(
    bench: Bench, place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    say, look = fails(bench), place.records.end_if_done

    def before_a_verdict(run: str) -> bool:
        done = look(run)
        say()
        return done

    monkeypatch.setattr(place.records, "end_if_done", before_a_verdict)
    run_all(place)
    assert sorted(states(place)) == [("alone", "done"), ("alone", "done"), ("retry", "planned")]
    assert run_state(bench.home, place.run_id) == ("running", QUEUE), "its old process says nothing of it any more"
    with machinery(bench.home.database, bench.home.state) as by:
        assert len(by.engine.list(queue=QUEUE, states=OPEN)) == 1


def test_who_resumes_what_has_been_handed_over_meanwhile_is_refused(bench: Bench, tmp_path: Path) -> None:
    place = awaiting(bench, tmp_path, detached=False)
    looked_up = bench.reopen(place.run_id)
    with deciding(bench.home, print) as settled:
        judge(bench.home, place.records.attempts(place.run_id)[0].id, Verdict.failed, settled)
    with pytest.raises(BadInput, match="workers go on with run"):
        run_all(looked_up)
    assert run_state(bench.home, place.run_id) == ("running", QUEUE)
