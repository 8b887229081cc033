"""How many sandboxes may be asked for a second: one gate for each account in this process."""

from __future__ import annotations

import asyncio
import threading
import time


class CreationGate:
    """Gives out turns in the order in which they are asked for, at most `per_second` of them a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # event loops of several threads may share an account
        self._next = 0.0

    async def turn(self, per_second: float) -> None:
        """Wait for a turn. One that is cancelled while it waits is lost, not given to another."""
        with self._lock:
            now = time.monotonic()
            at = max(now, self._next)
            self._next = at + 1 / per_second
        await asyncio.sleep(at - now)


_GATES: dict[tuple[str, str], CreationGate] = {}


def creation_gate(api: str, key: str) -> CreationGate:
    """The gate of an account: where its API is, and its key."""
    return _GATES.setdefault((api, key), CreationGate())
