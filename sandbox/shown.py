"""Host folders that a sandbox sees read-only: its user is not ours, so all in them must be readable by all."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import stat
from pathlib import Path

from core import BadInput


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


def _open_to_all(about: os.stat_result) -> bool:
    needed = 0o5 if stat.S_ISDIR(about.st_mode) else 0o4
    return stat.S_ISLNK(about.st_mode) or about.st_mode & needed == needed


def _copy(source: Path, target: Path) -> None:
    fresh = target.parent.with_name(f".{target.parent.name}.{os.getpid()}.{secrets.token_hex(4)}")
    inner = fresh / target.name
    fresh.mkdir(parents=True)
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
