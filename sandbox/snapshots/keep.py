"""Where the bytes of a snapshot go: large files are blobs, and the small ones of one snapshot lie in packs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from core import Blobs, Cause, StoreFault, sha256_bytes
from sandbox.snapshots.tree import Row, Tree

SMALL_BYTES = 64 * 1024
"""A file up to this size goes into a pack: a blob for each of thousands of small files takes for ever."""

PACK_BYTES = 8 << 20
INLINE_BYTES = 8 * 1024
"""A pack up to this size is written down with the snapshot itself."""


class Keeper:
    """Takes in files, one after the other.

    Attributes:
        refs: By path: where the bytes of a file are, and how many there were.
        packs: Small packs by sha256, to be written down; the others are among the blobs when `end` returns.
        stored: Bytes that went into packs and blobs.
    """

    def __init__(self, store: Blobs, before: Tree) -> None:
        self.refs: dict[str, tuple[str, int]] = {}
        self.packs: dict[str, bytes] = {}
        self.stored = 0
        self._store, self._before = store, before
        self._pack = bytearray()
        self._waiting: list[tuple[str, int, int, str]] = []
        self._closed = 0

    def small(self, path: str, data: bytes) -> None:
        """A file of at most `SMALL_BYTES`."""
        check = hashlib.blake2b(data, digest_size=16).hexdigest()
        known = self._before.rows.get(path)
        if known is not None and known.check == check and known.size == len(data):
            self.refs[path] = (known.ref, known.size)
            return
        if len(self._pack) + len(data) > PACK_BYTES:
            self._close_pack()
        self._waiting.append((path, len(self._pack), len(data), check))
        self._pack += data

    def large(self, path: str, source: BinaryIO, most: int) -> None:
        """A file, of which `most` bytes are read: it may be growing. Waits.

        Raises:
            OSError: It cannot be read. StoreFault: It cannot be kept.
        """
        capped = _Capped(source, most)
        sha256 = self._store.put_stream(cast(BinaryIO, capped))
        self.refs[path] = (sha256, capped.got)
        self.stored += capped.got

    def end(self) -> None:
        """Put away what is still waiting. Waits."""
        if self._waiting:
            self._close_pack(inline=not self._closed and len(self._pack) <= INLINE_BYTES)

    def _close_pack(self, *, inline: bool = False) -> None:
        data = bytes(self._pack)
        sha256 = sha256_bytes(data) if inline else self._store.put_bytes(data)
        if inline:
            self.packs[sha256] = data
        self._closed += 1
        self.stored += len(data)
        for path, offset, size, check in self._waiting:
            self.refs[path] = (f"{sha256}:{offset}:{check}", size)
        self._waiting.clear()
        self._pack.clear()


class _Capped:
    """The first `most` bytes of a file."""

    def __init__(self, source: BinaryIO, most: int) -> None:
        self._source, self._left, self.got = source, most, 0

    def read(self, size: int) -> bytes:
        data = self._source.read(min(size, self._left))
        self._left -= len(data)
        self.got += len(data)
        return data


class Source:
    """The bytes of what a tree holds."""

    def __init__(self, tree: Tree, fetch: Callable[[str], Path]) -> None:
        self._packs, self._fetch = tree.packs, fetch
        self._last = ("", b"")

    def small(self, row: Row) -> bytes | None:
        """The bytes of a file that lies in a pack; None for another. Waits.

        Raises:
            StoreFault: They are missing or damaged.
        """
        if not row.check:
            return None
        sha256, offset, check = row.ref.split(":")
        start = int(offset)
        data = self._of_pack(sha256)[start : start + row.size]
        if hashlib.blake2b(data, digest_size=16).hexdigest() != check:
            raise StoreFault(Cause.store_damaged, f"the pack {sha256} of a snapshot is damaged")
        return data

    def large(self, row: Row) -> Path:
        """A file with the bytes of a blob. Waits.

        Raises:
            StoreFault: It is missing or damaged.
        """
        return self._fetch(row.blob)

    def _of_pack(self, sha256: str) -> bytes:
        if sha256 in self._packs:
            return self._packs[sha256]
        if self._last[0] != sha256:
            self._last = (sha256, self._fetch(sha256).read_bytes())
        return self._last[1]
