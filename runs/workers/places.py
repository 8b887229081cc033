"""The workplaces of the runs whose rounds one process carries: opened when their first round comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from runs.govern import Governor
from runs.machinery import Machinery
from runs.workplace import Workplace


class Places:
    """Workplaces by run, each governed while it is open.

    Args:
        open_: Opens the workplace of a run. Slow: it is called on a thread.
        by: What executes runs.
    """

    def __init__(self, open_: Callable[[str], Workplace], by: Machinery) -> None:
        self._open, self._by = open_, by
        self._places: dict[str, asyncio.Task[Workplace]] = {}
        self._governors: dict[str, Governor] = {}
        self._stack = AsyncExitStack()
        self._reaped: set[str] = set()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Within the block workplaces may be had; at its end all are closed."""
        async with self._stack:
            yield

    async def of(self, run: str) -> Workplace:
        """The workplace of a run. Raises what opening it raised; it is tried again each time."""
        opening = self._places.get(run)
        if opening is None or (opening.done() and opening.exception() is not None):  # what was wrong may be mended
            self._places[run] = opening = asyncio.create_task(self._opened(run))
        place = await asyncio.shield(opening)
        self._governors[run].wake()
        return place

    def waiting(self) -> bool:
        """Whether more rounds of a run that is open here are about to be started."""
        return any(governor.expects() for governor in self._governors.values())

    async def _opened(self, run: str) -> Workplace:
        place = await asyncio.to_thread(self._open, run)
        if place.provider.name in self._reaped:
            place.reaper = None  # one reaper a provider is enough
        self._reaped.add(place.provider.name)
        await self._stack.enter_async_context(place.at_work())
        governor = self._governors[run] = Governor(place, self._by)
        governor.look()
        governing = asyncio.create_task(governor.govern())
        self._stack.callback(governor.close)
        self._stack.callback(governing.cancel)
        return place
