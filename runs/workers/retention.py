"""Forgetting rounds that are long over: nothing reads them, and the engine's tables would grow for ever.

What happened in a round stands in UpBench's own records, which are never deleted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from core import StoreFault, in_thread
from runs.machinery import Machinery

LOCK = "retention"
PAUSE_SECONDS = 3600.0
AT_ONCE = 500
BREATH_SECONDS = 0.5
"""Between two pieces: whatever else the database does goes first."""

_log = logging.getLogger("upbench.worker")


@asynccontextmanager
async def forgetting_old_rounds(
    by: Machinery, days: float, *, pause_seconds: float = PAUSE_SECONDS
) -> AsyncIterator[None]:
    """Within the block rounds that ended more than so many days ago are forgotten, every hour.

    Of all workers one does so at a time. A database that does not answer is asked again an hour later.
    """

    async def forget() -> None:
        while True:
            try:
                await forget_once(by, days)
            except StoreFault as fault:
                _log.warning("old rounds are forgotten later: %s", fault)
            await asyncio.sleep(pause_seconds)

    forgetting = asyncio.create_task(forget())
    try:
        yield
    finally:
        forgetting.cancel()
        await asyncio.gather(forgetting, return_exceptions=True)


async def forget_once(by: Machinery, days: float) -> int:
    """Forget what ended more than so many days ago: how many rounds; none where another process is doing it.

    Raises:
        StoreFault: The database does not answer.
    """
    if not await in_thread(by.locks.take, LOCK):
        return 0
    forgotten, before = 0, datetime.now(UTC) - timedelta(days=days)
    try:
        while number := await in_thread(by.engine.forget, before, AT_ONCE):
            forgotten += number
            await asyncio.sleep(BREATH_SECONDS)
        await in_thread(by.workers.forget, before)
    finally:
        by.locks.give(LOCK)
    if forgotten:
        _log.info("%d rounds that ended more than %g days ago are forgotten", forgotten, days)
    return forgotten
