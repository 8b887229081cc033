"""The yardstick: a bare `bwrap ... python3 -S -c pass`, as often and as many at a time as the trials."""

from __future__ import annotations

import asyncio
import time

_FOLDERS = "--ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64"
_SYSTEM = "--proc /proc --dev /dev --tmpfs /tmp"
_PROGRAM = "/usr/bin/python3 -S -c pass"
ARGUMENTS = tuple(f"bwrap --unshare-all --die-with-parent {_FOLDERS} {_SYSTEM} {_PROGRAM}".split())


async def bare_rate(count: int, concurrency: int) -> float:
    """Bare sandboxes started and ended a second."""
    numbers = iter(range(count))

    async def worker() -> None:
        for _ in numbers:
            process = await asyncio.create_subprocess_exec(*ARGUMENTS)
            if await process.wait() != 0:
                raise RuntimeError("a bare bwrap does not start here")

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return count / (time.perf_counter() - began)
