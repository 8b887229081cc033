"""What takes long to count is kept until something changes, and counted anew beside whoever looks at it."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, TypeVar

from sqlalchemy import Connection, func, select

from core import UpBenchError
from grading.adjudication.tables import VOIDS
from grading.overview.oversight import Scope
from grading.tables import EVALUATIONS

T = TypeVar("T")
MOST = 8
QUICK_SECONDS = 1.0
"""What took no longer is counted anew while one waits for it."""

_log = logging.getLogger("upbench.review")


@dataclass(frozen=True)
class Counted(Generic[T]):
    """A result.

    Attributes:
        at: As of when, ISO 8601.
        behind: Something has changed since, and it is being counted anew.
    """

    value: T
    at: str
    behind: bool = False


@dataclass
class _Entry(Generic[T]):
    """A result with the mark it was made at, and how long that took; `making` is held by whoever makes it."""

    making: threading.Lock = field(default_factory=threading.Lock)
    mark: str | None = None
    counted: Counted[T] | None = None
    seconds: float = 0.0

    def make(self, mark: str, make: Callable[[], T]) -> Counted[T]:
        at, began = datetime.now(UTC).isoformat(timespec="milliseconds"), time.monotonic()
        counted = Counted(make(), at)
        self.mark, self.counted, self.seconds = mark, counted, time.monotonic() - began
        return counted


class Kept(Generic[T]):
    """A few results in memory, the latest ones. Safe between threads."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, _Entry[T]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str, mark: str, make: Callable[[], T]) -> Counted[T]:
        """The result of that name.

        The first time it is made, and whoever asks meanwhile waits for it. Where the mark was another when it was
        made, it is made again: at once where that is quick, else on a thread, and the result of before is told
        until then.
        """
        entry = self._entry(name)
        there = entry.counted
        if there is not None and entry.mark == mark:
            return there
        if there is None or entry.seconds <= QUICK_SECONDS:
            with entry.making:
                if entry.counted is not None and entry.mark == mark:
                    return entry.counted
                return entry.make(mark, make)
        if entry.making.acquire(blocking=False):
            threading.Thread(
                target=_make_anew, args=(entry, mark, make), name="upbench-count", daemon=True
            ).start()
        return Counted(there.value, there.at, behind=True)

    def _entry(self, name: str) -> _Entry[T]:
        with self._lock:
            entry = self._found.pop(name, None) or _Entry()
            self._found[name] = entry
            while len(self._found) > MOST:
                self._found.popitem(last=False)
            return entry


def _make_anew(entry: _Entry[T], mark: str, make: Callable[[], T]) -> None:
    try:
        entry.make(mark, make)
    except UpBenchError as error:  # whoever asks next tries again
        _log.warning("what was to be counted anew is not: %s", error)
    finally:
        entry.making.release()


def mark_of(connection: Connection, scope: Scope = None) -> str:
    """Another text whenever somebody judged something of these attempts, or voids of criteria changed."""
    said = select(func.count(), func.max(EVALUATIONS.c.id))
    if scope is not None:
        said = said.where(EVALUATIONS.c.attempt_id.in_(scope))
    number, last = connection.execute(said).one()
    voided = connection.execute(select(func.count()).select_from(VOIDS)).scalar_one()
    return f"{number} {last} {voided}"
