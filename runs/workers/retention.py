"""Forgetting rounds that are long over: nothing reads them, and the engine's tables would grow for ever.

What happened in a round stands in UpBench's own records, which are never deleted.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

from core import again_and_again, in_thread
from runs.machinery import Machinery

LOCK = "retention"
PAUSE_SECONDS = 3600.0
AT_ONCE = 500
BREATH_SECONDS = 0.5
"""Between two pieces: whatever else the database does goes first."""

_log = logging.getLogger("upbench.worker")


def forgetting_old_rounds(
    by: Machinery, days: float, *, pause_seconds: float = PAUSE_SECONDS
) -> AbstractAsyncContextManager[None]:
    """Within the block rounds that ended more than so many days ago are forgotten, every hour.

    Of all workers one does so at a time. A database that does not answer is asked again an hour later.
    """
    return again_and_again(
        lambda: forget_once(by, days),
        pause_seconds,
        lambda fault: _log.warning("old rounds are forgotten later: %s", fault),
    )


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
