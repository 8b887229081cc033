"""The files of the program that runs inside, as they lie here, and how it is started there."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

PROGRAM = tuple(Path(__file__).parent / name for name in ("inside.py", "inside_files.py"))
# Where every provider shows them, compiled. `-I -S`: nothing of the workspace or the toolbox is ever imported.
FOLDER = "/opt/upbench"
ARGUMENTS = ("-I", "-S", f"{FOLDER}/inside.pyc")


@functools.cache
def program_digest() -> str:
    """sha256 of the program's source."""
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in PROGRAM)).hexdigest()
