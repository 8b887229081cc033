"""Showing that an attempt works where nothing isolates: the same program, on the host, where it can do no harm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.sandbox.escapes.attempt import Attempt
from tests.sandbox.escapes.scene import INSIDE, Report

HERE = Path(__file__).parent
NAMESPACES = ["--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork"]


def on_the_host(attempt: Attempt, facts: dict[str, Any], folder: Path) -> Report:
    """Run an attempt's program as root: on a root to throw away, or where it changes nothing as it is."""
    kind = attempt.control
    inner = ["/usr/bin/python3" if kind == "agent" else sys.executable, "-S", "-m", "inside", attempt.program]
    words = ["unshare", "--mount", "--propagation", "private"]
    words += NAMESPACES if kind == "namespaces" else []
    if kind != "plain":
        words += [sys.executable, "-S", str(HERE / "throwaway.py"), kind, str(folder), str(INSIDE)]
    told = json.dumps(facts | {"control": True})
    env = {"FACTS": told, "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    made = subprocess.run(
        [*words, *inner], capture_output=True, text=True, env=env, cwd=HERE, timeout=120, check=False
    )
    assert made.returncode == 0, made.stderr[-2000:]
    found = json.loads(made.stdout.splitlines()[-1])
    return Report(tuple(found["did"]), found["refused"], tuple(found["seen"]))
