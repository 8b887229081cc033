"""The contract of the engine port, in one process; run on every version of the library behind it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

import pytest

from runs import OPEN, Round, RoundState
from runs.engine.port import Context, Json
from tests.runs.engine.conftest import Bench

QUEUE = "workers"
POLL = 0.02
SOON = 60.0


def a_round(key: str, *, kind: str = "round", queue: str = QUEUE, delay: float = 0.0, **payload: object) -> Round:
    return Round(kind, key, payload, queue, share="run", delay_seconds=delay)


def states(bench: Bench, *keys: str) -> list[RoundState]:
    return [one.state for key in keys for one in bench.by.engine.list(keys=[key])]


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def noting(began: list[str]) -> Callable[[Context, Json], Awaitable[Json]]:
    """Rounds that say that they were begun."""

    async def carry(ctx: Context, payload: Json) -> Json:
        began.append(ctx.key)
        return payload

    return carry


async def work_off(bench: Bench, carry: Callable[[Context, Json], Awaitable[Json]], worker: str = "w") -> None:
    """Carry all that is queued."""
    async with bench.by.engine.work(worker, {"round": carry}, {QUEUE: 8}, poll_seconds=POLL):
        await until(lambda: not bench.by.engine.list(states=OPEN))


async def test_starting_a_key_twice_starts_one_round(bench: Bench) -> None:
    began: list[str] = []
    bench.by.engine.start([a_round("a", n=1), a_round("b")])
    bench.by.engine.start([a_round("a", n=2)])
    await work_off(bench, noting(began))
    bench.by.engine.start([a_round("a", n=3)])
    await work_off(bench, noting(began), "another")
    assert sorted(began) == ["a", "b"]
    assert states(bench, "a", "b") == [RoundState.done] * 2


async def test_a_round_starts_with_the_transaction_that_starts_it(bench: Bench) -> None:
    began: list[str] = []

    def breaks_off() -> None:
        with bench.database.write() as connection:
            bench.by.engine.start([a_round("a")], connection)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        breaks_off()
    assert bench.by.engine.list(keys=["a"]) == []
    with bench.database.write() as connection:
        bench.by.engine.start([a_round("b")], connection)
        bench.by.engine.start([a_round("b")], connection)
    await work_off(bench, noting(began))
    assert began == ["b"]


async def test_kept_steps_are_not_run_again(bench: Bench) -> None:
    """The end of the block leaves rounds as they are; whoever takes them up goes on after the last kept step."""
    ran: list[str] = []
    there, go_on = asyncio.Event(), asyncio.Event()

    async def carry(ctx: Context, payload: Json) -> Json:
        async def effect(given: Json) -> Json:
            ran.append(given["name"])
            if given["name"] == "last":
                there.set()
                await go_on.wait()
            return {"made": given["name"], "worker": payload["n"]}

        kept = await ctx.step("kept", effect, {"name": "kept"})
        light = await ctx.step("light", effect, {"name": "light"}, keep=False)
        last = await ctx.step("last", effect, {"name": "last"})
        return {"made": [one["made"] for one in (kept, light, last)]}

    bench.by.engine.start([a_round("a", n=1)])
    async with bench.by.engine.work("first", {"round": carry}, {QUEUE: 1}, poll_seconds=POLL):
        await asyncio.wait_for(there.wait(), SOON)
    (left,) = bench.by.engine.list(worker="first")
    assert (left.key, left.state, left.queue) == ("a", RoundState.running, QUEUE)
    assert bench.by.engine.recover("nobody") == 0
    assert bench.by.engine.recover("first") == 1
    assert bench.by.engine.recover("first") == 0
    go_on.set()
    await work_off(bench, carry, "second")
    assert ran == ["kept", "light", "last", "light", "last"]
    assert states(bench, "a") == [RoundState.done]


async def test_a_delayed_round_is_begun_after_its_time(bench: Bench) -> None:
    began: dict[str, float] = {}

    async def carry(ctx: Context, _payload: Json) -> Json:
        began[ctx.key] = time.monotonic()
        return {}

    started = time.monotonic()
    bench.by.engine.start([a_round("late", delay=2.0)])
    assert states(bench, "late") == [RoundState.queued]
    await work_off(bench, carry)
    assert began["late"] - started >= 1.0, "one of the databases counts in whole seconds"


async def test_what_is_cancelled_is_not_begun_and_not_begun_again(bench: Bench) -> None:
    began: list[str] = []

    async def carry(ctx: Context, _payload: Json) -> Json:
        began.append(ctx.key)
        await asyncio.sleep(SOON * 2)
        return {}

    bench.by.engine.start([a_round("queued"), a_round("running")])
    bench.by.engine.cancel(["queued"])
    async with bench.by.engine.work("first", {"round": carry}, {QUEUE: 4}, poll_seconds=POLL):
        await until(lambda: bool(began))
        bench.by.engine.cancel(["running"])
    assert bench.by.engine.recover("first") == 0
    assert began == ["running"]
    assert states(bench, "queued", "running") == [RoundState.cancelled] * 2
    assert bench.by.engine.list(states=OPEN) == []


async def test_a_forked_round_keeps_the_steps_before(bench: Bench) -> None:
    ran: list[str] = []

    async def carry(ctx: Context, _payload: Json) -> Json:
        async def effect(given: Json) -> Json:
            ran.append(given["name"])
            return given

        for name in ("one", "two", "three"):
            await ctx.step(name, effect, {"name": name})
        return {}

    bench.by.engine.start([a_round("a")])
    await work_off(bench, carry)
    again = bench.by.engine.fork("a", 2)
    assert again != "a"
    await work_off(bench, carry, "second")
    assert ran == ["one", "two", "three", "two", "three"]
    assert states(bench, "a", again) == [RoundState.done] * 2
    with pytest.raises(KeyError):
        bench.by.engine.fork("nothing", 1)


async def test_rounds_are_listed_by_what_is_asked(bench: Bench) -> None:
    engine, began = bench.by.engine, list[str]()
    for one in [a_round(f"k{n}") for n in range(4)] + [a_round("own", queue="run.x")]:
        engine.start([one])
        await asyncio.sleep(0.005)  # their times are kept in milliseconds
    assert [one.key for one in engine.list()] == ["k0", "k1", "k2", "k3", "own"]
    assert [one.key for one in engine.list(queue="run.x")] == ["own"]
    assert [one.key for one in engine.list(limit=2)] == ["k0", "k1"]
    assert [one.key for one in engine.list(keys=["k3", "k1"])] == ["k1", "k3"]
    async with engine.work("me", {"round": noting(began)}, {QUEUE: 1}, poll_seconds=POLL):
        await until(lambda: not engine.list(queue=QUEUE, states=OPEN))
    assert {one.key for one in engine.list(worker="me")} == {"k0", "k1", "k2", "k3"}
    assert [one.key for one in engine.list(states=[RoundState.queued])] == ["own"]
    assert sorted(began) == ["k0", "k1", "k2", "k3"], "nobody listened to the other queue"


async def test_a_round_that_goes_from_one_state_to_another_is_open_all_the_time(bench: Bench) -> None:
    """As when a dead worker's round goes back into its queue while the run looks whether it is over."""
    engine, over = bench.by.engine, threading.Event()
    engine.start([a_round("a")])
    table = "dbos.workflow_status" if bench.database.dialect == "postgresql" else "workflow_status"

    def back_and_forth() -> None:
        while not over.is_set():
            for state in ("PENDING", "ENQUEUED"):
                with bench.database.write() as connection:
                    connection.exec_driver_sql(f"update {table} set status = '{state}'")

    mover = threading.Thread(target=back_and_forth)
    mover.start()
    try:
        looks = [len(engine.list(queue=QUEUE, states=OPEN, limit=1)) for _ in range(500)]
    finally:
        over.set()
        mover.join()
    assert set(looks) == {1}


