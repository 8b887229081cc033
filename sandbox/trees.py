"""Folders of a sandbox as the host handles them: taken out and removed without trusting anything in them."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from pathlib import Path

from core import LeftOut
from sandbox.places import name_problem, shown
from sandbox.protocol import Taken, TreeLimits

CHUNK = 1 << 20
MAX_LEFT_OUT = 200
AS_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
AS_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class Picker:
    """Keeps the books of what is taken and what is left out, under the caps."""

    def __init__(self, limits: TreeLimits) -> None:
        self._limits = limits
        self._files: set[str] = set()
        self._left: list[LeftOut] = []
        self._more = self._bytes = 0

    def wants(self, name: str, size: int) -> bool:
        """Whether to take a regular file of `size` bytes; if not, it is noted why."""
        limits = self._limits
        why = "named twice" if name in self._files else name_problem(name)
        if why is None and len(self._files) >= limits.max_files:
            why = f"more than {limits.max_files} files"
        if why is None and size > limits.max_file_bytes:
            why = f"larger than {limits.max_file_bytes} bytes"
        if why is None and size > limits.max_total_bytes - self._bytes:
            why = f"all files together are larger than {limits.max_total_bytes} bytes"
        if why:
            self.leave(name, why)
        return why is None

    def room(self) -> int:
        """Bytes that the next file may have."""
        return min(self._limits.max_file_bytes, self._limits.max_total_bytes - self._bytes)

    def take(self, name: str, size: int) -> None:
        """Note a file that was copied."""
        self._files.add(name)
        self._bytes += size

    def leave(self, name: str, why: str) -> None:
        """Note what was left out."""
        if len(self._left) < MAX_LEFT_OUT:
            self._left.append(LeftOut(path=shown(name), why=why))
        else:
            self._more += 1

    def taken(self) -> Taken:
        """The books, closed."""
        left = self._left
        if self._more:
            left = [*left, LeftOut(path="...", why=f"{self._more} more")]
        return Taken(files=tuple(sorted(self._files)), left_out=tuple(left))


def create_below(target: Path, name: str) -> int:
    """A new file `name` below `target`, open for writing; a file that an earlier copy left there is replaced."""
    path = target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)


def drop_below(target: Path, name: str) -> None:
    """Remove a copy that was begun and is not wanted; nothing there is fine."""
    with contextlib.suppress(OSError):
        (target / name).unlink()


def collect_tree(root: Path, below: str, target: Path, limits: TreeLimits) -> Taken:
    """Copy the regular files of the folder `root/below` to the host folder `target`.

    Every step from `root` down is opened by name in its folder without following links, so that whatever a
    sandbox swaps meanwhile, nothing outside `root` is read and nothing outside `target` is written.

    Raises:
        FileNotFoundError: The folder is not there. OSError: It is a link or no folder.
    """
    picker = Picker(limits)
    target.mkdir(parents=True, exist_ok=True)
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in Path(below).parts:
            inner = os.open(part, AS_FOLDER, dir_fd=handle)
            os.close(handle)
            handle = inner
        budget = itertools.count()
        _walk(handle, "", 0, target, limits, picker, budget)
    finally:
        os.close(handle)
    return picker.taken()


def _walk(
    folder: int,
    below: str,
    level: int,
    target: Path,
    limits: TreeLimits,
    picker: Picker,
    budget: itertools.count[int],
) -> None:
    most = limits.max_files * 4 + 64
    with os.scandir(folder) as found:
        names = sorted(entry.name for entry in itertools.islice(found, most + 1))
    for name in names:
        if next(budget) >= most:
            picker.leave(below or ".", "more entries than are looked at")
            return
        path = below + name
        try:
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode) and level + 1 < limits.max_depth:
                inner = os.open(name, AS_FOLDER, dir_fd=folder)
                try:
                    _walk(inner, path + "/", level + 1, target, limits, picker, budget)
                finally:
                    os.close(inner)
            elif stat.S_ISDIR(mode):
                picker.leave(path, "too deep")
            elif stat.S_ISLNK(mode):
                picker.leave(path, "a link")
            elif not stat.S_ISREG(mode):
                picker.leave(path, "not a regular file")
            else:
                _copy(folder, name, path, target, picker)
        except OSError as error:
            picker.leave(path, f"cannot be read: {error.strerror}")


def _copy(folder: int, name: str, path: str, target: Path, picker: Picker) -> None:
    source = os.open(name, AS_FILE, dir_fd=folder)
    try:
        now = os.fstat(source)
        if not stat.S_ISREG(now.st_mode):
            picker.leave(path, "not a regular file")
            return
        if not picker.wants(path, now.st_size):
            return
        room = picker.room()
        sink = create_below(target, path)
        try:
            got = 0
            while got <= room and (data := os.read(source, min(CHUNK, room + 1 - got))):
                write_all(sink, data)
                got += len(data)
        except OSError:
            drop_below(target, path)
            raise
        finally:
            os.close(sink)
        if got > room:
            drop_below(target, path)
            picker.leave(path, "it grew over the size cap")
        else:
            picker.take(path, got)
    finally:
        os.close(source)


def write_all(handle: int, data: bytes) -> None:
    """Write every byte of `data` to a descriptor."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def remove_tree(root: Path) -> None:
    """Remove a folder that a sandbox wrote: however deep, whatever its modes; no link is followed.

    Nested folders are moved up before they are emptied, so depth costs neither recursion nor descriptors.
    """
    try:
        handle = os.open(root, AS_FOLDER)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        with contextlib.suppress(NotADirectoryError):  # what should hold it is a file, so it is not there
            root.unlink()
        return
    try:
        os.fchmod(handle, 0o700)
        fresh = itertools.count()
        while folders := _empty(handle, handle, fresh):
            for name in folders:
                inner = os.open(name, AS_FOLDER, dir_fd=handle)
                try:
                    _empty(inner, handle, fresh)
                finally:
                    os.close(inner)
                os.rmdir(name, dir_fd=handle)
    finally:
        os.close(handle)
    root.rmdir()


def _empty(folder: int, top: int, fresh: itertools.count[int]) -> list[str]:
    """Unlink the files of `folder`; its folders are moved to `top` (or, of `top` itself, named)."""
    folders = []
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
            continue
        os.chmod(name, 0o700, dir_fd=folder)
        if folder == top:
            folders.append(name)
            continue
        while True:
            try:
                os.rename(name, f".removed-{next(fresh)}", src_dir_fd=folder, dst_dir_fd=top)
                break
            except FileExistsError:
                continue
    return folders
