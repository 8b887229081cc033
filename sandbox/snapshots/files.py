"""Taking files out of what was kept, without any sandbox."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from core import Blobs
from sandbox.protocol import Taken, TreeLimits
from sandbox.snapshots.keep import Source
from sandbox.snapshots.tree import FOLDER, LINK, Tree
from sandbox.trees import CHUNK, Picker, create_below, write_all


def kept_files(tree: Tree, below: str, store: Blobs, target: Path, limits: TreeLimits) -> Taken:
    """Copy the regular files of the folder `below` (of `/job`) to the host folder `target`. Waits.

    Raises:
        NotADirectoryError: A file or a link is in its place.
        StoreFault: Bytes are missing or damaged.
    """
    picker, source = Picker(limits), Source(tree, store.fetch)
    target.mkdir(parents=True, exist_ok=True)
    if below in tree.rows and tree.rows[below].kind != FOLDER:
        raise NotADirectoryError(20, "Not a directory", below)
    for path, row in sorted(tree.rows.items()):
        name = path.removeprefix(below + "/")
        if name == path:
            continue
        depth = name.count("/") + 1
        if row.kind == FOLDER and depth == limits.max_depth:
            picker.leave(name, "too deep")
        elif row.kind == LINK and depth <= limits.max_depth:
            picker.leave(name, "a link")
        elif row.is_file and depth <= limits.max_depth and picker.wants(name, row.size):
            data = source.small(row)
            sink = create_below(target, name)
            with os.fdopen(sink, "wb") as stream:
                if data is not None:
                    write_all(sink, data)
                else:
                    with source.large(row).open("rb") as whole:
                        shutil.copyfileobj(whole, stream, CHUNK)
            picker.take(name, row.size)
    return picker.taken()
