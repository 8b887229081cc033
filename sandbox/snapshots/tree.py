"""What is known of a workspace: its folders, files and links, and how that is written down.

Only what changed is written down, so the whole of it is the sum of all that was written down so far.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from core import Cause, Frozen, StoreFault, sha256_bytes

Json = dict[str, Any]

FOLDER, FILE, LINKED, LINK = "d", "f", "h", "l"
SHOWN_LEFT_OUT = 20


class SnapshotLimits(Frozen):
    """Caps on what of `/job` is kept; what exceeds them is left out and named.

    Attributes:
        max_total_bytes: Of all files, each name of a file counted.
    """

    max_entries: int = 50_000
    max_file_bytes: int = 1 << 30
    max_total_bytes: int = 4 << 30
    max_depth: int = 64


class Row(NamedTuple):
    """One name in `/job`. There may be tens of thousands, looked at after each tool call.

    Attributes:
        kind: `d` folder, `f` file, `h` file that has other names too, `l` symbolic link.
        mode: Permissions.
        size: Bytes.
        mtime: Nanoseconds.
        ref: Of a link its target; of a file `<sha256>` (a blob) or `<sha256>:<offset>:<check>` (part of a pack).
        ctime: Nanoseconds; 0 where the bytes may have changed without being told by it.
        inode: Names of one file have the same.
    """

    kind: str
    mode: int
    size: int
    mtime: int
    ref: str
    ctime: int
    inode: int

    @property
    def is_file(self) -> bool:
        """It has bytes."""
        return self.kind in (FILE, LINKED)

    @property
    def check(self) -> str:
        """Of a part of a pack: the digest of its bytes."""
        return self.ref.rpartition(":")[2] if ":" in self.ref else ""

    @property
    def blob(self) -> str:
        """Of a file: the sha256 of the blob or pack that holds its bytes."""
        return self.ref.partition(":")[0] if self.is_file else ""

    def holds(self, seen: Row) -> bool:
        """This is what is `seen` now, and nothing has changed."""
        return (
            self.ctime == seen.ctime
            and self.inode == seen.inode
            and self[:4] == seen[:4]
            and (self.is_file or self.ref == seen.ref)
        )

    def same(self, other: Row) -> bool:
        """Putting back either gives the same."""
        return self[:5] == other[:5]


@dataclass(frozen=True)
class Tree:
    """All that is kept of a workspace.

    Attributes:
        rows: By path below `/job`.
        packs: Small packs by sha256; all other bytes are among the blobs.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    packs: dict[str, bytes] = field(default_factory=dict)

    @property
    def files(self) -> int:
        """How many files."""
        return sum(row.is_file for row in self.rows.values())

    @property
    def bytes(self) -> int:
        """Of all files together."""
        return sum(row.size for row in self.rows.values() if row.is_file)

    def blobs(self) -> set[str]:
        """The sha256 of every blob that this needs."""
        return {row.blob for row in self.rows.values() if row.is_file} - self.packs.keys()


@dataclass(frozen=True)
class Kept:
    """A snapshot that was taken or put back.

    Attributes:
        tree: What is kept now, as it lies in the workspace.
        body: What to write down of it; empty where nothing has changed. `files` and `bytes` of the whole,
            `left_out` (path, why) of the first of what is not in it and `left_out_more`; and of one that was taken
            `changed`, `gone`, `packs` and the bytes that were `stored`.
    """

    tree: Tree
    body: Json


def written(changed: dict[str, Row], gone: Iterable[str], packs: dict[str, bytes]) -> Json:
    """A change as JSON."""
    body: Json = {
        "changed": [
            [_text(path), one.kind, one.mode, one.size, one.mtime, one.ctime, one.inode, _text(one.ref)]
            for path, one in changed.items()
        ]
    }
    if missing := [_text(path) for path in gone]:
        body["gone"] = missing
    if packs:
        body["packs"] = [base64.b64encode(data).decode() for data in packs.values()]
    return body


def tree_of(bodies: Iterable[Json]) -> Tree:
    """The sum of the changes that were written down.

    Raises:
        StoreFault: They are damaged.
    """
    tree = Tree()
    try:
        for body in bodies:
            for path in body.get("gone", ()):
                tree.rows.pop(_name(path), None)
            for path, kind, mode, size, mtime, ctime, inode, ref in body["changed"]:
                tree.rows[_inner(path)] = Row(kind, mode, size, mtime, _name(ref), ctime, inode)
            for text in body.get("packs", ()):
                data = base64.b64decode(text)
                tree.packs[sha256_bytes(data)] = data
    except (KeyError, TypeError, ValueError) as error:
        raise StoreFault(Cause.store_damaged, f"a snapshot is damaged: {error}") from error
    return tree


def _inner(text: str) -> str:
    """A path that stays inside. Raises `ValueError` for another: what is put back may come from elsewhere."""
    path = _name(text)
    if "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError(f"{path!r} leads out of the workspace")
    return path


def _text(name: str) -> str:
    """A name as JSON can hold it: the bytes of one that is not UTF-8 follow a NUL, which no name has, in hex."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "\0" + name.encode("utf-8", "surrogateescape").hex()
    return name


def _name(text: str) -> str:
    if text.startswith("\0"):
        return bytes.fromhex(text[1:]).decode("utf-8", "surrogateescape")
    return text
