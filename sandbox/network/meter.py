"""What a sandbox has sent and received, against its caps; and audit lines, bounded in number."""

from __future__ import annotations

from collections import Counter
from weakref import WeakValueDictionary

from sandbox.network.events import Audit, NetworkEvent
from sandbox.protocol import SandboxLimits

MAX_LINES = 2000
MAX_REFUSED_LINES = 200
MAX_NEW_LINES = 1000  # of each verdict, beyond those
FIRST_SUM = 1000


class CapReached(Exception):
    """A cap on bytes is reached; the text says which."""


class Meter:
    """Bytes from (`up`) and to (`down`) a sandbox, of its gate and of the pages fetched for it together."""

    def __init__(self, max_up: int, max_down: int) -> None:
        self.up = self.down = 0
        self._max_up, self._max_down = max_up, max_down

    def check(self) -> None:
        """Raise `CapReached` where nothing more may pass."""
        if self.up >= self._max_up:
            raise self.up_reached()
        if self.down >= self._max_down:
            raise self.down_reached()

    def take_up(self, wanted: int) -> int:
        """Count bytes about to be sent; how many of them may be."""
        granted = min(wanted, self._max_up - self.up)
        self.up += granted
        return granted

    def take_down(self, wanted: int) -> int:
        """Count bytes about to be received; how many of them may be."""
        granted = min(wanted, self._max_down - self.down)
        self.down += granted
        return granted

    def up_reached(self) -> CapReached:
        """What is said when no more may be sent."""
        return CapReached(f"this sandbox may send {self._max_up} bytes, and has")

    def down_reached(self) -> CapReached:
        """What is said when no more may be received."""
        return CapReached(f"this sandbox may receive {self._max_down} bytes, and has")


_METERS: WeakValueDictionary[tuple[str, int, int], Meter] = WeakValueDictionary()


def meter_of(workspace: str, limits: SandboxLimits) -> Meter:
    """The meter of an open workspace: the same one for its gate and its page fetcher while either holds it."""
    key = (workspace, limits.network_up_bytes, limits.network_down_bytes)
    found = _METERS.get(key)
    if found is None:
        found = _METERS[key] = Meter(limits.network_up_bytes, limits.network_down_bytes)
    return found


class Lines:
    """Passes audit lines on up to a number; the rest is summed up, so that a flood of them stays small.

    Beyond that number a host and port with a verdict that no line has told yet still gets one, up to a number of
    their own: nobody hides a new place behind a flood of the same.
    """

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._lines = self._refused = 0
        self._told: set[tuple[str, int, str]] = set()
        self._new: Counter[str] = Counter()
        self._last: NetworkEvent | None = None
        self._count, self._sum_at = 0, FIRST_SUM
        self._up = self._down = 0

    def add(self, event: NetworkEvent) -> None:
        """Pass a line on, or count it."""
        if self._gets_a_line(event):
            self._told.add((event.host, event.port, event.verdict))
            self._audit(event)
            return
        self._last = event
        self._count += 1
        self._up += event.up_bytes
        self._down += event.down_bytes
        if self._count >= self._sum_at:
            self._sum_at *= 10
            self.sum_up()

    def _gets_a_line(self, event: NetworkEvent) -> bool:
        quiet = event.verdict == "allowed"
        if self._lines < MAX_LINES and (quiet or self._refused < MAX_REFUSED_LINES):
            self._lines += 1
            self._refused += not quiet
            return True
        known = (event.host, event.port, event.verdict) in self._told
        if known or self._new[event.verdict] >= MAX_NEW_LINES:
            return False
        self._new[event.verdict] += 1
        return True

    def sum_up(self) -> None:
        """Say how many lines were left out since the last sum, if any."""
        last, self._last = self._last, None
        if last is None:
            return
        reason = f"the last of {self._count} connections that have no line of their own: {last.reason}"[:400]
        update = {"reason": reason, "up_bytes": self._up, "down_bytes": self._down}
        self._count = self._up = self._down = 0
        self._audit(last.model_copy(update=update))
