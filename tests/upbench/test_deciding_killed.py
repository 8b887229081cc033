"""Who takes in the last verdict is killed; and thousands that wait for theirs."""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from grading import Book
from rubrics import Verdict
from runs import OPEN, QUEUE, Registry, machinery
from tests.runs.forking import Forked
from tests.runs.project import need_sandbox
from tests.upbench.judging import awaiting, bench_at, ended_rounds, judge, run_state
from tests.upbench.life import until
from upbench import Bench
from upbench.deciding import deciding

ENTRIES = "tests.upbench.judging"
FEW, MANY = 10, 10_000
SETTLE_SECONDS = 4.0
"""What a worker does now and then, it has done by then."""

KILOBYTES, THREADS = 8_000, 4
"""One worker and the next differ by so much of themselves."""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_server_that_is_killed_leaves_one_round_or_a_review_to_lock(
    database_place: Path | str, tmp_path: Path, when: str
) -> None:
    bench = bench_at(database_place, tmp_path)
    place = awaiting(bench, tmp_path)
    one = place.records.attempts(place.run_id)[0].id
    with deciding(bench.home, print) as settled, machinery(bench.home.database, bench.home.state) as by:
        desk = judge(bench.home, one, Verdict.failed, settled, lock=False)
        killed = Forked(f"{ENTRIES}:lock_and_die", str(database_place), str(tmp_path), one, when, folder=tmp_path)
        assert killed.wait() == -signal.SIGKILL, killed.said
        rounds = by.engine.list(queue=QUEUE, states=OPEN)
        verdicts = Book(bench.home.database).verdicts_of(one)
        if when == "before":
            until(lambda: desk.open(one).state == "claimed")
            assert (len(rounds), len(verdicts)) == (0, 0)
            assert run_state(bench.home, place.run_id) == ("done", QUEUE)
            desk.lock(one)
        assert len(by.engine.list(queue=QUEUE, states=OPEN)) == 1
        assert len(Book(bench.home.database).verdicts_of(one)) == 1
        assert [row.arm for row in place.records.attempts(place.run_id)] == ["alone", "retry"]
    bench.close()


def idle_worker(bench: Bench, at: str, folder: Path) -> tuple[int, int]:
    """What a worker uses that has nothing to do: kilobytes to itself, and threads."""
    worker = Forked(f"{ENTRIES}:serve_until_told", at, str(folder), folder=folder)
    workers = Registry(bench.home.database)
    until(workers.present)
    time.sleep(SETTLE_SECONDS)
    lines = Path(f"/proc/{worker.pid}/smaps_rollup").read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty:"))
    threads = len(list(Path(f"/proc/{worker.pid}/task").iterdir()))
    worker.send(signal.SIGTERM)
    assert worker.wait() == 0, worker.said
    return kilobytes, threads


def test_thousands_that_await_review_cost_nothing_and_go_on_with_a_verdict(
    database_place: Path | str, tmp_path: Path
) -> None:
    """No process, no thread, no queue slot; over a restart of the worker and of whoever takes the verdict in."""
    need_sandbox()
    at, bench = str(database_place), bench_at(database_place, tmp_path)
    awaiting(bench, tmp_path / "few", FEW)
    with machinery(bench.home.database, bench.home.state) as by:
        by.engine.prepare()
        few = idle_worker(bench, at, tmp_path)
        place = awaiting(bench, tmp_path / "many", MANY)
        ended_rounds(by.engine, MANY)
        assert by.engine.list(states=OPEN) == []
        many = idle_worker(bench, at, tmp_path)
        assert by.engine.list(states=OPEN) == []
        one = place.records.attempts(place.run_id)[MANY // 2].id
        worker = Forked(f"{ENTRIES}:serve_until_told", at, str(tmp_path), folder=tmp_path)
        with deciding(bench.home, print) as settled:
            desk = judge(bench.home, one, Verdict.failed, settled, lock=False)
            decided = datetime.now(UTC)
            desk.lock(one)
        until(lambda: place.records.attempt(f"{one[:-3]}.k2retry").state == "done")
        (execution,) = place.records.executions([f"{one[:-3]}.k2retry"])
        assert datetime.fromisoformat(execution.started) >= decided - timedelta(milliseconds=1)
        until(lambda: run_state(bench.home, place.run_id)[0] == "done")
        assert len(place.records.attempts(place.run_id)) == MANY + 1
        worker.send(signal.SIGTERM)
        assert worker.wait() == 0, worker.said
    bench.close()
    assert many[0] - few[0] < KILOBYTES
    assert many[1] - few[1] <= THREADS
