"""A verdict and the round that follows from it are one transaction."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, update

from core import Cause, StoreFault
from grading import Book, ReviewDesk, Settled
from grading.review.problems import AlreadyLocked
from rubrics import Verdict
from runs import (
    OPEN,
    QUEUE,
    Machinery,
    RoundState,
    Stop,
    Workplace,
    add_attempts,
    begin_rounds,
    go_on_after,
    machinery,
)
from runs.tables import ATTEMPTS, RUNS
from tests.upbench.judging import awaiting, bench_at, count_attempts, hand_in, judge, run_state
from upbench import Bench
from upbench.deciding import deciding
from upbench.home import Home


@dataclass
class Room:
    """A project, what a desk is given in it, and what that told people."""

    bench: Bench
    folder: Path
    settled: Settled
    by: Machinery
    told: list[str]

    @property
    def home(self) -> Home:
        """Of the project."""
        return self.bench.home

    def open_rounds(self) -> list[tuple[str, str | None]]:
        """The rounds that wait, and where."""
        return [(one.key, one.queue) for one in self.by.engine.list(states=OPEN)]


@contextmanager
def room_at(place: Path | str, folder: Path) -> Iterator[Room]:
    bench, told = bench_at(place, folder), list[str]()
    with deciding(bench.home, told.append) as settled, machinery(bench.home.database, bench.home.state) as by:
        yield Room(bench, folder, settled, by, told)
    bench.close()


@pytest.fixture
def room(database_place: Path | str, tmp_path: Path) -> Iterator[Room]:
    with room_at(database_place, tmp_path) as found:
        yield found


def first(place: Workplace) -> str:
    return place.records.attempts(place.run_id)[0].id


def test_what_failed_is_tried_again_with_the_last_verdict(room: Room) -> None:
    place = awaiting(room.bench, room.folder, 3)
    one, two, three = (row.id for row in place.records.attempts(place.run_id))
    judge(room.home, one, Verdict.failed, room.settled)
    again = place.records.attempt(f"{one[:-3]}.k2retry")
    assert (again.parent, again.arm, again.k, again.state) == (one, "retry", 2, "planned")
    assert room.open_rounds() == [(f"{again.id}.e1.r1", QUEUE)]
    assert again.round == f"{again.id}.e1.r1"
    assert run_state(room.home, place.run_id) == ("running", QUEUE)
    judge(room.home, two, Verdict.passed, room.settled)
    assert count_attempts(room.home, place.run_id) == 4
    judge(room.home, three, Verdict.failed, room.settled)
    assert len(room.open_rounds()) == 2
    assert room.told == []


def test_the_second_failure_of_three_is_followed_by_the_third(room: Room) -> None:
    place = awaiting(room.bench, room.folder, attempts=3)
    one = first(place)
    judge(room.home, one, Verdict.failed, room.settled)
    hand_in(room.home, place)
    judge(room.home, f"{one[:-3]}.k2retry", Verdict.failed, room.settled)
    hand_in(room.home, place)
    third = place.records.attempt(f"{one[:-3]}.k3retry")
    assert third.parent == f"{one[:-3]}.k2retry"
    judge(room.home, third.id, Verdict.failed, room.settled)
    assert count_attempts(room.home, place.run_id) == 3


def test_a_desk_that_cannot_commit_leaves_neither(room: Room) -> None:
    """As when it is killed before: the database takes back what was not committed."""
    place = awaiting(room.bench, room.folder)
    one = first(place)

    def breaks(connection: Connection, attempt: str) -> None:
        room.settled(connection, attempt)
        assert connection.execute(ATTEMPTS.select().where(ATTEMPTS.c.parent == attempt)).one().round is not None
        raise StoreFault(Cause.store_failed, "gone")

    with pytest.raises(StoreFault):
        judge(room.home, one, Verdict.failed, breaks)
    assert Book(room.home.database).verdicts_of(one) == ()
    assert (count_attempts(room.home, place.run_id), room.open_rounds()) == (1, [])
    assert run_state(room.home, place.run_id) == ("done", QUEUE)
    judge_again = judge(room.home, one, Verdict.failed, room.settled, lock=False)
    judge_again.lock(one)
    assert len(room.open_rounds()) == 1


def test_of_many_reviewers_at_once_one_starts_one_round(room: Room) -> None:
    place = awaiting(room.bench, room.folder, 4)
    for row in place.records.attempts(place.run_id):
        desk = judge(room.home, row.id, Verdict.failed, room.settled, lock=False)
        assert sorted(_lock_at_once(desk, row.id, 4)) == sorted([row.id, *["locked"] * 3])
    assert len(room.open_rounds()) == 4
    retried = [row for row in place.records.attempts(place.run_id) if row.arm == "retry"]
    assert [row.round for row in retried] == [f"{row.id}.e1.r1" for row in retried]


def test_whoever_executes_the_run_and_the_desk_start_one_round(room: Room) -> None:
    """The governor of a worker plans as well: by the same verdict, at the same time."""

    place = awaiting(room.bench, room.folder)
    one = first(place)
    judge(room.home, one, Verdict.failed, None)
    place.records.set_run_state(place.run_id, "running")

    (planned,) = add_attempts(place).planned
    seen = place.records.attempt(planned.id)
    with room.home.database.write() as connection:
        assert go_on_after(room.home.database, room.by.engine, connection, one).started == ()
    begin_rounds(place, room.by.engine, [seen])
    assert room.open_rounds() == [(f"{planned.id}.e1.r1", QUEUE)]


def test_only_trials_in_which_something_ended_since_are_looked_at(room: Room) -> None:
    place = awaiting(room.bench, room.folder, 2)
    for row in place.records.attempts(place.run_id):
        judge(room.home, row.id, Verdict.failed, None)
    ended = update(ATTEMPTS).where(ATTEMPTS.c.id == first(place)).values(finished="2026-02-02T00:00:00.000+00:00")
    with room.home.database.write() as connection:
        connection.execute(ended)
    assert add_attempts(place, since="2026-03-01T00:00:00.000+00:00").planned == ()
    assert [one.parent for one in add_attempts(place, since="2026-02-01T00:00:00.000+00:00").planned] == [
        first(place)
    ]
    assert len(add_attempts(place).planned) == 1


@pytest.mark.parametrize("how", ["stopped", "interrupted", "cancelled"])
def test_a_run_that_was_stopped_starts_nothing_and_says_how_to_go_on(room: Room, how: str) -> None:
    place = awaiting(room.bench, room.folder, detached=how == "cancelled")
    one = first(place)
    if how == "cancelled":
        place.records.stop(place.run_id, Stop(reason="user_cancelled"))
    else:
        place.records.set_run_state(place.run_id, how)
    judge(room.home, one, Verdict.failed, room.settled)
    assert len(Book(room.home.database).verdicts_of(one)) == 1
    assert (count_attempts(room.home, place.run_id), room.open_rounds()) == (1, [])
    assert room.told[-1] == f"  upbench runs resume {place.run_id}"


def test_a_run_whose_process_has_ended_well_is_handed_to_workers(room: Room) -> None:
    place = awaiting(room.bench, room.folder, detached=False)
    one = first(place)
    assert run_state(room.home, place.run_id) == ("done", f"run.{place.run_id}")
    judge(room.home, one, Verdict.failed, room.settled)
    assert run_state(room.home, place.run_id) == ("running", QUEUE)
    assert [queue for _key, queue in room.open_rounds()] == [QUEUE]


def test_a_run_that_is_at_work_gets_it_in_its_own_queue(room: Room) -> None:
    place = awaiting(room.bench, room.folder, 2, detached=False)
    one, two = (row.id for row in place.records.attempts(place.run_id))
    place.records.set_run_state(place.run_id, "running")
    with machinery(room.home.database, room.home.state) as others:
        assert others.locks.take(place.queue)
        judge(room.home, one, Verdict.failed, room.settled)
        assert room.told == []
        others.locks.give(place.queue)
    assert [queue for _key, queue in room.open_rounds()] == [place.queue]
    judge(room.home, two, Verdict.failed, room.settled)
    assert "the process that executed it is gone" in room.told[0]
    assert run_state(room.home, place.run_id) == ("running", place.queue)


def test_a_verdict_is_kept_though_what_follows_is_not_known(room: Room) -> None:
    place = awaiting(room.bench, room.folder)
    one = first(place)
    with room.home.database.write() as connection:
        connection.execute(update(RUNS).where(RUNS.c.id == place.run_id).values(config="{"))
    judge(room.home, one, Verdict.failed, room.settled)
    assert len(Book(room.home.database).verdicts_of(one)) == 1
    assert room.open_rounds() == []
    assert one in room.told[0]


def test_one_trial_is_looked_at_however_many_there_are(tmp_path: Path) -> None:
    """The work of a verdict does not grow with its run."""
    asked: dict[int, int] = {}
    for trials in (2, 400):
        folder = tmp_path / str(trials)
        folder.mkdir()
        with room_at(folder / ".upbench" / "upbench.db", folder) as room:
            place = awaiting(room.bench, folder, trials)
            desk = judge(room.home, first(place), Verdict.failed, room.settled, lock=False)
            rows: list[str] = []
            engine = room.home.database._store._engine

            def count(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
                rows.append(statement)  # noqa: B023

            event.listen(engine, "before_cursor_execute", count)
            desk.lock(first(place))
            event.remove(engine, "before_cursor_execute", count)
            asked[trials] = len(rows)
            assert room.by.engine.list(states=[RoundState.queued])
    assert asked[400] == asked[2]


def _lock_at_once(desk: ReviewDesk, alias: str, number: int) -> list[str]:
    """What each of so many got who lock it together."""
    ready, ended = threading.Barrier(number), list[str]()

    def lock() -> None:
        ready.wait(60)
        try:
            ended.append(desk.lock(alias))
        except AlreadyLocked:
            ended.append("locked")

    threads = [threading.Thread(target=lock) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return ended
