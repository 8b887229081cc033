"""Processes that hold leases, and are killed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOLD = """
import json, sys
from pathlib import Path
from sandbox.leases.book import LeaseBook
state, workspace, note = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
lease = LeaseBook(state, "bwrap").take(workspace)
lease.write(note)
print(lease.id, flush=True)
for line in sys.stdin:
    if line.strip() == "release":
        lease.release()
        print("released", flush=True)
"""


@contextmanager
def holder(state: Path, workspace: str, note: object = None) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a workspace; its lease's id is the attribute `lease`."""
    arguments = [sys.executable, "-c", HOLD, str(state), workspace, json.dumps(note or {})]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        process.lease = process.stdout.readline().strip()  # type: ignore[attr-defined]
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()


def tell(process: subprocess.Popen[str], word: str) -> str:
    """Say a word to a holder; what it answers."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(word + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def kill(process: subprocess.Popen[str]) -> None:
    """As `kill -9`, and wait until it is gone."""
    process.kill()
    process.wait()
