"""A worker beside the review app: a process of its own, which ends with the app.

Reviewing must stay quick while it works, and what happens to a worker (its records are away, its sandboxes break)
must not happen to the app. The two are joined by a pipe: when that closes, by whatever end of the app, the worker
stops, and what it had stays for the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core import UpBenchError
from upbench.cli.output import say

if TYPE_CHECKING:
    from upbench.home import Home

STOP_SECONDS = 15.0
"""Closing its sandboxes may take so long; after that it is killed, and loses nothing by it either."""

PAUSE_SECONDS, LONGEST_SECONDS = 1.0, 60.0
"""Before a worker that ended by itself is started again; doubled each time."""

WRONG = 2
"""Exit code of a worker that would end so again and again: something is wrong with the project's settings."""

NICE = 5
"""Pages come first where both want the processor."""


async def worker_beside(project: Path, slots: int, tell: Callable[[str], None]) -> None:
    """Keep a worker of a project at work until this is cancelled, and end it then.

    Args:
        project: Its folder, an absolute path.
        slots: Rounds at one time.
        tell: Given a line for people where the worker ended by itself.
    """
    pause = PAUSE_SECONDS
    while True:
        try:
            code = await _carried(project, slots)
        except OSError as error:
            why = f"no worker can be started: {error.strerror}"
        else:
            why = f"the worker ended with code {code}"
            if code == WRONG:
                tell(f"{why}: reviewing goes on without one; once it is mended: upbench worker")
                return
        tell(f"{why}; it is tried again in {pause:.0f} s")
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_SECONDS)


async def _carried(project: Path, slots: int) -> int:
    """The exit code of a worker that ended by itself."""
    words = [sys.executable, "-P", "-m", "upbench.beside", str(project), str(slots)]
    # A session of its own: a Ctrl-C in the terminal is the app's to understand.
    process = await asyncio.create_subprocess_exec(*words, stdin=PIPE, stdout=DEVNULL, start_new_session=True)
    try:
        return await process.wait()
    finally:
        await _end(process)


async def _end(process: Process) -> None:
    if process.returncode is None and process.stdin is not None:
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
    if process.returncode is None:
        process.kill()
        await process.wait()


def main() -> int:
    """Be that worker: `python -m upbench.beside PROJECT SLOTS`, until standard input ends. Its exit code."""
    from upbench.home import open_home
    from upbench.settings import load_settings
    from upbench.telemetry.start import observed

    os.nice(NICE)
    shown = logging.StreamHandler()
    shown.setLevel(logging.WARNING)
    shown.setFormatter(logging.Formatter("worker: %(message)s"))
    logging.getLogger("upbench").addHandler(shown)
    try:
        home = open_home(load_settings(sys.argv[1]))
        with observed(home.state, "worker"):
            asyncio.run(_work(home, int(sys.argv[2])))
        home.close()
    except UpBenchError as error:
        say(f"worker: {error}")
        return error.exit_code
    return 0


async def _work(home: Home, slots: int) -> None:
    from upbench.keeping import keeping_blobs
    from upbench.workers import WorkerOrder, serve_rounds

    async with keeping_blobs(home):
        serving = asyncio.ensure_future(serve_rounds(home, WorkerOrder(slots=slots)))
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), serving.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await serving


if __name__ == "__main__":
    sys.exit(main())
