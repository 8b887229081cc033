"""One process at a time carries a run: two would share its workspaces and pay for everything twice."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core import BadInput


@contextmanager
def only_one(run_id: str, folder: Path) -> Iterator[None]:
    """Hold the run for the length of the block; the system lets go of it when the process dies.

    Args:
        run_id: Whole id of the run.
        folder: Where the lock file lies, `<run_id>.lock`; made where it is not there.

    Raises:
        BadInput: Another process is at it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{run_id}.lock"
    with file.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadInput(
                f"another process is executing run {run_id}", field="RUN", mend="wait for it, or stop it first"
            ) from error
        # The file stays: whoever had opened it before it went would hold a lock that nobody else sees.
        yield
