"""What takes seconds to count is counted once, until something changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from sqlalchemy import Connection, func, select

from grading.adjudication.tables import VOIDS
from grading.tables import EVALUATIONS

T = TypeVar("T")
MOST = 8


class Kept(Generic[T]):
    """A few results in memory, the latest ones, each until its mark is another. Safe between threads."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, tuple[str, T]] = OrderedDict()
        self._lock = Lock()

    def get(self, name: str, mark: str, make: Callable[[], T]) -> T:
        """The result of that name; made where there is none, or the mark was another when it was made.

        Whoever asks meanwhile waits, so that nothing is counted twice at one time.
        """
        with self._lock:
            there = self._found.pop(name, None)
            result = there[1] if there is not None and there[0] == mark else make()
            self._found[name] = (mark, result)
            while len(self._found) > MOST:
                self._found.popitem(last=False)
            return result


def mark_of(connection: Connection) -> str:
    """Another text whenever somebody judged something, or a criterion was voided or counts again."""
    said = connection.execute(select(func.max(EVALUATIONS.c.id))).scalar()
    voided = connection.execute(select(func.count()).select_from(VOIDS)).scalar_one()
    return f"{said} {voided}"
