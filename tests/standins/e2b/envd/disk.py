"""What the file services do on the disk, with envd's errors. envd is root: it may do everything in its sandbox."""

from __future__ import annotations

import os
import shutil

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from e2b.envd.filesystem import filesystem_pb as pb

from tests.standins.e2b.envd.entries import entry
from tests.standins.e2b.envd.users import User


def found(path: str) -> pb.EntryInfo:
    """What lies at a path."""
    if not os.path.lexists(path):
        raise ConnectError(Code.NOT_FOUND, f"file not found: lstat {path}: no such file or directory")
    return entry(path)


def folder(path: str) -> str:
    """The path, if a folder is there."""
    if not os.path.lexists(path):
        raise ConnectError(Code.NOT_FOUND, f"path not found: lstat {path}: no such file or directory")
    if not os.path.isdir(path):
        raise ConnectError(Code.INVALID_ARGUMENT, f"path is not a directory: {path}")
    return path


def make(user: User, path: str) -> pb.EntryInfo:
    """Make a folder and what is missing above it."""
    if os.path.isdir(path):
        raise ConnectError(Code.ALREADY_EXISTS, f"directory already exists: {path}")
    if os.path.lexists(path):
        raise ConnectError(Code.INVALID_ARGUMENT, f"path already exists but it is not a directory: {path}")
    try:
        user.make_folders(path)
    except OSError as error:
        raise ConnectError(Code.INTERNAL, f"error creating directory: {error}") from error
    return entry(path)


def move(user: User, source: str, target: str) -> pb.EntryInfo:
    """Rename, making what is missing above the new name."""
    if not os.path.lexists(source):
        raise ConnectError(Code.NOT_FOUND, f"source file not found: rename {source} {target}")
    try:
        user.make_folders(os.path.dirname(target))
        os.rename(source, target)
    except OSError as error:
        raise ConnectError(Code.INTERNAL, f"error renaming: {error}") from error
    return entry(target)


def remove(path: str) -> None:
    """Remove a file or a whole folder; what is not there is no error."""
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.remove(path)
    except OSError as error:
        raise ConnectError(Code.INTERNAL, f"error removing file or directory: {error}") from error


def listed(top: str, depth: int) -> list[pb.EntryInfo]:
    """What lies in a folder, and in folders in it, `depth` levels deep."""
    rows: list[pb.EntryInfo] = []
    for name in sorted(os.listdir(top)):
        path = os.path.join(top, name)
        rows.append(entry(path))
        if depth > 1 and os.path.isdir(path) and not os.path.islink(path):
            rows.extend(listed(path, depth - 1))
    return rows


class Watch:
    """Compares a folder with what it was."""

    def __init__(self, path: str) -> None:
        self._folder = folder(path)
        self._seen = self._look()

    def _look(self) -> dict[str, int]:
        try:
            return {one.name: one.stat(follow_symlinks=False).st_mtime_ns for one in os.scandir(self._folder)}
        except FileNotFoundError:
            return {}

    def changes(self) -> list[pb.FilesystemEvent]:
        """What was made, written and removed since the last look."""
        now, before = self._look(), self._seen
        self._seen = now
        told: list[tuple[str, pb.EventType]] = []
        for name, when in now.items():
            if name not in before:
                told.append((name, pb.EventType.CREATE))
            if before.get(name) != when:
                told.append((name, pb.EventType.WRITE))
        told.extend((name, pb.EventType.REMOVE) for name in before.keys() - now.keys())
        return [pb.FilesystemEvent(name=name, type=kind) for name, kind in told]
