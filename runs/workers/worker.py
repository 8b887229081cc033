"""A process that carries rounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
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
    name, loop = new_worker_id(), asyncio.get_running_loop()
    with ExitStack() as left:
        by.locks.take(name)
        left.callback(by.locks.give, name)
        by.workers.enter(name, queues)
        async with by.engine.work(name, kinds, queues, poll_seconds=poll_seconds) as crew:
            worker = Worker(name, crew.stuck, crew.pause, crew.shunned)
            event("worker_started", worker=name)

            def lost(fault: StoreFault) -> None:
                loop.call_soon_threadsafe(_fail, crew.stuck, fault)

            def draining() -> None:
                loop.call_soon_threadsafe(worker.draining.set)

            own = [queue for queue in queues if queue != QUEUE]
            liveness = Liveness(name, by, lost=lost, draining=draining, also=own, queues=tuple(queues))
            await asyncio.to_thread(liveness.start)
            try:
                yield worker
            finally:
                await asyncio.to_thread(liveness.stop)
        # What was under way here stays to be taken up: by whoever comes, not only by who finds us dead.
        event("worker_ended", worker=name)
        if not _overtaken(crew.stuck) and by.workers.leave(name):
            by.engine.recover(name, blameless=True)
            by.workers.settle(name, "ended")


def _overtaken(stuck: asyncio.Future[None]) -> bool:
    """Whether others have this worker for dead, or are about to."""
    fault = None if stuck.cancelled() or not stuck.done() else stuck.exception()
    return isinstance(fault, StoreFault) and fault.cause is Cause.worker_died


def _fail(future: asyncio.Future[None], fault: StoreFault) -> None:
    if not future.done():
        future.set_exception(fault)
