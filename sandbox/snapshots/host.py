"""A workspace whose folder lies on this host, read and written without trusting anything in it.

Every step from its root down is opened by name in its folder without following links: whatever a sandbox swaps
meanwhile, nothing outside is read or written.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import os
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from core import Cause, SandboxFault
from sandbox.places import DELIVERABLES
from sandbox.snapshots.keep import SMALL_BYTES, Keeper, Source
from sandbox.snapshots.take import Seen
from sandbox.snapshots.tree import FILE, FOLDER, LINK, LINKED, Row, SnapshotLimits, Tree
from sandbox.trees import AS_FILE, AS_FOLDER, write_all

AS_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
KINDS = {stat.S_IFDIR: FOLDER, stat.S_IFREG: FILE, stat.S_IFLNK: LINK}
ALLOWED = 0o1777
"""What of a mode is put back: no program ever runs as the user that a file of a sandbox belongs to."""

MADE_BY_US = DELIVERABLES.rpartition("/")[2]


class HostHands:
    """Reads and writes the workspace in the folder `root`.

    Args:
        root: Of the workspace.
        owner: The user and group that everything in it belongs to; None: ours.
        covered: Paths below `/job` at which something else is shown, which is not kept.
    """

    def __init__(self, root: Path, owner: int | None, covered: frozenset[str]) -> None:
        self._root, self._owner, self._covered = root, owner, covered

    async def look(self, limits: SnapshotLimits) -> Seen:
        """Everything that lies in the workspace."""
        return await asyncio.to_thread(self._look, limits)

    async def read(self, wanted: Sequence[tuple[str, Row]], keeper: Keeper) -> list[tuple[str, str]]:
        """Give the keeper the bytes of files."""
        return await asyncio.to_thread(self._read, wanted, keeper)

    async def put(self, tree: Tree, source: Source) -> list[tuple[str, str]]:
        """Make all of `tree`.

        Raises:
            SandboxFault: The disk is full.
        """
        try:
            return await asyncio.to_thread(self._put, tree, source)
        except OSError as error:
            cause = Cause.disk_full if error.errno in (errno.ENOSPC, errno.EDQUOT) else Cause.sandbox_start
            raise SandboxFault(cause, f"the workspace cannot be put back: {error}") from error

    # Looking

    def _look(self, limits: SnapshotLimits) -> Seen:
        seen = Seen(now=time.time_ns())
        try:
            with _opened(self._root, AS_FOLDER) as handle:
                _walk(handle, "", 1, seen, limits, self._covered)
        except OSError as error:
            seen.left_out.append((".", f"cannot be read: {error.strerror}"))
            seen.closed.append("")
        return seen

    # Reading

    def _read(self, wanted: Sequence[tuple[str, Row]], keeper: Keeper) -> list[tuple[str, str]]:
        failed: list[tuple[str, str]] = []
        with contextlib.closing(_Folders(self._root)) as folders:
            for path, row in wanted:
                try:
                    folder, name = folders.of(path)
                    with _opened(name, AS_FILE, dir_fd=folder) as handle:
                        _give(handle, path, row, keeper)
                except OSError as error:
                    failed.append((path, f"cannot be read: {error.strerror}"))
        return failed

    # Putting back

    def _put(self, tree: Tree, source: Source) -> list[tuple[str, str]]:
        left_out: list[tuple[str, str]] = []
        rows = sorted(tree.rows.items())
        first: dict[tuple[int, str], str] = {}
        with contextlib.closing(_Folders(self._root)) as folders:
            for kinds in ((FOLDER,), (FILE, LINKED), (LINK,)):
                for path, row in rows:
                    if row.kind not in kinds or (path == MADE_BY_US and row.kind != FOLDER):
                        continue
                    try:
                        folder, name = folders.of(path)
                        twin = first.setdefault((row.inode, row.ref), path) if row.kind == LINKED else path
                        if twin != path:
                            _link(folders, twin, folder, name)
                        else:
                            self._make(folder, name, row, source)
                    except OSError as error:
                        if error.errno in (errno.ENOSPC, errno.EDQUOT):
                            raise
                        left_out.append((path, f"cannot be put back: {error.strerror}"))
            for path, row in reversed(rows):  # from the inside out: making what is in a folder changes its times
                if row.kind == FOLDER:
                    with contextlib.suppress(OSError):
                        folder, name = folders.of(path)
                        with _opened(name, AS_FOLDER, dir_fd=folder) as handle:
                            os.fchmod(handle, row.mode & ALLOWED)
                            _date(handle, row)
        return left_out

    def _make(self, folder: int, name: str, row: Row, source: Source) -> None:
        if row.kind == FOLDER:
            try:
                os.mkdir(name, 0o700, dir_fd=folder)
            except FileExistsError:
                if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                    raise
        elif row.kind == LINK:
            os.symlink(row.ref, name, dir_fd=folder)
            with contextlib.suppress(OverflowError, OSError):
                os.utime(name, ns=(row.mtime, row.mtime), dir_fd=folder, follow_symlinks=False)
        else:
            with _opened(name, AS_NEW, dir_fd=folder) as handle:
                self._fill(handle, row, source)
                self._own(handle)
                os.fchmod(handle, row.mode & ALLOWED)
                _date(handle, row)
            return
        if self._owner is not None:
            os.chown(name, self._owner, self._owner, dir_fd=folder, follow_symlinks=False)

    def _own(self, handle: int) -> None:
        if self._owner is not None:
            os.fchown(handle, self._owner, self._owner)

    def _fill(self, handle: int, row: Row, source: Source) -> None:
        data = source.small(row)
        if data is not None:
            write_all(handle, data)
            return
        with source.large(row).open("rb") as whole, os.fdopen(os.dup(handle), "wb") as sink:
            shutil.copyfileobj(whole, sink, 1 << 20)


class _Folders:
    """Open folders of a workspace. The last one stays open: files of one folder are asked for in a row."""

    def __init__(self, root: Path) -> None:
        self._root, self._path, self._handle = root, "", -1

    def of(self, path: str) -> tuple[int, str]:
        """The open folder that holds `path`, and its name there."""
        above, _, name = path.rpartition("/")
        if self._handle < 0 or above != self._path:
            handle = self.open(above)
            self.close()
            self._path, self._handle = above, handle
        return self._handle, name

    def open(self, path: str) -> int:
        """Another descriptor of the folder `path`, each step opened without following links."""
        handle = os.open(self._root, AS_FOLDER)
        for part in path.split("/") if path else ():
            try:
                inner = os.open(part, AS_FOLDER, dir_fd=handle)
            finally:
                os.close(handle)
            handle = inner
        return handle

    def close(self) -> None:
        """Close the last one."""
        if self._handle >= 0:
            os.close(self._handle)
        self._handle = -1


@contextlib.contextmanager
def _opened(path: Path | str, flags: int, *, dir_fd: int | None = None) -> Iterator[int]:
    handle = os.open(path, flags, 0o600, dir_fd=dir_fd)
    try:
        yield handle
    finally:
        os.close(handle)


def _walk(
    folder: int, below: str, level: int, seen: Seen, limits: SnapshotLimits, covered: frozenset[str]
) -> None:
    with os.scandir(folder) as found:
        entries = sorted(itertools.islice(found, seen.room(limits) + 1), key=lambda entry: entry.name)
    for entry in entries:
        path = below + entry.name
        if path in covered:
            continue
        if seen.room(limits) <= 0:
            seen.full(below, limits)
            return
        try:
            about = entry.stat(follow_symlinks=False)
            kind = KINDS.get(stat.S_IFMT(about.st_mode), "")
            if not kind:
                seen.left_out.append((path, "not a regular file"))
                continue
            target = os.readlink(entry.name, dir_fd=folder) if kind == LINK else ""
            seen.rows[path] = row_of(kind, about, target)
            if kind != FOLDER:
                continue
            if level >= limits.max_depth:
                seen.left_out.append((path, "too deep"))
                continue
            with _opened(entry.name, AS_FOLDER, dir_fd=folder) as inner:
                _walk(inner, path + "/", level + 1, seen, limits, covered)
        except FileNotFoundError:
            continue  # it has just gone
        except OSError as error:
            seen.left_out.append((path, f"cannot be read: {error.strerror}"))
            seen.closed.append(path)


def row_of(kind: str, about: os.stat_result, target: str) -> Row:
    """The row of what a look has found."""
    is_file = kind == FILE
    return Row(
        kind=LINKED if is_file and about.st_nlink > 1 else kind,
        mode=stat.S_IMODE(about.st_mode),
        size=about.st_size if is_file else 0,
        mtime=about.st_mtime_ns,
        ctime=about.st_ctime_ns,
        inode=about.st_ino if is_file else 0,
        ref=target,
    )


def _give(handle: int, path: str, row: Row, keeper: Keeper) -> None:
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        raise OSError(errno.EINVAL, "Not a regular file")
    with os.fdopen(os.dup(handle), "rb") as source:
        if row.size <= SMALL_BYTES:
            keeper.small(path, source.read(row.size))
        else:
            keeper.large(path, source, row.size)


def _link(folders: _Folders, first: str, folder: int, name: str) -> None:
    """Make `name` in `folder` another name of the file `first`."""
    above, _, last = first.rpartition("/")
    source = folders.open(above)
    try:
        os.link(last, name, src_dir_fd=source, dst_dir_fd=folder, follow_symlinks=False)
    finally:
        os.close(source)


def _date(handle: int, row: Row) -> None:
    with contextlib.suppress(OverflowError, OSError):  # a time that this file system does not have
        os.utime(handle, ns=(row.mtime, row.mtime))
