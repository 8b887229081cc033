"""Leases: which workspace is held by a living process, and what its holder wrote down to find its sandbox again.

A lease is a file that its holder keeps locked (`flock`): the kernel lets go of it when the process dies, however
it dies. There is nothing to renew here, and no clock to trust. A sandbox that can outlive its harness (a
container, a cloud sandbox) has a second, timed end of its own: `DEAD_MAN_SECONDS` without a word from the harness.

Who only looks takes the lock shared and lets go at once; whoever wants to hold and is refused can therefore tell
a holder, who has it alone, from somebody looking.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core import Cause, SandboxFault

DEAD_MAN_SECONDS = 900
"""How long a sandbox that outlives its harness stays up, so that the next one can adopt it."""

CLOSED_SECONDS = 120
"""How long a workspace that a living process let go of is left to that process, which may want to discard it."""

LARGEST = 1 << 16
_HOLD_SECONDS = 30.0
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Lease:
    """A workspace held by this process.

    Attributes:
        id: New with every taking; a label of every resource.
        note: What the last holder wrote down (empty when there was none).
    """

    def __init__(self, file: Path, handle: int, note: dict[str, Any], *, reaping: bool = False) -> None:
        self._file, self._handle, self._reaping = file, handle, reaping
        self.id, self.note = secrets.token_hex(6), note
        self.write(note)

    def write(self, note: dict[str, Any]) -> None:
        """Write down how the next holder finds the sandbox again (small JSON).

        Raises:
            ValueError: It is not small, or the lease was released.
            SandboxFault: The file cannot be written (cause `disk_full` or `sandbox_start`).
        """
        if self._handle < 0:
            raise ValueError("the lease is released")
        self._write(note, held=True)
        self.note = note

    def release(self, *, forget: bool = False) -> None:
        """Let go; with `forget` nothing of it is kept. Twice is fine."""
        if self._handle < 0:
            return
        try:
            if forget:
                self._file.unlink(missing_ok=True)
            else:
                # A reaper that did not get to the end leaves it as one that died does, to the next.
                self._write(self.note, held=self._reaping)
        except (OSError, SandboxFault):
            pass  # what counts is that the lock goes; the file then tells of a holder that is gone
        finally:
            handle, self._handle = self._handle, -1
            os.close(handle)

    def _write(self, note: dict[str, Any], *, held: bool) -> None:
        facts = {"id": self.id, "pid": os.getpid(), "held": held, "reaping": self._reaping, "note": note}
        data = json.dumps(facts).encode()
        if len(data) > LARGEST:
            raise ValueError(f"a note of {len(data)} bytes is no small one")
        try:
            # In one call, and cut to length after that: a kill in between leaves JSON with something behind it.
            os.pwrite(self._handle, data, 0)
            os.ftruncate(self._handle, len(data))
        except OSError as error:
            raise _fault(error) from error


class LeaseBook:
    """The leases on one provider's workspaces, below the project data in `state`."""

    def __init__(self, state: Path, provider: str) -> None:
        self._folder = state.absolute() / "leases" / provider

    def take(self, workspace: str) -> Lease:
        """Hold a workspace.

        Raises:
            SandboxFault: A living process (or another sandbox of this one) holds it, or the file cannot be
                written (cause `sandbox_start`, or `disk_full`).
        """
        lease = self._take(workspace)
        if lease is None:
            by = self._facts(workspace).get("pid", "another")
            raise SandboxFault(Cause.sandbox_start, f"workspace {workspace} is held by process {by}")
        return lease

    async def hold(self, workspace: str) -> Lease:
        """As `take`, but where a reaper is removing what was left of the workspace, wait until it has done so."""
        deadline = time.monotonic() + _HOLD_SECONDS
        while time.monotonic() < deadline:
            lease = self._take(workspace)
            if lease is not None:
                return lease
            if not self._facts(workspace).get("reaping"):
                break
            await asyncio.sleep(0.02)
        return self.take(workspace)

    def reclaim(self, workspace: str) -> Lease | None:
        """Hold a workspace in order to remove what is left of it; None where that is somebody else's business.

        That is so while a living process holds it, and for `CLOSED_SECONDS` after one that still lives has let
        go of it: it may be about to discard it, or to look at what lies there.
        """
        facts, age = self._facts_and_age(workspace)
        if facts.get("held") is False and age < CLOSED_SECONDS and _lives(facts.get("pid")):
            return None
        return self._take(workspace, reaping=True)

    def held(self, workspace: str) -> bool:
        """Whether a living process holds it."""
        try:
            handle = os.open(self._folder / workspace, _FLAGS)
        except OSError:
            return False
        try:
            return not _lock(handle, fcntl.LOCK_SH)
        finally:
            os.close(handle)

    def forget(self, workspace: str) -> None:
        """Remove what is written down of a workspace that nobody holds; of a held one nothing is removed."""
        with contextlib.suppress(SandboxFault):
            lease = self._take(workspace, make=False)
            if lease is not None:
                lease.release(forget=True)

    def written(self, workspace: str) -> tuple[str, dict[str, Any]]:
        """The id of the last lease on a workspace and what its holder wrote down; empty where nothing is."""
        facts = self._facts(workspace)
        identity, note = facts.get("id"), facts.get("note")
        return identity if isinstance(identity, str) else "", note if isinstance(note, dict) else {}

    def workspaces(self) -> Iterator[str]:
        """The workspaces of which something is written down, held or not."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            yield from sorted(name for name in os.listdir(self._folder) if _KEY.fullmatch(name))

    def _take(self, workspace: str, *, make: bool = True, reaping: bool = False) -> Lease | None:
        """The lease; None where somebody holds it (or, without `make`, where nothing is written down)."""
        file = self._folder / workspace
        while True:
            try:
                if make:
                    self._folder.mkdir(parents=True, exist_ok=True)
                handle = os.open(file, _FLAGS | (os.O_CREAT if make else 0), 0o600)
            except FileNotFoundError as error:
                if make:
                    raise _fault(error) from error
                return None
            except OSError as error:
                raise _fault(error) from error
            lease = None
            try:
                if not _lock(handle, fcntl.LOCK_EX):
                    if not _lock(handle, fcntl.LOCK_SH):
                        return None
                    time.sleep(0)  # somebody is only looking
                elif _still(handle, file):
                    note = _read(handle).get("note")
                    lease = Lease(file, handle, note if isinstance(note, dict) else {}, reaping=reaping)
                    return lease
                # else it was forgotten by its last holder in this very moment
            finally:
                if lease is None:
                    os.close(handle)

    def _facts(self, workspace: str) -> dict[str, Any]:
        return self._facts_and_age(workspace)[0]

    def _facts_and_age(self, workspace: str) -> tuple[dict[str, Any], float]:
        """What is written down, and how many seconds ago that was."""
        try:
            handle = os.open(self._folder / workspace, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return {}, 0.0
        try:
            return _read(handle), time.time() - os.fstat(handle).st_mtime
        finally:
            os.close(handle)


def providers_written_down(state: Path) -> tuple[str, ...]:
    """The providers of whose workspaces something is written down in `state`, held or not."""
    folder = state.absolute() / "leases"
    try:
        names = sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return tuple(name for name in names if any(LeaseBook(state, name).workspaces()))


def _fault(error: OSError) -> SandboxFault:
    cause = Cause.disk_full if error.errno in (errno.ENOSPC, errno.EDQUOT) else Cause.sandbox_start
    return SandboxFault(cause, f"the lease cannot be written: {error.filename or ''}: {error.strerror}")


def _lock(handle: int, how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lives(pid: object) -> bool:
    return isinstance(pid, int) and Path("/proc", str(pid)).exists()


def _still(handle: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(file))
    except FileNotFoundError:
        return False


def _read(handle: int) -> dict[str, Any]:
    try:
        text = os.pread(handle, LARGEST, 0).decode()
        found, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError, OSError):
        return {}  # empty as yet, its writer was killed in the middle, or somebody wrote something else there
    return found if isinstance(found, dict) else {}
