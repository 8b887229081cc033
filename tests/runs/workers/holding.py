"""A process that holds locks until it is killed."""

from __future__ import annotations

import signal
from pathlib import Path

from core import Database
from runs import RUN_MIGRATIONS, machinery

HOLD = "tests.runs.workers.holding:hold"


def hold(place: str, state: str, names: list[str]) -> int:
    """Hold those locks, as workers of a project; a file `held` in the working folder says so."""
    database = Database(place if "://" in place else Path(place), RUN_MIGRATIONS)
    with machinery(database, Path(state)) as by:
        for name in names:
            assert by.locks.take(name)
            by.workers.enter(name, {"workers": 4})
        Path("held").touch()
        signal.pause()
    return 0
