"""What is known of a call while it is being made, for whoever must account for it if it is cut off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from core.llm.protocol import Failure


def _nothing() -> None:
    return


@dataclass
class Progress:
    """A call under way.

    Attributes:
        on_first_try: Called before anything is sent, once; what it raises ends the call.
        waited: Seconds waited before the first try. failures: Tries that failed so far, each with what was waited
            after it.
        tried_at: When the try that is under way began (monotonic), or None between tries.
    """

    on_first_try: Callable[[], None] = _nothing
    waited: float = 0.0
    failures: list[Failure] = field(default_factory=list)
    tried_at: float | None = None
    _sent: bool = False

    def sending(self) -> None:
        """A try begins now."""
        if not self._sent:
            self.on_first_try()
            self._sent = True
        self.tried_at = time.monotonic()

    def wait(self, seconds: float) -> None:
        """So long was waited: before the first try, or after the last one that failed."""
        if self.failures:
            last = self.failures[-1]
            waited = last.waited_seconds + seconds
            self.failures[-1] = last.model_copy(update={"waited_seconds": waited})
        else:
            self.waited += seconds

    @property
    def waited_in_all(self) -> float:
        """Seconds waited so far."""
        return self.waited + sum(failure.waited_seconds for failure in self.failures)


_followed: ContextVar[Progress | None] = ContextVar("model_call_progress", default=None)


@contextmanager
def following(progress: Progress) -> Iterator[Progress]:
    """Within the block, a call that is made tells its progress there."""
    token = _followed.set(progress)
    try:
        yield progress
    finally:
        _followed.reset(token)


def progress_now() -> Progress:
    """Where the call that is being made tells its progress; a new one where nobody follows it."""
    return _followed.get() or Progress()
