"""Host folders that a sandbox sees read-only: its user is not ours, so all in them must be readable by all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import stat
import time
from pathlib import Path

from core import BadInput
from sandbox.trees import remove_tree

AS_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
BEING_MADE_SECONDS = 3600.0


class Shown:
    """What is shown to one sandbox: copies among it stay as long as it is open, or its harness lives."""

    def __init__(self, copies: Path) -> None:
        self._copies = copies
        self._held: list[int] = []

    def path(self, source: Path) -> Path:
        """`source` itself, or the copy of it that every user may read.

        Raises:
            BadInput: There is no such file or folder.
        """
        while True:
            path = readable(source, self._copies)
            if not path.is_relative_to(self._copies):
                return path
            handle = _held(path.parent)
            if handle >= 0:
                self._held.append(handle)
                return path

    def close(self) -> None:
        """Let go of the copies. Twice is fine."""
        while self._held:
            os.close(self._held.pop())


def readable(source: Path, copies: Path) -> Path:
    """`source` itself when every user may read all of it, else a copy of it under `copies` that they may.

    Raises:
        BadInput: There is no such file or folder.
    """
    path = source.absolute()
    if not path.exists():
        raise BadInput("no such file or folder", file=source)
    listed = [(entry, entry.lstat()) for entry in (path, *(sorted(path.rglob("*")) if path.is_dir() else ()))]
    if os.geteuid() != 0 or all(_open_to_all(about) for _, about in listed):
        return path
    marks = [f"{entry} {about.st_mtime_ns} {about.st_size} {about.st_ino}" for entry, about in listed]
    digest = hashlib.sha256("\0".join(marks).encode("utf-8", "surrogateescape")).hexdigest()[:24]
    target = copies / digest / path.name
    if not target.exists():
        _copy(path, target)
    return target


def copies_in(copies: Path) -> dict[str, bool]:
    """Name of a copy under `copies` -> whether a sandbox that is open uses it (or it is being made)."""
    try:
        names = sorted(os.listdir(copies))
    except FileNotFoundError:
        return {}
    return {name: _in_use(copies / name) for name in names}


def remove_copy(copies: Path, name: str) -> bool:
    """Remove a copy that no open sandbox uses; whether it is gone."""
    folder = copies / name
    try:
        handle = os.open(folder, AS_FOLDER)
    except FileNotFoundError:
        return True
    try:
        if _young(folder):
            return False
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # whoever wants it now waits, and then makes it anew
        remove_tree(folder)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


def _held(folder: Path) -> int:
    """A lock on a copy that keeps it there; -1 where it was removed in this very moment."""
    try:
        handle = os.open(folder, AS_FOLDER)
    except FileNotFoundError:
        return -1
    fcntl.flock(handle, fcntl.LOCK_SH)
    try:
        if os.path.samestat(os.fstat(handle), os.stat(folder)):
            return handle
    except FileNotFoundError:
        pass
    os.close(handle)
    return -1


def _in_use(folder: Path) -> bool:
    try:
        handle = os.open(folder, AS_FOLDER)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return _young(folder)


def _young(folder: Path) -> bool:
    """Whether it may be in the making still."""
    try:
        return folder.name.startswith(".") and time.time() - folder.stat().st_mtime < BEING_MADE_SECONDS
    except FileNotFoundError:
        return False


def _open_to_all(about: os.stat_result) -> bool:
    needed = 0o5 if stat.S_ISDIR(about.st_mode) else 0o4
    return stat.S_ISLNK(about.st_mode) or about.st_mode & needed == needed


def _copy(source: Path, target: Path) -> None:
    fresh = target.parent.with_name(f".{target.parent.name}.{os.getpid()}.{secrets.token_hex(4)}")
    inner = fresh / target.name
    # What its owner keeps to himself is shown to the sandbox, and not to this machine's other users.
    fresh.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh.mkdir()
    if source.is_dir():
        shutil.copytree(source, inner, symlinks=True)
    else:
        shutil.copyfile(source, inner)
    for path in (inner, *inner.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    try:
        fresh.rename(target.parent)
    except OSError:
        shutil.rmtree(fresh)
