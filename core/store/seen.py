"""`Seen`: what a process knows of the blobs it met lately; forgotten first what was met longest ago."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")

ENTRIES = 20_000


class Seen(Generic[T]):
    """A bounded mapping from sha256, for several threads."""

    def __init__(self, entries: int = ENTRIES) -> None:
        self._entries, self._lock = entries, threading.Lock()
        self._known: OrderedDict[str, T] = OrderedDict()

    def get(self, sha256: str) -> T | None:
        """What was noted last, if it is still known."""
        with self._lock:
            if sha256 in self._known:
                self._known.move_to_end(sha256)
            return self._known.get(sha256)

    def note(self, sha256: str, value: T) -> None:
        """Remember."""
        with self._lock:
            self._known[sha256] = value
            self._known.move_to_end(sha256)
            if len(self._known) > self._entries:
                self._known.popitem(last=False)
