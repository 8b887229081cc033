"""A fault that ends a kept step ends it for the same cause when the round is taken up."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from core import Cause, Fault, SandboxFault
from runs import OPEN, Round
from runs.engine.port import Context, Json
from tests.runs.engine.conftest import Bench

QUEUE = "workers"
WAITING = """select pid from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock' and query like '%%workflow_status%%'"""


async def test_a_kept_fault_keeps_its_cause(bench: Bench) -> None:
    tried: list[str] = []
    seen: list[tuple[Cause, str]] = []
    cut_off = asyncio.Event()

    async def failing(payload: Json) -> Json:
        tried.append(payload["n"])
        raise SandboxFault(Cause.check_failed_to_run, "the checks' sandbox went")

    async def carry(ctx: Context, payload: Json) -> Json:
        with pytest.raises(Fault) as fault:
            await ctx.step("check", failing, payload)
        seen.append((fault.value.cause, fault.value.detail))
        if not cut_off.is_set():
            cut_off.set()
            await asyncio.sleep(60)
        return {}

    bench.by.engine.start([Round("round", "a", {"n": "1"}, QUEUE, share="run")])
    async with asyncio.timeout(60):
        async with bench.by.engine.work("one", {"round": carry}, {QUEUE: 1}, poll_seconds=0.02):
            await cut_off.wait()
        assert bench.by.engine.recover("one") == 1
        async with bench.by.engine.work("two", {"round": carry}, {QUEUE: 1}, poll_seconds=0.02):
            while bench.by.engine.list(states=OPEN):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    assert tried == ["1"]
    assert seen == [(Cause.check_failed_to_run, "the checks' sandbox went")] * 2


def test_a_look_that_the_server_cuts_off_is_looked_again(shared: Bench) -> None:
    """As when it restarts in the midst of it: a run that looks whether it is over does not end of that."""
    shared.by.engine.start([Round("round", "a", {}, QUEUE, share="run")])
    found: list[str] = []
    looking = threading.Thread(target=lambda: found.extend(one.key for one in shared.by.engine.list(states=OPEN)))
    with shared.database.write() as connection:
        connection.exec_driver_sql("lock table dbos.workflow_status in access exclusive mode")
        looking.start()
        deadline, waiting = time.monotonic() + 60, None
        while waiting is None and time.monotonic() < deadline:
            time.sleep(0.02)
            connection.exec_driver_sql("select pg_stat_clear_snapshot()")
            waiting = connection.exec_driver_sql(WAITING).scalar()
        assert connection.exec_driver_sql(f"select pg_terminate_backend({waiting})").scalar()
    looking.join(60)
    assert found == ["a"]
