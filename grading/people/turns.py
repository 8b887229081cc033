"""Slow work for strangers: a few at one time, a few who wait and no more, so that everybody else is served."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from grading.people.problems import TooBusy


class Turns:
    """Lets threads at something in turn.

    Args:
        at_once: How many work at one time.
        waiting: How many wait besides; whoever comes then is refused at once.
        seconds: How long one waits.
    """

    def __init__(self, at_once: int, waiting: int, seconds: float) -> None:
        self._turns, self._room = (
            threading.BoundedSemaphore(at_once),
            threading.BoundedSemaphore(at_once + waiting),
        )
        self._seconds = seconds

    @contextmanager
    def one(self) -> Iterator[None]:
        """Have a turn. Raises `TooBusy`."""
        if not self._room.acquire(blocking=False):
            raise TooBusy
        try:
            if not self._turns.acquire(timeout=self._seconds):
                raise TooBusy
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._room.release()
