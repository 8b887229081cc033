"""The files of the program that runs inside, as they lie here, and how it is started there."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from sandbox.supervisor.frames import PROTOCOL

NAMES = ("inside", "inside_commands", "inside_processes", "inside_files")
PROGRAM = tuple(Path(__file__).parent / f"{name}.py" for name in NAMES)
# Where every provider shows them, compiled. `-I -S`: nothing of the workspace or the toolbox is ever imported.
FOLDER = "/opt/upbench"


def arguments(*, lease: float | None = None, text: bool = False) -> tuple[str, ...]:
    """Arguments of Python for the supervisor.

    Args:
        lease: Seconds without a word from the harness after which it ends with everything in the sandbox; None
            where it ends with its wire.
        text: For a transport that carries text only.
    """
    found = ["-I", "-S", f"{FOLDER}/inside.pyc", "--protocol", str(PROTOCOL)]
    if lease is not None:
        found += ["--lease", str(lease)]
    if text:
        found.append("--text")
    return tuple(found)


ARGUMENTS = arguments()


@functools.cache
def program_digest() -> str:
    """sha256 of the program's source."""
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in PROGRAM)).hexdigest()
