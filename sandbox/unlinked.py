"""Files that a sandbox has removed and still holds: they take room on the disk, and no folder shows them.

Not seen is what is on its way through a socket at the moment of looking, and, by a harness that is not root, what
is mapped and no longer open.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from sandbox.protocol import SandboxLimits
from sandbox.watch import BLOCK, Usage, folder_usage


def workspace_usage(root: Path, first: int, limits: SandboxLimits) -> Usage:
    """What a workspace takes, with the removed files that the sandbox's processes hold open or mapped.

    Args:
        root: The workspace's folder.
        first: The first process of the sandbox, on the host.
        limits: The count stops once one of them is passed.

    Raises:
        OSError: `root` cannot be opened.
    """
    found = folder_usage(root, limits)
    device = os.stat(root).st_dev
    seen: set[int] = set()
    for pid in family(first):
        for path in _held(pid):
            if found.problem(limits):
                return found
            try:
                about = os.stat(path)
            except OSError:
                continue
            if about.st_nlink == 0 and about.st_dev == device and about.st_ino not in seen:
                seen.add(about.st_ino)
                found.entries += 1
                found.bytes += about.st_blocks * BLOCK
    return found


def family(first: int) -> Iterator[int]:
    """A process and all that descend from it. In a pid namespace whose first it is, that is all there are."""
    waiting = [first]
    while waiting:
        pid = waiting.pop()
        yield pid
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                waiting += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_bytes().split())
        except OSError:
            continue


def _held(pid: int) -> Iterator[str]:
    """Paths that lead to the files that a process has open, and to the removed ones that it has mapped."""
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in entries:
                yield entry.path
        for line in Path(f"/proc/{pid}/maps").read_bytes().splitlines():
            if line.endswith(b" (deleted)"):
                yield f"/proc/{pid}/map_files/{_plain(line)}"
    except OSError:
        return


def _plain(line: bytes) -> str:
    """The addresses of a line of `maps`, as `map_files` names them: without leading zeros."""
    start, _, end = line.split(None, 1)[0].decode().partition("-")
    return f"{int(start, 16):x}-{int(end, 16):x}"
