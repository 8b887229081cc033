"""The toolbox: one locked set of Python packages that agents and graders find inside every sandbox."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import sys
from pathlib import Path

LOCK = Path(__file__).parent / "toolbox.lock"


@functools.cache
def toolbox_digest() -> str:
    """sha256 of the lock: what a trial's identity knows of the toolbox."""
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()


def cache_folder() -> Path:
    """`upbench` below $UPBENCH_CACHE, $XDG_CACHE_HOME or ~/.cache."""
    root = os.environ.get("UPBENCH_CACHE") or os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache").absolute() / "upbench"


def toolbox_path() -> Path:
    """Where the toolbox of this lock lies for this Python, installed or not."""
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    return cache_folder() / "toolbox" / f"{toolbox_digest()[:16]}-{tag}"


def toolbox_installed() -> bool:
    """Whether the toolbox is there, whole (it is put in place by one rename)."""
    return toolbox_path().is_dir()


def toolbox_packages() -> dict[str, str]:
    """Name -> version, as locked."""
    pairs = re.findall(r"^([A-Za-z0-9._-]+)==([^\s\\]+)", LOCK.read_text(), re.MULTILINE)
    return dict(sorted(pairs))
