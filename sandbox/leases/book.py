"""Leases: which workspace is held by a living process, and what its holder wrote down to find its sandbox again.

A lease is a file that its holder keeps locked (`flock`): the kernel lets go of it when the process dies, however
it dies. There is nothing to renew here, and no clock to trust. A sandbox that can outlive its harness (a
container, a cloud sandbox) has a second, timed end of its own: `DEAD_MAN_SECONDS` without a word from the harness.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core import Cause, SandboxFault

DEAD_MAN_SECONDS = 900
"""How long a sandbox that outlives its harness stays up, so that the next one can adopt it."""


class Lease:
    """A workspace held by this process.

    Attributes:
        id: New with every taking; a label of every resource.
        note: What the last holder wrote down (empty when there was none).
    """

    def __init__(self, file: Path, handle: int, note: dict[str, Any]) -> None:
        self._file, self._handle = file, handle
        self.id, self.note = secrets.token_hex(6), note
        self.write(note)

    def write(self, note: dict[str, Any]) -> None:
        """Write down how the next holder finds the sandbox again (small JSON)."""
        self.note = note
        data = json.dumps({"id": self.id, "pid": os.getpid(), "note": note}).encode()
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, data, 0)

    def release(self, *, forget: bool = False) -> None:
        """Let go; with `forget` nothing of it is kept. Twice is fine."""
        if self._handle < 0:
            return
        if forget:
            self._file.unlink(missing_ok=True)
        handle, self._handle = self._handle, -1
        os.close(handle)


class LeaseBook:
    """The leases on one provider's workspaces, below the project data in `state`."""

    def __init__(self, state: Path, provider: str) -> None:
        self._folder = state.absolute() / "leases" / provider

    def take(self, workspace: str) -> Lease:
        """Hold a workspace.

        Raises:
            SandboxFault: A living process (or another sandbox of this one) holds it (cause `sandbox_start`).
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / workspace
        while True:
            handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if not _lock(handle):
                holder = _read(handle).get("pid", "another")
                os.close(handle)
                raise SandboxFault(Cause.sandbox_start, f"workspace {workspace} is held by process {holder}")
            if _still(handle, file):
                note = _read(handle).get("note")
                return Lease(file, handle, note if isinstance(note, dict) else {})
            os.close(handle)  # forgotten by its last holder in this very moment

    def held(self, workspace: str) -> bool:
        """Whether a living process holds it."""
        try:
            handle = os.open(self._folder / workspace, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not _lock(handle)
        finally:
            os.close(handle)

    def forget(self, workspace: str) -> None:
        """Remove what is written down of a workspace that nobody holds; of a held one nothing is removed."""
        with contextlib.suppress(SandboxFault):
            self.take(workspace).release(forget=True)

    def workspaces(self) -> Iterator[str]:
        """The workspaces of which something is written down, held or not."""
        if self._folder.is_dir():
            yield from sorted(os.listdir(self._folder))


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _still(handle: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(file))
    except FileNotFoundError:
        return False


def _read(handle: int) -> dict[str, Any]:
    try:
        found = json.loads(os.pread(handle, 1 << 16, 0) or b"{}")
    except ValueError:
        return {}  # its writer was killed in the middle
    return found if isinstance(found, dict) else {}
