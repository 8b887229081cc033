"""A worker that was killed is not there from that moment on, though nobody has adopted what it left."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from runs import QUEUE, machinery, workers_alive
from tests.runs.forking import Forked
from tests.runs.project import order
from tests.runs.support import write_pack
from tests.runs.workers.holding import HOLD
from tests.upbench.mistakes import Upbench
from upbench import Bench
from upbench.life import living_workers
from upbench.settings import Settings
from upbench.snapshot import take_snapshot

NAMES = ["w-stays", "w-killed"]


@pytest.fixture
def bench(database_place: Path | str, tmp_path: Path) -> Bench:
    if isinstance(database_place, str):
        return Bench(settings=Settings(project=tmp_path, database=database_place))
    return Bench(settings=Settings(project=tmp_path))


def test_a_killed_worker_is_neither_listed_nor_counted_nor_asked(
    bench: Bench, upbench: Upbench, tmp_path: Path, database_place: Path | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(database_place, str):
        monkeypatch.setenv("UPBENCH_DATABASE", database_place)
    home = bench.home
    begun = bench.begin(order(write_pack(tmp_path), "nop"), detached=True)
    begun.records.go_on(begun.run_id, begun.options, QUEUE)
    place = database_place if isinstance(database_place, str) else str(home.database.path)
    workers = []
    for name in NAMES:
        (tmp_path / name).mkdir()
        workers.append(Forked(HOLD, place, str(home.state), [name], folder=tmp_path / name))
    for name, worker in zip(NAMES, workers, strict=True):
        while not (tmp_path / name / "held").exists():
            assert worker.alive(), worker.said
            time.sleep(0.02)
    assert take_snapshot(home, "last").workers == 2
    workers[1].kill()
    deadline = time.monotonic() + 60
    while len(workers_alive(home.database, home.state)) == 2:  # a server notices within moments
        assert time.monotonic() < deadline
        time.sleep(0.02)
    try:
        assert [one["id"] for one in json.loads(upbench("worker", "list", "--json")[1])] == ["w-stays"]
        assert take_snapshot(home, "last").workers == 1
        with machinery(home.database, home.state) as by:
            assert [one.id for one in living_workers(by)] == ["w-stays"]
            assert len(by.workers.present()) == 2, "nobody has adopted it"
        assert json.loads(upbench("worker", "drain", "w-killed", "--json")[1]) == {"asked": 0}
        assert json.loads(upbench("worker", "drain", "--json")[1]) == {"asked": 1}
        assert take_snapshot(home, "last").draining == 1
    finally:
        workers[0].kill()
        bench.close()
