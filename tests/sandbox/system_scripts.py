"""What the tests of `scripts/system` share: a PATH with next to nothing on it, and running a script."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "scripts" / "system"
TOOLS = ("sh", "id", "dirname", "timeout", "cat", "rm", "mkdir", "chmod", "sleep", "env")


def lay_out(folder: Path, *more: str) -> None:
    """Put into `folder` the tools that every script uses, and some more."""
    for tool in (*TOOLS, *more):
        found = shutil.which(tool)
        assert found
        (folder / tool).symlink_to(found)


def run(script: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a script to its end."""
    return subprocess.run(
        ["/bin/sh", SCRIPTS / script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD": "/nowhere", **env},
        timeout=90,
    )
