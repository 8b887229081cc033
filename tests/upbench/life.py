"""Projects whose runs are begun, left, gone on with and looked into: packs and small helpers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.runs.support import write_pack
from tests.upbench.test_cli import without_keys

DECIDED = """
[[criteria]]
id = "total"
importance = "critical"
text = "File total.csv states the sum of the amounts in its only data row"
decides = true
check = { kind = "column_sum", file = "total.csv", column = "total", equals = 60 }
"""
"""A rubric that needs no person."""


def turn(command: str) -> dict[str, Any]:
    """A turn in which the scripted model runs a command."""
    return {"say": "I work.", "calls": [{"tool": "shell", "arguments": {"command": command}}]}


def hand_in(*paths: str) -> dict[str, Any]:
    """The turn in which it hands in."""
    files = [{"path": path} for path in paths]
    return {"say": "Done.", "calls": [{"tool": "submit", "arguments": {"files": files, "summary": "There."}}]}


def attempts(*each: list[dict[str, Any]]) -> str:
    """A scripted.json with the turns of each attempt."""
    return json.dumps({"version": 1, "attempts": list(each)})


WRONG = [
    turn("printf 'total\\n59\\n' > /job/deliverables/total.csv; echo mine > /job/mine.txt"),
    hand_in("total.csv"),
]
MENDED = [turn("sed s/59/60/ /job/previous/total.csv > /job/deliverables/total.csv"), hand_in("total.csv")]


def slow_script(folder: Path, seconds: int = 60) -> str:
    """Works until a while is over; hands in then."""
    return attempts([turn(f"echo half > /job/deliverables/total.csv; sleep {seconds}"), hand_in("total.csv")])


def pack_of(folder: Path, script: str, *, jobs: int = 1, rubric: str = DECIDED) -> Path:
    """A pack whose jobs are done by that script."""
    return write_pack(folder / "packs", jobs=jobs, rubric=rubric, script_text=script)


@contextmanager
def started(*arguments: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, gone at the end."""
    command = [str(Path(sys.executable).with_name("upbench")), *arguments]
    with subprocess.Popen(
        command, cwd=cwd, env=without_keys(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)


def until(happens: Callable[[], Any], seconds: float = 120) -> Any:
    """What `happens` gives as soon as it gives something."""
    end = time.monotonic() + seconds
    while not (found := happens()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)
    return found


def is_gone(process: int) -> bool:
    """No such process lives."""
    try:
        os.kill(process, 0)
        return "Z" in Path(f"/proc/{process}/stat").read_text().split()[2]
    except (ProcessLookupError, FileNotFoundError):
        return True
