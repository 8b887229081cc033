"""What an earlier version of UpBench left in the database is taken up by this one."""

from __future__ import annotations

import asyncio

import pytest
from dbos import DBOS

from runs import OPEN, Round, RoundState, at_work
from runs.engine import durable
from runs.engine.port import Carry, Context, Json
from runs.workers import liveness
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


async def test_a_later_version_takes_up_what_an_earlier_one_left(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waited, what was delayed, and what a worker was carrying when it died: with steps of another shape."""
    kept, began = asyncio.Event(), list[str]()

    def carrying(shape: str) -> Carry:
        async def carry(ctx: Context, _payload: Json) -> Json:
            async def effect(_given: Json) -> Json:
                began.append(f"{ctx.key} {shape}")
                return {shape: 1}

            assert await ctx.step(f"begin {shape}", effect, {}) == {shape: 1}
            if shape == "old":
                kept.set()
                await asyncio.Event().wait()
            return {}

        return carry

    engine = bench.by.engine
    engine.start([Round("round", "carried", {}, QUEUE, share="run")])
    async with engine.work("killed", {"round": carrying("old")}, {QUEUE: 1}, poll_seconds=POLL):
        await asyncio.wait_for(kept.wait(), 60)
    engine.start(
        [
            Round("round", "waits", {}, QUEUE, share="run"),
            Round("round", "delayed", {}, QUEUE, share="run", delay_seconds=1.0),
            Round("round", "elsewhere", {}, "run.other"),
        ]
    )
    bench.by.workers.enter("killed", {QUEUE: 1})
    monkeypatch.setattr(durable, "VERSION", "2")
    monkeypatch.setattr(liveness, "UPGRADE_SECONDS", 0.0)
    async with asyncio.timeout(60), at_work(bench.by, {"round": carrying("new")}, {QUEUE: 4}, poll_seconds=POLL):
        while engine.list(queue=QUEUE, states=OPEN, limit=1):  # noqa: ASYNC110
            await asyncio.sleep(POLL)
        monkeypatch.setattr(durable, "VERSION", "1")  # as a worker that has not been upgraded yet
        engine.start([Round("round", "late", {}, QUEUE, share="run")])
        monkeypatch.setattr(durable, "VERSION", "2")
        while engine.list(queue=QUEUE, states=OPEN, limit=1):  # noqa: ASYNC110
            await asyncio.sleep(POLL)
    assert sorted(began) == ["carried new", "carried old", "delayed new", "late new", "waits new"]
    ended = {one.key: one.state for one in engine.list()}
    assert ended.pop("elsewhere") is RoundState.queued, "nobody here carries that queue"
    assert set(ended.values()) == {RoundState.done}


async def test_what_a_later_version_left_is_none_of_ours(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[str] = []

    async def carry(ctx: Context, payload: Json) -> Json:
        began.append(ctx.key)
        return payload

    monkeypatch.setattr(durable, "VERSION", "3")
    bench.by.engine.start([Round("round", "later", {}, QUEUE, share="run")])
    monkeypatch.setattr(durable, "VERSION", "2")
    bench.by.engine.start([Round("round", "ours", {}, QUEUE, share="run")])
    bench.by.engine.prepare([QUEUE])
    async with asyncio.timeout(60), bench.by.engine.work("w", {"round": carry}, {QUEUE: 1}, poll_seconds=POLL):
        while len(bench.by.engine.list(states=OPEN)) > 1:  # noqa: ASYNC110
            await asyncio.sleep(POLL)
    assert began == ["ours"]


def test_the_version_of_rounds_is_chosen_by_hand() -> None:
    """The library would make one of the source and of its own version, and strand what is under way."""
    assert durable.VERSION == "1", "raised only when what is kept of steps cannot be read: they are run again"
