"""Blocking calls beside an event loop, in threads that nobody waits for when the process ends.

`asyncio.to_thread` and thread pools would do, but for one thing: a process that was asked to stop waits for their
threads, and a call to a server that hangs may take minutes. What such a call leaves half done is what a kill would
leave.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any, ParamSpec, TypeVar

from core.errors import StoreFault

P = ParamSpec("P")
T = TypeVar("T")
U = TypeVar("U")


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `call` returns or raises, without holding up the loop. Cancelled, it goes on unheard."""
    return await asyncio.wrap_future(_begin(lambda: call(*args, **kwargs)))


@asynccontextmanager
async def again_and_again(
    work: Callable[[], Awaitable[object]], pause_seconds: float, failed: Callable[[StoreFault], None]
) -> AsyncIterator[None]:
    """Within the block `work` is done, and done again after each pause.

    Args:
        work: It is cancelled when the block ends.
        pause_seconds: Between two times.
        failed: Told of a store that did not answer, which is asked again after the pause.
    """

    async def keep_on() -> None:
        while True:
            try:
                await work()
            except StoreFault as fault:
                failed(fault)
            await asyncio.sleep(pause_seconds)

    working = asyncio.create_task(keep_on())
    try:
        yield
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def side_by_side(call: Callable[[U], T], items: Sequence[U], threads: int) -> list[T]:
    """`call` of each item, several at one time; what it returned, in order.

    After one has failed no more are begun, and what it raised is raised.
    """
    results: dict[int, T] = {}
    waiting = iter(range(len(items)))
    failed = threading.Event()

    def work() -> None:
        for at in waiting:
            if failed.is_set():
                return
            try:
                results[at] = call(items[at])
            finally:
                if at not in results:
                    failed.set()

    for future in [_begin(work) for _ in range(min(threads, len(items)))]:
        future.result()
    return [results[at] for at in range(len(items))]


def _begin(call: Callable[[], T]) -> Future[T]:
    """Start a thread that ends with the process."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()
    context = contextvars.copy_context()

    def work() -> None:
        with _Outcome(future):
            future.set_result(context.run(call))

    threading.Thread(target=work, name="aside", daemon=True).start()
    return future


class _Outcome:
    """What is raised within the block is raised where the future's result is asked for, and there alone."""

    def __init__(self, future: Future[Any]) -> None:
        self._future = future

    def __enter__(self) -> None:
        """Nothing is to be done."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        if error is not None:
            self._future.set_exception(error)
        return True
