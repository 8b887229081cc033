"""Locks by which processes prove that they live: who looks or clears away is never taken for a holder."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core import BadInput, Database
from runs import RUN_MIGRATIONS
from runs.lock import only_one, sweep
from runs.lockfiles import clear_lock, hold_lock, is_held
from runs.workers.locks import FileLocks, held_by_somebody, open_locks
from tests.runs.forking import Forked
from tests.runs.workers.holding import HOLD

TIMES = 400


class Meddlers:
    """Threads that do something all the time, while the block lasts."""

    def __init__(self, *does: Callable[[], object]) -> None:
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._go_on, args=(one,)) for one in does]

    def _go_on(self, does: Callable[[], object]) -> None:
        while not self._over.is_set():
            does()

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def test_a_lock_that_nobody_holds_can_be_taken_at_any_moment(tmp_path: Path) -> None:
    """What a dead process left is cleared away by others, and looked at, all the while."""
    mine, other = FileLocks(tmp_path), FileLocks(tmp_path)
    refused = 0
    with Meddlers(lambda: sweep(tmp_path), lambda: sweep(tmp_path), lambda: other.known_held(["run.x"])):
        for _ in range(TIMES):
            mine._path("run.x").touch()  # as a process that was killed leaves it
            if mine.take("run.x"):
                mine.give("run.x")
            else:
                refused += 1
    assert refused == 0


def test_a_run_that_nobody_executes_can_be_taken_at_any_moment(tmp_path: Path) -> None:
    refused = 0
    with Meddlers(lambda: sweep(tmp_path), lambda: sweep(tmp_path)):
        for _ in range(TIMES):
            (tmp_path / "x.lock").touch()
            try:
                with only_one("x", tmp_path):
                    pass
            except BadInput:
                refused += 1
    assert refused == 0


def test_a_held_lock_stays_whoever_sweeps_and_looks(tmp_path: Path) -> None:
    mine, other = FileLocks(tmp_path), FileLocks(tmp_path)
    assert mine.take("a")
    with Meddlers(lambda: sweep(tmp_path), lambda: other.known_held(["a"])):
        assert not any(other.take("a") for _ in range(TIMES))
        assert all(other.known_held(["a", "b"]) == {"a"} for _ in range(TIMES))
    mine.give("a")
    assert other.known_held(["a"]) == set()
    assert other.take("a")
    assert mine.known_held(["a"]) == {"a"}
    mine.close()
    assert other.known_held(["a"]) == {"a"}, "whoever closes gives nothing of others back"
    other.close()
    assert list(tmp_path.iterdir()) == []


def test_who_takes_a_file_that_is_just_being_removed_holds_the_one_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with Meddlers(lambda: clear_lock(path), lambda: clear_lock(path)):
        for _ in range(TIMES):
            path.touch()
            handle = hold_lock(path)
            assert handle is not None
            assert is_held(path), "others see it"
            os.close(handle)  # as a process that is killed


@pytest.mark.parametrize("way", ["own", "asked"])
def test_what_a_killed_process_held_is_free(database_place: Path | str, tmp_path: Path, way: str) -> None:
    database, state = Database(database_place, RUN_MIGRATIONS), tmp_path / "state"
    locks = open_locks(database, state / "workers")
    names = ["run.a", "b"]

    def held() -> set[str]:
        if way == "own":
            return locks.known_held([*names, "c"])
        return held_by_somebody(database, state / "workers", [*names, "c"])

    try:
        holder = Forked(HOLD, str(database_place), str(state), names, folder=tmp_path)
        while not (tmp_path / "held").exists():
            assert holder.alive(), holder.said
            time.sleep(0.02)
        assert held() == set(names)
        assert not locks.take("b")
        holder.kill()
        deadline = time.monotonic() + 60
        while held():  # the server notices within moments
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert locks.take("b")
        assert held() == {"b"}
    finally:
        locks.close()
        database.close()
