"""Rounds that are long over are forgotten; whatever may still be asked for is not."""

from __future__ import annotations

import asyncio
from pathlib import Path

from runs import Round, RoundState, forget_once, forgetting_old_rounds, machinery
from runs.engine.port import Context, Json
from runs.workers.retention import LOCK
from tests.runs.engine.conftest import Bench
from tests.runs.engine.test_contract import until

QUEUE, ELSEWHERE = "workers", "run.other"
NOW, LONG_AGO = -1.0, 30.0  # what ended before tomorrow, and before last month
POLL, SOON = 0.02, 20.0


def a_round(key: str, queue: str = QUEUE) -> Round:
    return Round("round", key, {}, queue, share="run")


async def leave_behind(bench: Bench) -> None:
    """Two rounds that ended, one that was taken out of its queue, one that waits, one whose worker is gone."""
    hangs = asyncio.Event()

    async def carry(ctx: Context, payload: Json) -> Json:
        if ctx.key == "under way":
            hangs.set()
            await asyncio.Event().wait()
        return payload

    bench.by.engine.start([a_round("done"), a_round("also done"), a_round("waits", ELSEWHERE)])
    bench.by.engine.start([a_round("cancelled", ELSEWHERE), a_round("under way")])
    bench.by.engine.cancel(["cancelled"])
    async with bench.by.engine.work("w", {"round": carry}, {QUEUE: 8}, poll_seconds=POLL):
        await asyncio.wait_for(hangs.wait(), SOON)
        await until(lambda: len(bench.by.engine.list(states=[RoundState.done])) == 2)


def left(bench: Bench) -> set[str]:
    return {one.key for one in bench.by.engine.list()}


async def test_only_what_is_over_is_forgotten(bench: Bench) -> None:
    await leave_behind(bench)
    everything = {"done", "also done", "cancelled", "waits", "under way"}
    assert await forget_once(bench.by, LONG_AGO) == 0
    assert left(bench) == everything
    assert await forget_once(bench.by, NOW) == 3
    assert left(bench) == {"waits", "under way"}
    assert await forget_once(bench.by, NOW) == 0


async def test_one_process_forgets_at_a_time(bench: Bench, tmp_path: Path) -> None:
    await leave_behind(bench)
    with machinery(bench.database, tmp_path) as other:
        assert other.locks.take(LOCK)
        assert await forget_once(bench.by, NOW) == 0
        assert "done" in left(bench)
        other.locks.give(LOCK)
        assert await forget_once(bench.by, NOW) == 3


async def test_a_worker_forgets_while_it_works(bench: Bench) -> None:
    await leave_behind(bench)
    bench.by.workers.enter("long gone", {QUEUE: 1})
    bench.by.workers.leave("long gone")
    bench.by.workers.settle("long gone", "ended")
    bench.by.workers.enter("there", {QUEUE: 1})
    async with forgetting_old_rounds(bench.by, NOW, pause_seconds=POLL):
        await until(lambda: len(left(bench)) == 2)
        await until(lambda: len(bench.by.workers.unsettled()) == 1)
    assert [one.id for one in bench.by.workers.unsettled()] == ["there"]
