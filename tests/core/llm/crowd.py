"""A provider that takes so many calls at one time, and remembers when each came."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from tests.standins.llm import Incoming, Turn


@dataclass
class Crowd:
    """A script for the stand-in.

    Attributes:
        most: Calls at one time; others are refused.
        seconds: That an answer takes.
        retry_after: Told with a refusal.
        came: When every request came, who sent it (its system prompt) and whether it was answered.
    """

    most: int
    seconds: float = 0.1
    retry_after: str | None = None
    came: list[tuple[float, str, bool]] = field(default_factory=list)
    _ends: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: Incoming) -> Turn:
        with self._lock:
            now = time.monotonic()
            self._ends = [end for end in self._ends if end > now]
            answered = len(self._ends) < self.most
            self.came.append((now, who(request), answered))
            if not answered:
                return Turn(status=429, retry_after=self.retry_after)
            self._ends.append(now + self.seconds)
            return Turn(text="hello", delay=self.seconds)

    @property
    def refused(self) -> int:
        return sum(not answered for _, _, answered in self.came)

    @property
    def answered(self) -> list[str]:
        """Who was answered, in order."""
        return [name for _, name, answered in self.came if answered]


def who(request: Incoming) -> str:
    """The system prompt of a request to the Messages API."""
    system = request.body.get("system") or [{"text": ""}]
    return str(system[0]["text"])
