"""Lists what lies below folders: {"roots": [...], "most": n, "bytes": n} -> {"files": [...], "more": n}.

Each file is [path, kind, size]; kind is `file`, `link` or `other`. Links are not followed. At most "most" files
are named, and at most so many that the answer stays below "bytes".
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator


def kind_of(mode: int) -> str:
    """In one word."""
    if stat.S_ISREG(mode):
        return "file"
    return "link" if stat.S_ISLNK(mode) else "other"


def paths(roots: list[str]) -> Iterator[str]:
    """Every file and link below the folders."""
    for root in roots:
        if os.path.islink(root):  # would be walked; what it leads to is not below the folder
            continue
        for folder, folders, names in os.walk(root):
            folders.sort()
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            yield from (os.path.join(folder, name) for name in sorted(names + links))


def main() -> None:
    """Answer the request."""
    request = json.load(sys.stdin)
    left = request["bytes"]
    files: list[tuple[str, str, int]] = []
    more = 0
    for path in paths(request["roots"]):
        name = path.encode("utf-8", "replace").decode()  # a name that is not UTF-8 cannot be told in JSON
        left -= len(json.dumps(name)) + 40
        if len(files) >= request["most"] or left < 0:
            more += 1
            continue
        try:
            info = os.lstat(path)
        except OSError:  # gone meanwhile
            continue
        files.append((name, kind_of(info.st_mode), info.st_size))
    print(json.dumps({"files": files, "more": more}))


if __name__ == "__main__":
    main()
