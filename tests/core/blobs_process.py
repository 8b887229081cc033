"""A process that works with blobs: `python -m tests.core.blobs_process FOLDER REMOTE put|fetch WHAT...`.

`put` takes files, `fetch` digests. For each it prints a line: the digest or path, or `fault CAUSE`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from core import Blobs, StoreFault
from core.store.bucket import Patience

ROOT = Path(__file__).parents[2]
PATIENCE = Patience(connect=2, silence=5, total=5, longest=0.2)


def begin(folder: Path, remote: str, *words: str, wrap: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Start one; `wrap` goes before the command."""
    command = [*wrap, sys.executable, "-m", "tests.core.blobs_process", str(folder), remote, *words]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE)


def said(process: subprocess.Popen[str]) -> list[str]:
    """Its lines, after it ended well."""
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return out.splitlines()


def main(folder: str, remote: str, verb: str, *what: str) -> None:
    """Do it."""
    blobs = Blobs(Path(folder), remote, patience=PATIENCE)
    for one in what:
        try:
            print(blobs.put_file(Path(one)) if verb == "put" else blobs.fetch(one), flush=True)
        except StoreFault as fault:
            print(f"fault {fault.cause}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
