"""First processes of sandboxes whose launcher died before it let them run.

`bwrap` makes the first process, and a moment later gives it the word to go on. Where launcher and harness are
killed between the two, that process waits for ever. It has no file, network or program of the sandbox as yet.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from sandbox.bubblewrap.groups import started


def launched(workspaces: Path) -> Iterator[tuple[str, str]]:
    """The living processes that are still `bwrap` itself, for a workspace in this folder: (id, workspace).

    The id is `PID-START`: no other process ever has it.
    """
    mark = os.fsencode(f"{workspaces}/")
    for name in os.listdir("/proc"):
        words = _command(name) if name.isdigit() else []
        if not words or os.path.basename(words[0]) != b"bwrap":
            continue
        keys = [word.removeprefix(mark) for word in words if word.startswith(mark)]
        start = started(int(name))
        if keys and start:
            yield f"{name}-{start}", os.fsdecode(keys[0])


def end(process: str) -> None:
    """Kill one of `launched`. One that is gone is fine."""
    pid, _, start = process.partition("-")
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(int(pid))
        try:
            if started(int(pid)) == start:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)


def _command(pid: str) -> list[bytes]:
    try:
        return Path("/proc", pid, "cmdline").read_bytes().split(b"\0")
    except OSError:
        return []
