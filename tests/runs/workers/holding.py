"""A process that holds locks until it is killed."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from core import Database, StoreFault
from runs import QUEUE, RUN_MIGRATIONS, at_work, machinery

HOLD = "tests.runs.workers.holding:hold"
ASK = "tests.runs.workers.holding:ask"
FENCED = 3


def hold(place: str, state: str, names: list[str]) -> int:
    """Hold those locks, as workers of a project; a file `held` in the working folder says so."""
    database = Database(place if "://" in place else Path(place), RUN_MIGRATIONS)
    with machinery(database, Path(state)) as by:
        for name in names:
            assert by.locks.take(name)
            by.workers.enter(name, {"workers": 4})
        Path("held").touch()
        signal.pause()
    return 0


def ask(place: str, state: str, fence: float) -> int:
    """A worker whose event loop asks the database all the time, and waits for the answers, until it gives up."""
    from core.store import postgresql
    from runs.workers import liveness, locks

    liveness.FENCE_SECONDS, liveness.JOIN_SECONDS = fence, 1.0
    postgresql.WAIT_SECONDS, locks.NOTICE_SECONDS = 1.0, 1
    return asyncio.run(_ask(place, Path(state), Path("held")))


async def _ask(place: str, state: Path, held: Path) -> int:
    database = Database(place, RUN_MIGRATIONS)
    with machinery(database, state) as by:
        async with at_work(by, {}, {QUEUE: 1}, poll_seconds=0.1) as me:
            await asyncio.to_thread(held.touch)
            while not me.ended.done():
                try:
                    by.engine.list(queue=QUEUE, limit=1)
                except StoreFault:
                    return FENCED
                await asyncio.sleep(0.01)
        return FENCED
