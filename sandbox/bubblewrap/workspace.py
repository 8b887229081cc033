"""The folder of a workspace on the host, as its sandbox needs it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from sandbox.bubblewrap.process import host_id

FOLDER = "deliverables"


def prepare(workspaces: Path, key: str) -> Path:
    """The folder of the workspace `key`, with real folders where the sandbox needs them.

    Every sandbox has the same user on the host, so `workspaces` is closed to all but us: a sandbox reaches what it
    is shown, and nobody else on this machine reaches (or runs) what it wrote.
    """
    if not workspaces.is_dir():
        workspaces.mkdir(mode=0o700, parents=True, exist_ok=True)
    if workspaces.stat().st_mode & 0o077:
        workspaces.chmod(0o700)
    root = workspaces / key
    _own(root)
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for name in ("inputs", FOLDER):
            _own(Path(name), handle)
    finally:
        os.close(handle)
    return root


def _own(path: Path, folder: int | None = None) -> None:
    """Make `path` a real folder that belongs to the sandbox's user; what else is in its place is removed."""
    try:
        os.mkdir(path, dir_fd=folder)
    except FileExistsError:
        if stat.S_ISDIR(os.stat(path, dir_fd=folder, follow_symlinks=False).st_mode):
            return
        os.unlink(path, dir_fd=folder)
        os.mkdir(path, dir_fd=folder)
    made = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fchmod(made, 0o755)  # whatever the umask is: bwrap enters it before it is the sandbox's user
        owner = host_id()
        if owner is not None:
            os.fchown(made, owner, owner)
    finally:
        os.close(made)
