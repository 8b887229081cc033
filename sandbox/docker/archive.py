"""A folder of a container, as the engine's archive streams it: read without trusting anything in it.

The engine writes a tar stream in the order of names. Regular files are copied out under the caps; a second name
of a file (a hard link) is a copy of the first; everything else is left out and named, except sockets, which no
tar can hold. A file that is not taken is read over, within a bound: a sparse one costs its whole length.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sandbox.protocol import MIB, Taken, TreeLimits
from sandbox.trees import CHUNK, Picker, create_below, drop_below, write_all

BLOCK = 512
MAX_HEADER = MIB  # of a long name and its kind; the kernel allows attributes of 64 kB
SKIPPED_LEAST = 1024 * MIB
REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE)
BARE = (tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE)


class BrokenArchive(OSError):
    """The stream ended in the middle, or is no archive."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a tar says of one name. `parts` are the steps below the archive's folder."""

    kind: bytes
    parts: tuple[str, ...]
    size: int
    link: str

    @property
    def name(self) -> str:
        """The path below the archive's folder."""
        return "/".join(self.parts)


class Stream:
    """Bytes of the engine, in the amounts that a tar has them."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._box = parts, memoryview(b"")

    def some(self, most: int) -> memoryview:
        """At least one byte, at most `most`.

        Raises:
            BrokenArchive: There are no more.
        """
        while not self._box:
            part = next(self._parts, None)
            if part is None:
                raise BrokenArchive("the engine's archive ended in the middle")
            self._box = memoryview(part)
        found, self._box = self._box[:most], self._box[most:]
        return found

    def exactly(self, size: int) -> bytes:
        """`size` bytes."""
        found = bytearray()
        while len(found) < size:
            found += self.some(size - len(found))
        return bytes(found)

    def over(self, size: int, copy: Callable[[memoryview], None] | None = None) -> None:
        """Go over the `size` bytes of a file and what fills its last block, giving its bytes to `copy`."""
        left = size
        while left:
            data = self.some(min(left, CHUNK))
            left -= len(data)
            if copy:
                copy(data)
        self.exactly(-size % BLOCK)


def entries(stream: Stream) -> Iterator[Entry]:
    """The entries of a tar; the caller goes over the bytes of each before it asks for the next.

    Raises:
        BrokenArchive: It is none, or ends before its end mark.
    """
    said: dict[bytes, bytes] = {}
    while True:
        block = stream.exactly(BLOCK)
        if not any(block):
            return
        try:
            head = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise BrokenArchive("the engine's archive is no tar") from error
        if head.type in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
            if not 0 <= head.size <= MAX_HEADER:
                raise BrokenArchive("the engine's archive has a header that is too long")
            data = stream.exactly(head.size)
            stream.exactly(-head.size % BLOCK)
            if head.type == tarfile.XHDTYPE:
                said.update(_records(data))
            elif head.type != tarfile.XGLTYPE:
                said[b"path" if head.type == tarfile.GNUTYPE_LONGNAME else b"linkpath"] = data.rstrip(b"\0")
            continue
        yield _entry(head, said)
        said = {}


def _records(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The records of an extended header: `length key=value` and a line feed each."""
    at = 0
    while at < len(data):
        number, _, _ = data[at : at + 12].partition(b" ")
        if not number.isdigit() or not len(number) + 3 <= int(number) <= len(data) - at:
            raise BrokenArchive("the engine's archive has a header that is none")
        key, _, value = data[at + len(number) + 1 : at + int(number) - 1].partition(b"=")
        yield key, value
        at += int(number)


def _entry(head: tarfile.TarInfo, said: dict[bytes, bytes]) -> Entry:
    name = os.fsdecode(said[b"path"]) if b"path" in said else head.name
    link = os.fsdecode(said[b"linkpath"]) if b"linkpath" in said else head.linkname
    size = head.size
    if b"size" in said:
        if not said[b"size"].isdigit():
            raise BrokenArchive("the engine's archive has a size that is none")
        size = int(said[b"size"])
    if head.type in BARE:
        size = 0
    if size < 0:
        raise BrokenArchive("the engine's archive has a size that is none")
    return Entry(head.type, tuple(name.rstrip("/").split("/")[1:]), size, "/".join(link.split("/")[1:]))


def unpack(parts: Iterator[bytes], target: Path, limits: TreeLimits) -> Taken:
    """Copy the regular files of the folder that the archive `parts` holds into the host folder `target`.

    Raises:
        NotADirectoryError: It holds something else, such as a link.
        BrokenArchive: The stream is no archive, or ended in the middle.
        OSError: The host cannot write.
    """
    return _Unpacking(Stream(parts), target, limits).taken()


class _Unpacking:
    """One archive on its way into a folder."""

    def __init__(self, stream: Stream, target: Path, limits: TreeLimits) -> None:
        self._stream, self._target, self._limits = stream, target, limits
        self._picker = Picker(limits)
        self._sizes: dict[str, int] = {}  # of what was taken
        self._skip = max(4 * limits.max_total_bytes, SKIPPED_LEAST)

    def taken(self) -> Taken:
        """Go through the whole archive."""
        found = entries(self._stream)
        first = next(found, None)
        if first is None or first.kind != tarfile.DIRTYPE or first.parts:
            raise NotADirectoryError(20, "Not a directory")
        self._target.mkdir(parents=True, exist_ok=True)
        most = self._limits.max_files * 4 + 64
        for number, entry in enumerate(found):
            if number >= most:
                self._picker.leave("...", "more entries than are looked at")
                break
            if not self._see(entry):
                break
        return self._picker.taken()

    def _see(self, entry: Entry) -> bool:
        """Take an entry or leave it out; whether to go on."""
        depth = len(entry.parts)
        if depth > self._limits.max_depth:
            return self._over(entry)  # its folder was named as too deep
        if entry.kind == tarfile.DIRTYPE:
            if depth == self._limits.max_depth:
                self._picker.leave(entry.name, "too deep")
        elif entry.kind == tarfile.LNKTYPE:
            self._link(entry)
        elif entry.kind not in REGULAR:
            self._picker.leave(entry.name, "a link" if entry.kind == tarfile.SYMTYPE else "not a regular file")
            return self._over(entry)
        elif self._picker.wants(entry.name, entry.size):
            self._copy(entry)
        else:
            return self._over(entry)
        return True

    def _over(self, entry: Entry) -> bool:
        self._skip -= entry.size
        if self._skip < 0:
            self._picker.leave("...", "what follows was not looked at: too much is in files that are left out")
            return False
        self._stream.over(entry.size)
        return True

    def _copy(self, entry: Entry) -> None:
        sink = create_below(self._target, entry.name)
        with ExitStack() as undo:
            undo.callback(drop_below, self._target, entry.name)
            try:
                self._stream.over(entry.size, lambda data: write_all(sink, bytes(data)))
            finally:
                os.close(sink)
            undo.pop_all()
        self._note(entry.name, entry.size)

    def _link(self, entry: Entry) -> None:
        size = self._sizes.get(entry.link)
        if size is None:
            self._picker.leave(entry.name, "another name of a file that was left out")
        elif self._picker.wants(entry.name, size):
            sink = create_below(self._target, entry.name)
            try:
                with (self._target / entry.link).open("rb") as source:
                    while data := source.read(CHUNK):
                        write_all(sink, data)
            finally:
                os.close(sink)
            self._note(entry.name, size)

    def _note(self, name: str, size: int) -> None:
        self._sizes[name] = size
        self._picker.take(name, size)
