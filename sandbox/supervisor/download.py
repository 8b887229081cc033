"""Taking a folder out of a sandbox through its supervisor, for what the host cannot see itself."""

from __future__ import annotations

import os
from pathlib import Path

from sandbox.protocol import Taken, TreeLimits
from sandbox.supervisor.client import Wire
from sandbox.trees import Picker, create_below, drop_below, write_all

CHUNK = 1 << 20
KINDS = {b"l": "a link", b"o": "not a regular file", b"x": "too deep", b"u": "cannot be read"}


async def download(wire: Wire, source: str, target: Path, limits: TreeLimits) -> Taken:
    """Copy the regular files under `source` (inside) to `target` (on the host), as `Sandbox.download` says."""
    root = source.encode("utf-8", "surrogateescape")
    listed = await wire.list_tree(root, limits.max_files * 4 + 64, limits.max_depth)
    picker = Picker(limits)
    os.makedirs(target, exist_ok=True)
    for kind, size, raw in sorted(listed, key=lambda row: row[2]):
        name = os.fsdecode(raw)
        if kind == b"+":
            picker.leave("...", "more entries than are looked at")
        elif kind != b"f":
            picker.leave(name, KINDS.get(kind, "not a regular file"))
        elif name.count("/") >= limits.max_depth:
            picker.leave(name, KINDS[b"x"])
        elif picker.wants(name, size):
            await _fetch(wire, root + b"/" + raw, name, target, picker)
    return picker.taken()


async def _fetch(wire: Wire, source: bytes, name: str, target: Path, picker: Picker) -> None:
    got, room = 0, picker.room()
    try:
        handle = create_below(target, name)
        try:
            while got <= room and (data := await wire.read_part(source, got, CHUNK)):
                write_all(handle, data)
                got += len(data)
        finally:
            os.close(handle)
    except OSError as error:
        picker.leave(name, f"cannot be copied: {error.strerror}")
        drop_below(target, name)
        return
    if got > room:
        picker.leave(name, "it grew over the size cap")
        drop_below(target, name)
    else:
        picker.take(name, got)
