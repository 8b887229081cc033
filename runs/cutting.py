"""Cutting off what is at work when the user cancels its run: that stop waits for no model call and no command.

A run that its budget, its crashes or a full disk stopped keeps all: there each step that is under way comes to its
end, and nothing here is used.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from core import Fault, Overtaken, StoreFault
from runs.options import Stop
from runs.workplace import Workplace

LOOK_SECONDS = 0.25


class UnlessCancelled:
    """The block of an `async with` that is cut off once the run is stopped for good.

    It works as `asyncio.timeout` does: the task is cancelled where it waits, what it has open is closed on the way
    out, and that it was us is known from any other cancelling.

    Raises:
        Fault: For the stop's cause, in place of whatever the block raised when it was cut off.
    """

    def __init__(self, place: Workplace) -> None:
        self._place = place
        self._cut: Stop | None = None

    async def __aenter__(self) -> None:
        """Look from now on."""
        task = asyncio.current_task()
        assert task is not None
        self._task, self._before, self._loop = task, task.cancelling(), asyncio.get_running_loop()
        self._next: asyncio.Handle = self._loop.call_soon(self._look)

    def _look(self) -> None:
        stop = self._place.stop
        if stop is None or not stop.final:
            self._next = self._loop.call_later(LOOK_SECONDS, self._look)
            return
        self._cut = stop
        self._task.cancel()

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Look no more."""
        self._next.cancel()
        if self._cut is None:
            return
        others = self._task.uncancel() > self._before  # the process is about to end as well
        if others or not isinstance(error, Exception | asyncio.CancelledError):
            return
        if not isinstance(error, Overtaken | StoreFault):
            raise Fault(self._cut.cause, self._cut.detail) from error
