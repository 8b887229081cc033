"""Keeps the library's threads from asking the database once a second for what hardly ever changes.

Each worker has them: of a hundred workers these are five hundred transactions a second, with nothing to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbos import DBOS

SELDOM_SECONDS = 10.0
"""So old may be what the library knows of its queues; they are ours, and change when a worker comes."""

REFUSED_SECONDS = 3.0
"""Before a worker asks again whether whoever wakes delayed rounds is gone."""


def calm(library: DBOS) -> None:
    """To be called once the library is at work: its threads look these up each time."""
    tables = library._sys_db
    # Nothing of ours ever waits in it.
    library._registry.get_internal_queue()._polling_interval_sec = SELDOM_SECONDS
    for name in ("list_queues", "get_queue"):
        setattr(tables, name, _remembering(getattr(tables, name)))
    if tables.engine.dialect.name == "postgresql":
        setattr(tables, "background_job_lock", _patient(tables.background_job_lock))  # noqa: B010


def _remembering(read: Callable[..., Any]) -> Callable[..., Any]:
    """Each answer is good for a while. The threads that ask each ask for something else."""
    known: dict[object, tuple[float, Any]] = {}

    def remembered(*what: Any, **more: Any) -> Any:
        asked = (what, *sorted(more.items()))
        if asked not in known or time.monotonic() - known[asked][0] >= SELDOM_SECONDS:
            known[asked] = time.monotonic(), read(*what, **more)
        return known[asked][1]

    return remembered


def _patient(
    take: Callable[[str], AbstractContextManager[bool]],
) -> Callable[[str], AbstractContextManager[bool]]:
    """One process has the lock, for as long as it lives; the others need not ask for it all the time."""
    refused: dict[str, float] = {}

    @contextmanager
    def taken(name: str) -> Iterator[bool]:
        if time.monotonic() - refused.get(name, float("-inf")) < REFUSED_SECONDS:
            yield False
            return
        with take(name) as is_taken:
            if not is_taken:
                refused[name] = time.monotonic()
            yield is_taken

    return taken
