"""Runs work in a child process that may hang, crash or eat memory without harming the rest."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .alone import end_descendants, mark, unshielded

CHILD_MEMORY = 3 << 30
MAX_LINE = 4 << 20


@dataclass
class Died:
    """The child ended before its next answer: `why` says how."""

    why: str


def answers(work: Callable[[], Iterator[Any]], seconds: float, until: float) -> Iterator[Any]:
    """What `work` yields in a child process, as it comes; at last a `Died` if it did not finish.

    Args:
        work: A generator of JSON values.
        seconds: The longest wait for each of them.
        until: `time.monotonic()` at which all must be over.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _child(work, writer)
    os.close(writer)
    buffer = b""
    try:
        while True:
            deadline = min(time.monotonic() + seconds, until)
            while b"\n" not in buffer:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([reader], [], [], left)[0]:
                    late = time.monotonic() >= until
                    yield Died("the time for all was used up" if late else f"it took longer than {seconds:.0f} s")
                    return
                chunk = os.read(reader, 1 << 16)
                if not chunk:
                    yield Died("its process ended before it answered (out of memory, or it crashed)")
                    return
                buffer += chunk
                if len(buffer) > MAX_LINE:
                    yield Died("its answer is too large")
                    return
            line, _, buffer = buffer.partition(b"\n")
            if line == b"done":
                return
            yield json.loads(line)
    finally:
        os.close(reader)
        _end(child)


def _end(child: int) -> None:
    # The child leads its own group; what has left that is swept up as an orphan.
    for stop in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            stop(child, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(child, 0)
    end_descendants()


def _child(work: Callable[[], Iterator[Any]], writer: int) -> None:
    status = 1
    try:
        os.setsid()
        mark()
        _limit()
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        for answer in work():
            _send(writer, json.dumps(answer).encode() + b"\n")
        _send(writer, b"done\n")
        status = 0
    except BaseException:  # noqa: BLE001, S110 - a child reports by its answers alone; the parent sees it end
        pass
    finally:
        os._exit(status)


def _send(writer: int, data: bytes) -> None:
    while data:
        data = data[os.write(writer, data) :]


def _limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    bound = CHILD_MEMORY if hard == resource.RLIM_INFINITY else min(CHILD_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (bound if soft == resource.RLIM_INFINITY else min(soft, bound), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Should memory run out for all, the kernel ends the child and not the program that reports on it.
    with unshielded(), contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as stream:
        stream.write("1000")
