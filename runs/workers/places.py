"""The workplaces of the runs whose rounds one process carries: opened when their first round comes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from core import UpBenchError
from runs.disk import DiskGuard, Level
from runs.engine.port import Carry, Context, Json
from runs.govern import Governor
from runs.machinery import Machinery
from runs.workplace import Workplace

KEPT = 4
"""Workplaces of runs that are over which stay open: one may be resumed, and a process lives for months."""

REST_SECONDS = 180.0
"""None of them stays open for longer."""

LOOK_SECONDS = 5.0

_log = logging.getLogger("upbench.worker")


@dataclass
class _Open:
    """A workplace that is open.

    Attributes:
        left: What is closed with it. used: When a round of it was carried last, `time.monotonic`.
    """

    place: Workplace
    governor: Governor
    left: AsyncExitStack
    used: float


class Places:
    """Workplaces by run, each governed while it is open.

    Args:
        open_: Opens the workplace of a run. Slow: it is called on a thread.
        by: What executes runs.
    """

    def __init__(self, open_: Callable[[str], Workplace], by: Machinery) -> None:
        self._open, self._by = open_, by
        self._opening: dict[str, asyncio.Task[_Open]] = {}
        self._closing: dict[str, asyncio.Task[None]] = {}
        self._carried: Counter[str] = Counter()
        self._stack = AsyncExitStack()
        self._reaped: set[str] = set()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Within the block workplaces may be had; at its end all are closed."""
        async with self._stack:
            looking = asyncio.create_task(self._look_on())
            try:
                yield
            finally:
                looking.cancel()
                await asyncio.gather(looking, *self._opening.values(), return_exceptions=True)
                await asyncio.gather(*(self._close(run) for run in list(self._opening)), *self._closing.values())

    async def of(self, run: str) -> Workplace:
        """The workplace of a run. Raises what opening it raised; it is tried again each time."""
        while run in self._closing:
            await asyncio.shield(self._closing[run])
        opening = self._opening.get(run)
        if opening is None or (opening.done() and opening.exception() is not None):  # what was wrong may be mended
            self._opening[run] = opening = asyncio.create_task(self._opened(run))
        one = await asyncio.shield(opening)
        one.governor.wake()
        return one.place

    def holding(self, carry: Carry) -> Carry:
        """The same, while the workplace of the run that is carried stays open."""

        async def carried(ctx: Context, payload: Json) -> Json:
            run = str(payload["run"])
            self._carried[run] += 1
            try:
                return await carry(ctx, payload)
            finally:
                self._carried[run] -= 1
                if self._carried[run] <= 0:
                    del self._carried[run]
                for one in self._there():
                    if one.place.run_id == run:
                        one.used = time.monotonic()

        return carried

    def carried(self) -> int:
        """How many rounds are carried now."""
        return self._carried.total()

    def waiting(self) -> bool:
        """Whether more rounds of a run that is open here are about to be started."""
        return any(one.governor.expects() for one in self._there())

    def without_room(self) -> DiskGuard | None:
        """What watches a disk that rounds which are carried here write to, and on which there is no room left."""
        for one in self._there():
            if self._carried[one.place.run_id] > 0 and one.place.guard.look().level is Level.stop:
                return one.place.guard
        return None

    def _there(self) -> list[_Open]:
        return [one.result() for one in self._opening.values() if _is_open(one)]

    async def _opened(self, run: str) -> _Open:
        place = await asyncio.to_thread(self._open, run)
        async with AsyncExitStack() as left:
            reaper, place.reaper = place.reaper, None  # one reaper a provider is enough, whatever runs come and go
            for model in place.models.values():
                left.push_async_callback(model.aclose)
            await left.enter_async_context(place.at_work())
            if reaper is not None and place.provider.name not in self._reaped:
                self._reaped.add(place.provider.name)
                await self._stack.enter_async_context(reaper.at_work(place.provider))
            governor = Governor(place, self._by)
            governor.look()
            governing = asyncio.create_task(governor.govern())
            left.callback(governor.close)
            left.callback(governing.cancel)
            return _Open(place, governor, left.pop_all(), time.monotonic())

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for run in self._over():
                self._closing[run] = asyncio.create_task(self._close(run))

    def _over(self) -> list[str]:
        """Runs that are over whose workplaces are closed now."""
        resting = [one for one in self._there() if one.governor.rests() and self._carried[one.place.run_id] <= 0]
        resting.sort(key=lambda one: one.used, reverse=True)
        old = time.monotonic() - REST_SECONDS
        return [one.place.run_id for number, one in enumerate(resting) if number >= KEPT or one.used < old]

    async def _close(self, run: str) -> None:
        opening = self._opening.pop(run)
        try:
            if _is_open(opening):
                await opening.result().left.aclose()
        except (UpBenchError, OSError) as error:
            _log.warning("the workplace of run %s is not closed clean: %s", run, error)
        finally:
            self._closing.pop(run, None)


def _is_open(opening: asyncio.Task[_Open]) -> bool:
    return opening.done() and not opening.cancelled() and opening.exception() is None
