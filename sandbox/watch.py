"""Watching from outside how large a workspace grows, where no file system bounds it.

One look is a scan of the folder in a thread of a small pool that all sandboxes share. It comes a moment after the
opening at the earliest (a trivial sandbox is never scanned), stops as soon as a limit is passed, and the next one
waits so much longer than this one took that watching costs a twentieth of a core at most for each sandbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from core import Cause, SandboxFault
from sandbox.protocol import MIB, SandboxLimits

FIRST_SECONDS = 1.5
LEAST_SECONDS = 2.0
MOST_SECONDS = 60.0
PATIENCE = 20  # the next look waits so many times as long as the last one took
THREADS = 2
OPEN_LEVELS = 32  # descriptors that one look holds at most, however deep the folders
BLOCK = 512  # of `st_blocks`, on every file system
AS_PATH = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
AS_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(slots=True)
class Usage:
    """What a workspace takes: bytes on the disk, and the number of files and folders."""

    bytes: int = 0
    entries: int = 0

    def problem(self, limits: SandboxLimits) -> str | None:
        """Which limit is passed, in words; None when none is."""
        if self.bytes > limits.workspace_bytes:
            return f"the workspace takes more than {limits.workspace_bytes / MIB:g} MiB"
        if self.entries > limits.workspace_files:
            return f"the workspace holds more than {limits.workspace_files} files and folders"
        return None


class Watch:
    """Watches one sandbox from the moment it is made until `stop`, or until it has passed a limit.

    Args:
        measure: Says what the workspace takes; called in a thread. It may raise OSError where it cannot be said
            just now, and may return early once a limit is passed.
        limits: `workspace_bytes` and `workspace_files` count.
        end: Called once in the event loop, with the cause `workspace_full`; ends the sandbox.
    """

    def __init__(
        self, measure: Callable[[], Usage], limits: SandboxLimits, end: Callable[[SandboxFault], object]
    ) -> None:
        self._measure, self._limits, self._end = measure, limits, end
        self._loop = asyncio.get_running_loop()
        self._stopped = False
        self._next = self._loop.call_later(FIRST_SECONDS, self._look)

    def stop(self) -> None:
        """Look no more. Twice is fine."""
        self._stopped = True
        self._next.cancel()

    def _look(self) -> None:
        self._loop.run_in_executor(_pool(), self._timed).add_done_callback(self._judge)

    def _timed(self) -> tuple[str | None, float]:
        if self._stopped:
            return None, 0.0
        started = time.monotonic()
        try:
            problem = self._measure().problem(self._limits)
        except OSError:
            problem = None
        return problem, time.monotonic() - started

    def _judge(self, done: asyncio.Future[tuple[str | None, float]]) -> None:
        if self._stopped or done.cancelled():
            return
        problem, seconds = done.result()
        if problem:
            self.stop()
            self._end(SandboxFault(Cause.workspace_full, problem))
            return
        wait = min(max(LEAST_SECONDS, PATIENCE * seconds), MOST_SECONDS)
        self._next = self._loop.call_later(wait, self._look)


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, "workspace-watch")


@dataclass(slots=True)
class _Level:
    """A folder on the way down.

    Attributes:
        handle: Its descriptor, -1 while it is closed.
        mode: To be given back to it: its owner had closed it to himself. None where nothing was changed.
        folders: In it, and still to be seen.
    """

    handle: int
    identity: tuple[int, int]
    mode: int | None = None
    folders: list[str] = field(default_factory=list)


def folder_usage(root: Path, limits: SandboxLimits) -> Usage:
    """What the folder `root` takes; the count stops once a limit is passed.

    The folder is being changed meanwhile by a program that nobody trusts: every step is opened by name in its
    folder without following links, and what is gone or swapped is passed over. Sparse files count with what they
    take, hard links once.

    Raises:
        OSError: `root` itself cannot be opened.
    """
    found = Usage()
    linked: set[tuple[int, int]] = set()
    levels = [_level(os.open(root, AS_FOLDER))]
    try:
        _count(levels[0], found, linked, limits)
        while levels and found.problem(limits) is None:
            top = levels[-1]
            if not top.folders:
                _up(levels)
                continue
            inner = _enter(top.folders.pop(), top.handle)
            if inner:
                levels.append(inner)
                _count(inner, found, linked, limits)
                if len(levels) > OPEN_LEVELS:
                    _shut(levels[-OPEN_LEVELS - 1])
    finally:
        for level in levels:
            _leave(level)
    return found


def _level(handle: int) -> _Level:
    about = os.fstat(handle)
    return _Level(handle, (about.st_dev, about.st_ino))


def _shut(level: _Level) -> None:
    if level.handle >= 0:
        os.close(level.handle)
        level.handle = -1


def _up(levels: list[_Level]) -> None:
    """Leave the last level. The one above may have been closed: then it is found through `..`, or given up."""
    left = levels.pop()
    try:
        if levels and levels[-1].handle < 0:
            above = _level(os.open("..", AS_FOLDER, dir_fd=left.handle))
            if above.identity == levels[-1].identity:
                levels[-1].handle = above.handle
            else:  # it was moved meanwhile; the next look sees it where it is then
                _shut(above)
                levels.clear()
    except OSError:
        levels.clear()
    finally:
        _leave(left)


def _leave(level: _Level) -> None:
    if level.mode is not None and level.handle >= 0:
        with contextlib.suppress(OSError):
            os.fchmod(level.handle, level.mode)
    _shut(level)


def _enter(name: str, folder: int) -> _Level | None:
    """The folder `name` in `folder`, if it is one. While it is looked at, its owner may look into it."""
    try:
        found = _level(os.open(name, AS_PATH, dir_fd=folder))
    except OSError:
        return None
    itself, path = f"/proc/self/fd/{found.handle}", found.handle
    try:
        mode = stat.S_IMODE(os.fstat(path).st_mode)
        if mode & 0o500 != 0o500 and os.geteuid() != 0:  # root needs no mode
            os.chmod(itself, mode | 0o500)
            found.mode = mode
        found.handle = os.open(itself, AS_FOLDER & ~os.O_NOFOLLOW)
    except OSError:
        return None
    finally:
        os.close(path)
    return found


def _count(level: _Level, found: Usage, linked: set[tuple[int, int]], limits: SandboxLimits) -> None:
    try:
        with os.scandir(level.handle) as entries:
            for entry in entries:
                try:
                    about = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                found.entries += 1
                if stat.S_ISDIR(about.st_mode):
                    level.folders.append(entry.name)
                elif about.st_nlink > 1:
                    identity = (about.st_dev, about.st_ino)
                    if identity in linked:
                        continue
                    linked.add(identity)
                found.bytes += about.st_blocks * BLOCK
                if found.entries > limits.workspace_files or found.bytes > limits.workspace_bytes:
                    return
    except OSError:
        return
