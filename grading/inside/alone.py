"""Staying alone: what a check leaves running is ended with it, and can do nothing to the program that reports.

A check may start a delivered program, which has this program's user. So this process becomes the parent of every
orphan below it, is closed to the eyes and hands of other processes, and ends all its descendants after each child.
Not every kernel hands orphans over (gVisor does not): in a sandbox, whose supervisor marks the processes of a
command by their hard limit of RLIMIT_RSS, children of this program carry a lower mark, which they cannot raise.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36
SWEEP_SECONDS = 10.0
PAUSE_SECONDS = 0.01


def shield() -> None:
    """Take in orphans, and be neither traced nor looked into (on Linux; elsewhere this does nothing)."""
    _control(PR_SET_CHILD_SUBREAPER, 1)
    _control(PR_SET_DUMPABLE, 0)


@contextmanager
def unshielded() -> Iterator[None]:
    """A moment in which this process may write to its own files in /proc."""
    _control(PR_SET_DUMPABLE, 1)
    try:
        yield
    finally:
        _control(PR_SET_DUMPABLE, 0)


def mark() -> None:
    """Mark this process, a child of the program, and all that it will start (in a sandbox; elsewhere nothing)."""
    own = resource.getrlimit(resource.RLIMIT_RSS)[1]
    if own > 0:
        resource.setrlimit(resource.RLIMIT_RSS, (own - 1, own - 1))


def end_descendants() -> None:
    """End every process below this one or marked by it, and reap it.

    They are stopped before they are killed: what is stopped forks no more.

    Raises:
        TimeoutError: Some could not be ended.
    """
    until = time.monotonic() + SWEEP_SECONDS
    while found := _descendants(os.getpid()):
        for kill in (signal.SIGSTOP, signal.SIGKILL):
            for process in found:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(process, kill)
            if kill is signal.SIGSTOP:
                found |= _descendants(os.getpid())
        _reap()
        if time.monotonic() > until:
            raise TimeoutError(f"{len(found)} processes that a check left running cannot be ended")
        time.sleep(PAUSE_SECONDS)
    _reap()


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _descendants(root: int) -> set[int]:
    """The living processes below `root`, and those that carry a lower mark than it."""
    parents: dict[int, int] = {}
    own = resource.getrlimit(resource.RLIMIT_RSS)[1]
    found: set[int] = set()
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                state, parent = Path("/proc", name, "stat").read_bytes().rpartition(b")")[2].split()[:2]
                if state not in (b"Z", b"X"):
                    parents[int(name)] = int(parent)
                    if own > 0 and 0 <= resource.prlimit(int(name), resource.RLIMIT_RSS)[1] < own:
                        found.add(int(name))
    size = -1
    while len(found) != size:
        size = len(found)
        found |= {process for process, parent in parents.items() if parent == root or parent in found}
    return found


def _control(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):  # no Linux, no such call
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
