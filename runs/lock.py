"""What one process holds while it lives: a run, and a folder for files on their way.

Both are held by a lock of the system, which goes with the process however it ends. What is found unheld was left
by a process that died.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core import BadInput
from runs.lockfiles import clear_lock, give_lock, hold_lock

LOCK = ".lock"
WAIT_SECONDS = 5.0


@contextmanager
def only_one(run_id: str, folder: Path) -> Iterator[None]:
    """Hold the run for the length of the block: two processes would pay for everything twice.

    Args:
        run_id: Whole id of the run.
        folder: Where the lock file lies, `<run_id>.lock`; made where it is not there.

    Raises:
        BadInput: Another process is at it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{run_id}{LOCK}"
    handle = hold_lock(file)
    if handle is None:
        what = f"another process is executing run {run_id}"
        raise BadInput(what, field="RUN", mend="wait for it, or stop it first")
    try:
        yield
    finally:
        give_lock(file, handle)


@contextmanager
def own_folder(folder: Path) -> Iterator[Path]:
    """A folder that is held for the length of the block, and removed at its end.

    Raises:
        BadInput: It is held by somebody else, and stays so.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = _hold_folder(folder)
        if handle is not None:
            break
        if time.monotonic() > deadline:
            raise BadInput("another process is using this folder", file=folder, mend="wait for it")
        time.sleep(0.01)  # a sweep that came between making and holding it
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


@contextmanager
def left_behind(folder: Path) -> Iterator[bool]:
    """Whether the process whose own folder this was is dead; if so it is held for the length of the block."""
    try:
        handle = _hold_folder(folder)
    except OSError:
        handle = None
    try:
        yield handle is not None
    finally:
        if handle is not None:
            os.close(handle)


def sweep(folder: Path) -> None:
    """Remove the own folders and the locks of dead processes that lie in `folder`."""
    for entry in list(folder.iterdir()) if folder.is_dir() else ():
        if entry.is_dir() and not entry.is_symlink():
            with left_behind(entry) as dead:
                if dead:
                    shutil.rmtree(entry, ignore_errors=True)
        elif entry.suffix == LOCK:
            clear_lock(entry)


def _hold_folder(path: Path) -> int | None:
    """A handle that holds a folder; None where it is not there, or somebody else holds it. Raises OSError."""
    while True:
        try:
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), os.lstat(path)):
                return handle
        except BlockingIOError:
            os.close(handle)
            return None
        except FileNotFoundError:
            pass
        os.close(handle)  # what we hold was removed by its last holder in this very moment
