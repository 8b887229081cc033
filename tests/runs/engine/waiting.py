"""Thousands of trials that await review, and one decision."""

from __future__ import annotations

import asyncio
import threading
import time

from sqlalchemy import insert, update

from runs import Round
from runs.engine.port import Context, Json
from runs.tables import ATTEMPTS, RUNS, TRIALS
from tests.runs.engine.conftest import Bench
from tests.runs.engine.crew import QUEUE

WAITING, OVER = 10_000, 1_000
POLL_SECONDS = 0.5


def wait_for_review(bench: Bench) -> None:
    """The records of that many attempts that have been handed in, and some rounds that are over."""
    run = {"id": "run", "created": "now", "pack_root": "-", "config": "{}", "state": "done"}
    trials = [
        {
            "id": f"t{n}",
            "run": "run",
            "position": n,
            "agent": "a",
            "job": "j",
            "repeat": n,
            "identity": "i",
        }
        for n in range(WAITING)
    ]
    attempts = [
        {
            "id": f"t{n}.alone1",
            "trial": f"t{n}",
            "run": "run",
            "arm": "alone",
            "k": 1,
            "state": "done",
            "cause": "submitted",
            "rounds": 1,
        }
        for n in range(WAITING)
    ]
    keys = [f"t{n}.alone1.e1.r1" for n in range(OVER)]
    with bench.database.write() as connection:
        connection.execute(insert(RUNS), [run])
        connection.execute(insert(TRIALS), trials)
        connection.execute(insert(ATTEMPTS), attempts)
    bench.by.engine.start([Round("round", key, {}, QUEUE, share="run") for key in keys])
    bench.by.engine.cancel(keys)  # over, however it was


def decide_and_time(bench: Bench) -> tuple[float, int]:
    """Decide on one: seconds until its next round has begun, and the threads there are then."""
    return asyncio.run(_decide_and_time(bench))


async def _decide_and_time(bench: Bench) -> tuple[float, int]:
    begun = asyncio.Event()

    async def carry(_ctx: Context, payload: Json) -> Json:
        begun.set()
        return payload

    async with bench.by.engine.work("w", {"round": carry}, {QUEUE: 1}, poll_seconds=POLL_SECONDS):
        await asyncio.sleep(2 * POLL_SECONDS)  # it looks at an empty queue
        with bench.database.write() as connection:
            key = {"state": "planned", "round": "t7.alone1.e1.r2", "rounds": 2}
            connection.execute(update(ATTEMPTS).where(ATTEMPTS.c.id == "t7.alone1").values(**key))
            bench.by.engine.start([Round("round", "t7.alone1.e1.r2", {}, QUEUE, share="run")], connection)
        decided = time.monotonic()
        await asyncio.wait_for(begun.wait(), 30)
        waited, threads = time.monotonic() - decided, threading.active_count()
        while bench.by.engine.list(keys=["t7.alone1.e1.r2"])[0].state != "done":  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
    return waited, threads
