"""A run in one process: what it starts, and when."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core import Cause
from runs import Progress, runner
from runs.ahead import count_queued
from tests.runs.project import bench_in, order, run_all, run_it
from tests.runs.support import write_pack

TRIALS = 12


def test_rounds_are_started_bit_by_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of a hundred thousand trials is not written into its queue before the first begins."""
    monkeypatch.setattr(runner, "PIECE", 2)
    monkeypatch.setattr(runner, "AHEAD", 3)
    monkeypatch.setattr(runner, "LOOK_SECONDS", 0.02)
    with bench_in(tmp_path) as bench:
        place = bench.begin(order(write_pack(tmp_path, jobs=TRIALS // 2), "nop", repeats=2))
        queued: list[int] = []

        def watch(_progress: Progress) -> None:
            queued.append(count_queued(place.database, place.run_id, TRIALS))

        progress = run_all(place, watcher=watch)
    assert progress.causes == {Cause.submitted: TRIALS}
    assert max(queued) <= 3 + 2 - 1, "another piece is started once fewer than so many wait"


def test_what_is_being_started_as_a_run_is_left_is_there_when_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "PIECE", 2)
    with bench_in(tmp_path) as bench:
        place = bench.begin(order(write_pack(tmp_path, jobs=TRIALS // 2), "nop", repeats=2))

        async def left_early() -> None:
            begun = asyncio.Event()
            going = asyncio.create_task(run_it(place, watcher=lambda _progress: begun.set()))
            await begun.wait()
            going.cancel()
            with pytest.raises(asyncio.CancelledError):
                await going

        asyncio.run(left_early())
        assert bench.show(place.run_id).state == "interrupted"
        again = bench.reopen(place.run_id)
        assert run_all(again).causes == {Cause.submitted: TRIALS}
        ended = [(one.cause, one.executions) for one in bench.show(place.run_id).attempts]
    assert ended == [(Cause.submitted, 1)] * TRIALS
