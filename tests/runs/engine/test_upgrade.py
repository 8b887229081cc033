"""What an earlier version of UpBench left in the database is taken up by this one."""

from __future__ import annotations

import asyncio

from dbos import DBOS

from runs import OPEN, Round, RoundState
from runs.engine.durable import VERSION
from runs.engine.port import Context, Json
from tests.runs.engine.conftest import Bench

QUEUE, POLL = "workers", 0.02


async def test_rounds_under_way_and_other_settings_of_queues(bench: Bench) -> None:
    """A round was being carried, one was queued, and the queue was bounded otherwise."""
    there, go_on, began = asyncio.Event(), asyncio.Event(), list[str]()

    async def carry(ctx: Context, payload: Json) -> Json:
        began.append(ctx.key)
        there.set()
        await go_on.wait()
        return payload

    kinds = {"round": carry}
    bench.by.engine.start([Round("round", f"k{n}", {}, QUEUE, share="run") for n in range(2)])
    async with bench.by.engine.work("before", kinds, {QUEUE: 1}, poll_seconds=POLL):
        await asyncio.wait_for(there.wait(), 20)
        await DBOS.register_queue_async(
            QUEUE, worker_concurrency=1, partition_concurrency=100_000, on_conflict="always_update"
        )
    assert began == ["k0"]
    go_on.set()
    bench.by.engine.recover("before")
    async with bench.by.engine.work("after", kinds, {QUEUE: 2}, poll_seconds=POLL):
        for _ in range(1000):
            if not bench.by.engine.list(states=OPEN):
                break
            await asyncio.sleep(POLL)
    assert sorted(began) == ["k0", "k0", "k1"]
    assert {one.state for one in bench.by.engine.list()} == {RoundState.done}


def test_the_version_of_rounds_is_chosen_by_hand() -> None:
    """The library would make one of the source and of its own version, and strand what is under way."""
    assert VERSION == "1", "raised only when a round under way cannot be taken up: drain workers first"
