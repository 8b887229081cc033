"""Comparisons made a moment ago: who looks at a file twice, or next to somebody else, does not wait again."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from core import Blobs, Deliverable
from grading.compare.contents import ContentChanges, Render, compare_contents
from grading.compare.model import FileChange

MOST = 32
"""A comparison has some thousand lines and cells at most."""
_Key = tuple[str, tuple[str, str] | None, tuple[str, str] | None]


class Comparisons:
    """The latest comparisons by what was compared; belongs to one event loop."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[_Key, ContentChanges] = OrderedDict()
        self._under_way: dict[_Key, asyncio.Task[ContentChanges]] = {}

    async def of(self, change: FileChange, blobs: Blobs, render: Render | None) -> ContentChanges:
        """As `compare_contents`; what is asked for while it is being made is made once.

        What cannot be read now is tried anew each time.
        """
        key = change.change, _named(change.before), _named(change.after)
        if (kept := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return kept
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(compare_contents(change, blobs, render))
            task.add_done_callback(lambda done: self._over(key, done))
        return await asyncio.shield(task)

    def _over(self, key: _Key, done: asyncio.Task[ContentChanges]) -> None:
        self._under_way.pop(key, None)
        if done.cancelled() or done.exception() is not None:
            return
        if not done.result().lasting:
            return
        self._kept[key] = done.result()
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


def _named(file: Deliverable | None) -> tuple[str, str] | None:
    return None if file is None else (file.sha256, file.path)