async def test_who_pauses_ends_what_it_has_and_takes_nothing_new(bench: Bench) -> None:
    began, ended, go_on = list[str](), list[str](), asyncio.Event()

    async def carry(ctx: Context, _payload: Json) -> Json:
        began.append(ctx.key)
        await go_on.wait()
        ended.append(ctx.key)
        return {}

    bench.by.engine.start([a_round("a")])
    async with bench.by.engine.work("w", {"round": carry}, {QUEUE: 4}, poll_seconds=POLL) as crew:
        await until(lambda: began == ["a"])
        crew.pause()
        await asyncio.sleep(POLL * 10)  # a look that was under way
        bench.by.engine.start([a_round("b")])
        await asyncio.sleep(POLL * 20)
        go_on.set()
        await until(lambda: states(bench, "a") == [RoundState.done])
    assert began == ended == ["a"]
    assert states(bench, "b") == [RoundState.queued]


async def test_two_who_take_up_the_same_rounds_take_each_once(bench: Bench) -> None:
    count = 24
    there = asyncio.Event()
    began: list[str] = []

    async def waits(ctx: Context, _payload: Json) -> Json:
        began.append(ctx.key)
        if len(began) == count:
            there.set()
        await asyncio.sleep(SOON * 2)
        return {}

    bench.by.engine.start([a_round(f"k{n}") for n in range(count)])
    async with bench.by.engine.work("dead", {"round": waits}, {QUEUE: count}, poll_seconds=POLL):
        await asyncio.wait_for(there.wait(), SOON)
    taken, gate = list[int](), threading.Barrier(4)

    def adopt() -> None:
        gate.wait()
        taken.append(bench.by.engine.recover("dead"))

    threads = [threading.Thread(target=adopt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == count
    began.clear()
    await work_off(bench, noting(began), "next")
    assert sorted(began) == sorted(f"k{n}" for n in range(count))


async def test_one_process_carries_rounds_once_at_a_time(bench: Bench) -> None:
    from core import BadInput

    async with bench.by.engine.work("w", {}, {QUEUE: 1}, poll_seconds=POLL):
        with pytest.raises(BadInput, match="executes a run already"):
            async with bench.by.engine.work("w2", {}, {QUEUE: 1}):
                pass
    began: list[str] = []
    bench.by.engine.start([a_round("a")])
    await work_off(bench, noting(began))
    assert began == ["a"]
