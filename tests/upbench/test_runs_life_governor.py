"""Governing a run in several processes: crashes are counted by what the records say, and resumes are noticed."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from core import Cause
from runs import QUEUE, Machinery, RunBudget, Workplace, machinery
from runs.govern import Governor
from tests.runs.project import order
from tests.runs.support import write_pack
from upbench import Bench
from upbench.workers import place_of

MANY = 40


@pytest.fixture
def begun(bench: Bench, tmp_path: Path) -> Workplace:
    """A run that workers execute, of which nothing has been done."""
    place = bench.begin(order(write_pack(tmp_path), "nop", repeats=MANY), detached=True)
    place.records.go_on(place.run_id, place.options, QUEUE)
    return place


def processes(bench: Bench, run: str, number: int, left: ExitStack) -> list[tuple[Workplace, Governor, Machinery]]:
    """Workplaces as in workers of their own: each has locks that the others see."""
    found = []
    for _ in range(number):
        by = left.enter_context(machinery(bench.home.database, bench.home.state))
        by.engine.prepare()
        place = place_of(bench.home, run)
        found.append((place, Governor(place, by), by))
    return found


def end(place: Workplace, number: int, cause: Cause, *, healed: bool = False) -> None:
    """So many attempts end for a cause; where it is healed, another execution of each is submitted."""
    planned = [attempt for attempt in place.records.attempts(place.run_id) if attempt.state == "planned"]
    for attempt in planned[:number]:
        for ends in (cause, Cause.submitted) if healed else (cause,):
            with place.database.write() as connection:
                started = place.records.next_round(connection, attempt.id)
            assert started is not None
            execution = started[0]
            place.records.begin(execution)
            place.records.finish(execution, ends)


def test_crashes_that_another_execution_heals_stop_nothing(bench: Bench, begun: Workplace) -> None:
    with ExitStack() as left:
        ((place, governor, _),) = processes(bench, begun.run_id, 1, left)
        end(begun, 15, Cause.sandbox_lost, healed=True)
        governor.look()
        assert place.stop is None
        assert begun.records.causes_since(begun.run_id, "2020") == {Cause.submitted: 15}


def test_the_crashes_of_all_workers_stop_a_run_once_and_all_of_them_know(bench: Bench, begun: Workplace) -> None:
    with ExitStack() as left:
        (one, first, _), (other, second, _) = processes(bench, begun.run_id, 2, left)
        for governor in (first, second):
            governor.look()
        end(one, 6, Cause.sandbox_lost)
        end(other, 6, Cause.model_unavailable)
        second._next_count = first._next_count = 0.0
        second.look()
        assert other.stop is None, "the first one leads"
        first.look()
        second.look()
        assert one.stop == other.stop
        assert one.stop is not None
        assert one.stop.reason == "crash_rate"
        assert "12 of 12 attempts crashed" in one.stop.detail


def test_when_the_leader_dies_another_leads(bench: Bench, begun: Workplace) -> None:
    with ExitStack() as left:
        (_, first, by), (other, second, _) = processes(bench, begun.run_id, 2, left)
        first.look()
        end(begun, 12, Cause.sandbox_lost)
        by.locks.close()
        second.look()
        assert other.stop is not None


def test_a_resume_counts_anew_and_its_options_hold_in_every_process(bench: Bench, begun: Workplace) -> None:
    with ExitStack() as left:
        ((place, governor, _),) = processes(bench, begun.run_id, 1, left)
        end(begun, 12, Cause.sandbox_lost)
        governor.look()
        assert place.stop is not None
        changed = place.options.model_copy(update={"budget": RunBudget(hours=3)})
        begun.records.go_on(begun.run_id, changed, QUEUE)
        governor._next_count = 0.0
        governor.look()
        assert place.stop is None
        assert place.options.budget.hours == 3
        assert begun.records.run(begun.run_id).state == "running"


def test_crashes_are_counted_along_an_index(bench: Bench, begun: Workplace) -> None:
    query = "SELECT cause, count(*) FROM attempts WHERE run = 'x' AND finished >= '2026' GROUP BY cause"
    with bench.home.database.read() as connection:
        plan = " ".join(str(row[-1]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}"))
    assert "COVERING INDEX attempts_by_end" in plan
