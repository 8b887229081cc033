"""Proving that one lives, and taking up the rounds of those that do not: a thread beside the rounds.

A thread and not a task, so that rounds which keep the event loop busy do not look like death.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from core import Cause, StoreFault, event
from runs.machinery import Machinery
from runs.workers.locks import FileLocks

TICK_SECONDS = 1.0
ADOPT_SECONDS = 2.0
"""A worker whose lock is free for so long is dead: one that lives takes it again at its next tick."""

FENCE_SECONDS = 60.0
"""Without an answer from the database for so long, a worker ends its rounds: a server may take that to restart.

Others may take them up before (the server gives its lock to them 25 s after its last sign of life), and nothing is
paid or written twice for it: without the records no model call is begun, and what is written is refused to whoever
was overtaken. Once the database answers again, a worker that was overtaken ends its rounds at once."""

REUNION_SECONDS = 10.0
"""So long after the database came back nobody is thought to be dead: all have lost their locks with it."""

UPGRADE_SECONDS = 10.0
"""Between two looks at what workers of an earlier version have put in the queues since."""

FEW, RAREST_SECONDS = 20, 5.0
"""The more workers there are, the more rarely each looks after the others: somebody looks soon all the same.
Whoever finds one that may be dead looks at each tick."""

JOIN_SECONDS = 10.0
"""A thread that waits for a database which is silent is left alone."""

_log = logging.getLogger("upbench.worker")


class Liveness:
    """Holds a worker's lock, and takes up the rounds of dead workers.

    One thread proves that this worker lives and does nothing else; one sees that it can; one looks after the
    others, and may have to wait for the records.

    Args:
        worker: This process.
        by: Whose rounds are taken up, who else there is, and the locks by which they prove that they live.
        lost: Called from a thread when this worker must end its rounds at once.
        draining: Called once, from a thread, when this worker is to take nothing new.
        also: Other locks without which this process must not go on.
        queues: Whose rounds it carries, those that a worker of an earlier version still puts there as well.
    """

    def __init__(
        self,
        worker: str,
        by: Machinery,
        *,
        lost: Callable[[StoreFault], None],
        draining: Callable[[], None],
        also: Sequence[str] = (),
        queues: Sequence[str] = (),
    ) -> None:
        self._worker, self._engine, self._registry, self._locks = worker, by.engine, by.workers, by.locks
        self._sever = by.sever
        self._mine, self._queues = (worker, *also), queues
        self._next_upgrade = 0.0
        self._lost, self._draining = lost, draining
        self._free_since: dict[str, float] = {}
        self._without = False
        self._silent = 0
        self._pause = TICK_SECONDS
        self._patient_until = 0.0
        self._drains = False
        self._end = threading.Event()
        self._threads = [
            threading.Thread(target=self._prove_on, name="upbench-liveness", daemon=True),
            threading.Thread(target=self._watch_on, name="upbench-fence", daemon=True),
            threading.Thread(target=self._look_on, name="upbench-adoption", daemon=True),
        ]

    def start(self) -> None:
        """Take up what dead workers left, then look on. The lock of this worker is held already."""
        self._look()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads."""
        self._end.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=JOIN_SECONDS)

    def _prove_on(self) -> None:
        while not self._end.wait(TICK_SECONDS):
            try:
                self._prove()
                self._silent = 0
            except StoreFault as fault:
                _log.warning("the records do not answer: %s", fault)

    def _watch_on(self) -> None:
        """Counts its own ticks and asks no clock: a process that was stopped was not left without an answer."""
        while not self._end.wait(TICK_SECONDS):
            self._silent += 1
            if self._silent * TICK_SECONDS > FENCE_SECONDS:
                self._lose("the database does not answer")
                self._sever()  # the event loop itself may be waiting for it, and is to hear that

    def _prove(self) -> None:
        """See that the lock is held; where it was lost with the connection, take it again."""
        if self._locks.held(self._worker) and not self._without:
            return
        self._without = True
        for name in self._mine:
            if not self._locks.take(name):
                self._lose("another worker took its rounds up")
                return
        self._patient_until = time.monotonic() + REUNION_SECONDS
        self._without = False

    def _lose(self, why: str) -> None:
        self._end.set()
        self._lost(StoreFault(Cause.worker_died, f"this worker gives its rounds up: {why}"))

    def _look_on(self) -> None:
        while not self._end.wait(self._pause):
            try:
                if not self._without:
                    self._look()
            except StoreFault as fault:
                _log.warning("the records do not answer: %s", fault)

    def _look(self) -> None:
        if time.monotonic() >= self._next_upgrade:
            self._next_upgrade = time.monotonic() + UPGRADE_SECONDS
            self._engine.prepare(self._queues)
        rows = self._registry.unsettled()
        mine = next((row for row in rows if row.id == self._worker and row.ended is None), None)
        if mine is None:
            self._lose("another worker took its rounds up")
            return
        if mine.draining and not self._drains:
            self._drains = True
            self._draining()
        others = {row.id for row in rows} - {self._worker}
        self._free_since = {name: since for name, since in self._free_since.items() if name in others}
        alive = self._locks.known_held(others)
        for name in alive:
            self._free_since.pop(name, None)
        for name in others - alive:
            self._try(name)
        calm = min(RAREST_SECONDS, TICK_SECONDS * max(1.0, len(rows) / FEW))
        self._pause = TICK_SECONDS if self._free_since else calm

    def _try(self, name: str) -> None:
        """Take the rounds of `name` up if it is dead, holding its lock meanwhile.

        One that ended, and was killed before its rounds were back in their queues, is dead as well; and so is one
        whose rounds somebody took up who was killed in the middle of it.
        """
        since = self._free_since.setdefault(name, time.monotonic())
        # Its lock is taken for good only: one that comes back and finds it taken gives its rounds up.
        if not self._is_dead(since) or not self._locks.take(name):
            return
        try:
            self._registry.leave(name)
            taken = self._engine.recover(name)
            self._registry.settle(name, "died")
            event("rounds_adopted", worker=name, number=taken)
            _log.info("worker %s is dead: %d rounds are taken up", name, taken)
        finally:
            self._locks.give(name)

    def _is_dead(self, free_since: float) -> bool:
        """Whether that is long enough, and our own locks are known to have been held all the while.

        Where they were not, the server was away, and those who live come back as we did.
        """
        since = max(free_since, self._patient_until)
        if time.monotonic() - since < self._patience or not self._locks.held(self._worker):
            return False
        return self._locks.seconds_up() >= REUNION_SECONDS

    @property
    def _patience(self) -> float:
        return 0.0 if isinstance(self._locks, FileLocks) else ADOPT_SECONDS
