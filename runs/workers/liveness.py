"""Proving that one lives, and taking up the rounds of those that do not: a thread beside the rounds.

A thread and not a task, so that rounds which keep the event loop busy do not look like death.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

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

_log = logging.getLogger("upbench.worker")


class Liveness:
    """Holds a worker's lock, and takes up the rounds of dead workers.

    Args:
        worker: This process.
        by: Whose rounds are taken up, who else there is, and the locks by which they prove that they live.
        lost: Called once, from the thread, when this worker must end its rounds at once.
        draining: Called once, from the thread, when this worker is to take nothing new.
    """

    def __init__(
        self,
        worker: str,
        by: Machinery,
        *,
        lost: Callable[[StoreFault], None],
        draining: Callable[[], None],
    ) -> None:
        self._worker, self._engine, self._registry, self._locks = worker, by.engine, by.workers, by.locks
        self._lost, self._draining = lost, draining
        self._free_since: dict[str, float] = {}
        self._without_since: float | None = None
        self._drains = False
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upbench-liveness", daemon=True)

    def start(self) -> None:
        """Take up what dead workers left, then look on. The lock of this worker is held already."""
        self._look()
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def _run(self) -> None:
        while not self._end.wait(TICK_SECONDS):
            try:
                if self._alive():
                    self._look()
            except StoreFault as fault:
                _log.warning("the records do not answer: %s", fault)
            if self._without_since is not None and time.monotonic() - self._without_since > FENCE_SECONDS:
                self._lose("the database does not answer")
                return

    def _alive(self) -> bool:
        """Whether the lock is held; where it was lost with the connection, it is taken again."""
        if self._locks.held() and self._without_since is None:
            return True
        self._free_since.clear()
        if self._without_since is None:
            self._without_since = time.monotonic()
        if not self._locks.take(self._worker):
            self._lose("another worker took its rounds up")
            return False
        self._without_since = None
        return True

    def _lose(self, why: str) -> None:
        self._end.set()
        self._lost(StoreFault(Cause.worker_died, f"this worker gives its rounds up: {why}"))

    def _look(self) -> None:
        present = self._registry.present()
        mine = next((row for row in present if row.id == self._worker), None)
        if mine is None:
            self._lose("another worker took its rounds up")
            return
        if mine.draining and not self._drains:
            self._drains = True
            self._draining()
        others = {row.id for row in present} - {self._worker}
        self._free_since = {name: since for name, since in self._free_since.items() if name in others}
        for name in others:
            self._try(name)

    def _try(self, name: str) -> None:
        """Take the rounds of `name` up if it is dead, holding its lock meanwhile."""
        if not self._locks.take(name):
            self._free_since.pop(name, None)
            return
        try:
            since = self._free_since.setdefault(name, time.monotonic())
            if time.monotonic() - since >= self._patience and self._registry.leave(name, "died"):
                taken = self._engine.recover(name)
                event("rounds_adopted", worker=name, number=taken)
                _log.info("worker %s is dead: %d rounds are taken up", name, taken)
        finally:
            self._locks.give(name)

    @property
    def _patience(self) -> float:
        return 0.0 if isinstance(self._locks, FileLocks) else ADOPT_SECONDS
