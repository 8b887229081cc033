"""A process that carries rounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from core import Cause, StoreFault, event
from runs.engine.port import Carry
from runs.machinery import Machinery
from runs.options import QUEUE
from runs.workers.liveness import Liveness
from runs.workers.registry import new_worker_id


@dataclass
class Worker:
    """A process that carries rounds.

    Attributes:
        id: Names it.
        ended: Fails with a `StoreFault` when it cannot go on.
        pause: Takes nothing new.
        shunned: Runs of which it takes no rounds.
        draining: Set when it is to take nothing new.
    """

    id: str
    ended: asyncio.Future[None]
    pause: Callable[[], None]
    shunned: set[str] = field(default_factory=set)
    draining: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def at_work(
    by: Machinery,
    kinds: Mapping[str, Carry],
    queues: Mapping[str, int],
    *,
    poll_seconds: float = 1.0,
) -> AsyncIterator[Worker]:
    """Within the block this process carries rounds, and takes up those of workers that died.

    Args:
        by: What executes runs.
        kinds: What each kind of round does.
        queues: Queue -> how many of its rounds are carried at one time.
        poll_seconds: How often queues are looked at.

    Raises:
        StoreFault: The records cannot be reached.
    """
    with _entered(by, queues) as name:
        async with by.engine.work(name, kinds, queues, poll_seconds=poll_seconds) as crew:
            worker = Worker(name, crew.stuck, crew.pause, crew.shunned)
            event("worker_started", worker=name)
            async with _alive(by, worker, queues):
                yield worker
        # What was under way here stays to be taken up: by whoever comes, not only by who finds us dead.
        event("worker_ended", worker=name)
        _leave(by, worker)


@asynccontextmanager
async def paused_worker(by: Machinery, why: str) -> AsyncIterator[Worker]:
    """Within the block this process is there as a worker that carries nothing for now, and may be told to end.

    Args:
        by: What executes runs.
        why: In a line.

    Raises:
        StoreFault: The records cannot be reached.
    """
    with _entered(by, {}, why) as name:
        worker = Worker(name, asyncio.get_running_loop().create_future(), pause=lambda: None)
        try:
            async with _alive(by, worker, {}):
                yield worker
        finally:
            _leave(by, worker)


@contextmanager
def _entered(by: Machinery, queues: Mapping[str, int], paused: str | None = None) -> Iterator[str]:
    """Within the block a new worker stands in the registry, and its lock says that it lives."""
    name = new_worker_id()
    by.locks.take(name)
    try:
        by.workers.enter(name, queues, paused)
        yield name
    finally:
        by.locks.give(name)


@asynccontextmanager
async def _alive(by: Machinery, worker: Worker, queues: Mapping[str, int]) -> AsyncIterator[None]:
    """Within the block a worker proves that it lives, hears what it is told, and looks after those that died."""
    loop = asyncio.get_running_loop()

    def lost(fault: StoreFault) -> None:
        loop.call_soon_threadsafe(_fail, worker.ended, fault)

    def draining() -> None:
        loop.call_soon_threadsafe(worker.draining.set)

    own = [queue for queue in queues if queue != QUEUE]
    liveness = Liveness(worker.id, by, lost=lost, draining=draining, also=own, queues=tuple(queues))
    await asyncio.to_thread(liveness.start)
    try:
        yield
    finally:
        await asyncio.to_thread(liveness.stop)


def _leave(by: Machinery, worker: Worker) -> None:
    if not _overtaken(worker.ended) and by.workers.leave(worker.id):
        by.engine.recover(worker.id, blameless=True)
        by.workers.settle(worker.id, "ended")


def _overtaken(stuck: asyncio.Future[None]) -> bool:
    """Whether others have this worker for dead, or are about to."""
    fault = None if stuck.cancelled() or not stuck.done() else stuck.exception()
    return isinstance(fault, StoreFault) and fault.cause is Cause.worker_died


def _fail(future: asyncio.Future[None], fault: StoreFault) -> None:
    if not future.done():
        future.set_exception(fault)
