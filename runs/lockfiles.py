"""Files that a process holds while it lives, and that others may ask about without touching them.

The locks are those of open files (`F_OFD_SETLK`): the system lets go of them with the process, however it ends. Of
each file two bytes are locked:

- the first by whoever holds it, for as long as that lasts;
- the second for moments, by whoever takes the file, or removes one that a dead process left. Who takes it waits
  for that: nobody who only looks, or clears away, is ever thought to hold it.
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path

_FLOCK = "@hhqqi0q"  # struct flock of 64-bit Linux: type, whence, start, length, pid
_TYPE = 0
_HOLDER, _TURN = 0, 1


def hold_lock(path: Path) -> int | None:
    """A handle that holds the file, made where it is not there; None where somebody else holds it.

    Raises:
        OSError: It cannot be made or opened.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        taken = False
        try:
            _lock(handle, _TURN, wait=True)
            taken = _lock(handle, _HOLDER)
            if not taken:
                return None
            if _is_there(handle, path):
                _unlock(handle, _TURN)
                return handle
            taken = False  # what we hold was removed by its last holder in this very moment
        finally:
            if not taken:
                os.close(handle)


def give_lock(path: Path, handle: int) -> None:
    """Let go of a file that is held by `handle`, and remove it."""
    path.unlink(missing_ok=True)
    os.close(handle)


def is_held(path: Path) -> bool:
    """Whether somebody holds the file. Nothing is locked for it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _HOLDER, 1, 0)
        said = fcntl.fcntl(handle, fcntl.F_OFD_GETLK, asked)
        return bool(struct.unpack(_FLOCK, said)[_TYPE] != fcntl.F_UNLCK)
    finally:
        os.close(handle)


def clear_lock(path: Path) -> None:
    """Remove the file if nobody holds it."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        # Where another has its turn, the file is just being taken, or removed.
        if _lock(handle, _TURN) and not is_held(path) and _is_there(handle, path):
            path.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _lock(handle: int, byte: int, *, wait: bool = False) -> bool:
    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
    try:
        fcntl.fcntl(handle, fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK, asked)
    except BlockingIOError:
        return False
    return True


def _unlock(handle: int, byte: int) -> None:
    fcntl.fcntl(handle, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, fcntl.F_UNLCK, os.SEEK_SET, byte, 1, 0))


def _is_there(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except FileNotFoundError:
        return False
