"""Whether a sandbox provider can be used on this machine; docker's image is built where it can be."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from sandbox import SandboxProvider, image_tag
from tests.support import lacking

SCRIPTS = Path(__file__).parents[2] / "scripts" / "system"


def need(made: SandboxProvider, tool: str) -> None:
    """Skip (or fail where it is required) when this provider cannot be used here; build its image when it can."""
    problem = made.problem()
    if problem and made.name == "docker" and image_tag() in problem[0]:
        with (Path(tempfile.gettempdir()) / "upbench-image.lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            built = subprocess.run(
                [SCRIPTS / "ensure-image.sh"],
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, "PYTHON": sys.executable},
            )
        problem = made.problem()
        if problem:
            problem = (f"{problem[0]}: {built.stderr[-400:]}", problem[1])
    if problem:
        lacking(tool, f"{problem[0]} ({problem[1]})")
