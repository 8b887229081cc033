"""What this process carries, and what of the queues it takes: DBOS is one a process, and so is this."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from dbos._sys_db import SystemDatabase

from core import StoreFault
from runs.engine.port import Carry


class OwnCrew:
    """What this process carries now: DBOS is one a process, and so is this."""

    def __init__(self) -> None:
        self.kinds: Mapping[str, Carry] | None = None
        self.tasks: set[asyncio.Task[Any]] = set()
        self.stuck: asyncio.Future[None] | None = None
        self.slots: Mapping[str, int] = {}
        self.shunned: set[str] = set()

    def abandon(self, fault: StoreFault) -> None:
        """Rounds cannot go on here: whoever waits for them is told."""
        if self.stuck is not None and not self.stuck.done():
            self.stuck.set_exception(fault)


CREW = OwnCrew()


def _with_own_slots(read: Callable[..., Any]) -> Callable[..., Any]:
    """Each worker has its own number of slots; the library keeps one a queue, that of the last worker to come."""

    def get_queue(tables: SystemDatabase, name: str, **more: Any) -> Any:
        queue = read(tables, name, **more)
        if queue is not None and name in CREW.slots:
            queue._worker_concurrency = CREW.slots[name]
            if queue._partition_worker_concurrency is not None:
                queue._partition_worker_concurrency = CREW.slots[name]
        return queue

    return get_queue


def _without_shunned(read: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """A worker takes nothing of a share that it can do nothing with."""
    return lambda tables, queue: [share for share in read(tables, queue) if share not in CREW.shunned]


SystemDatabase.get_queue = _with_own_slots(SystemDatabase.get_queue)  # type: ignore[method-assign]
SystemDatabase.get_queue_partitions = _without_shunned(  # type: ignore[method-assign]
    SystemDatabase.get_queue_partitions
)
