"""The toolbox: one locked set of Python packages that agents and graders find inside every sandbox."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core import MissingTool, UpBenchError

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
    """Name -> version: as installed, else as locked (several where the lock has one for each Python)."""
    from importlib.metadata import distributions

    if toolbox_installed():
        found = {
            one.name.lower().replace("_", "-"): one.version for one in distributions(path=[str(toolbox_path())])
        }
        return dict(sorted(found.items()))
    locked: dict[str, str] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s\\;]+)", LOCK.read_text(), re.MULTILINE):
        locked[name] = f"{locked[name]} or {version}" if name in locked else version
    return dict(sorted(locked.items()))


def install_toolbox(say: Callable[[str], None]) -> Path:
    """Install the toolbox where it is not yet, with pip, each file checked against the lock's hashes.

    Two at once are safe: the second waits for the first. Nothing half installed is ever left in place.

    Raises:
        MissingTool: This Python has no pip.
        UpBenchError: pip could not install it.
    """
    target = toolbox_path()
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.with_name(f"{target.name}.lock"), say):
        if not target.is_dir():
            fresh = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}")
            try:
                _pip_install(fresh, say)
                _open_to_all(fresh)
                fresh.rename(target)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
    return target


def _pip_install(folder: Path, say: Callable[[str], None]) -> None:
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode:
        raise MissingTool(f"{sys.executable} has no pip", mend=f"{sys.executable} -m ensurepip")
    say(f"installing the toolbox ({len(toolbox_packages())} packages) into {toolbox_path()}")
    options = ["--require-hashes", "--no-deps", "--no-input", "--disable-pip-version-check", "--quiet"]
    command = [*pip, "install", *options, "--target", str(folder), "-r", str(LOCK)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip()][-3:]
        raise UpBenchError(f"pip could not install the toolbox: {' / '.join(last)[-600:]}")


def _open_to_all(folder: Path) -> None:
    """The sandbox's user is another one than ours."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else path.stat().st_mode & 0o755 | 0o644)


@contextmanager
def _locked(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    with path.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another installation of the toolbox")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield
