"""How trials, attempts and executions are called: `t1a2b3c4d5e6f`, `.k1`, `.k2feedback`, `.e1`.

The names are keys of workspaces, transcripts and journalled calls, so they hold no character that a file name
or a container name may not hold.
"""

from __future__ import annotations

import getpass
import os
import secrets
from datetime import UTC, datetime


def new_run_id(pack: str) -> str:
    """A run's name: time, pack and four random characters."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{pack}-{secrets.token_hex(2)}"


def attempt_id(trial: str, k: int, arm: str) -> str:
    """Name of attempt (arm, k) of a trial."""
    return f"{trial}.k{k}" if arm == "alone" else f"{trial}.k{k}{arm}"


def execution_id(attempt: str, e: int) -> str:
    """Name of the e-th execution of an attempt."""
    return f"{attempt}.e{e}"


def user() -> str:
    """Who begins runs here: the name by which the system knows this process's user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user needs no name
        return f"user-{os.getuid()}"


def now() -> str:
    """This moment, ISO 8601 in UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
