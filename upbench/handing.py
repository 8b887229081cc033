"""Sees to it that somebody carries a run that was handed over to workers."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from core import BadInput, Frozen
from runs import machinery
from upbench.home import Home
from upbench.life import living_workers

LOGS = "logs"


class Hands(Frozen):
    """Who carries what was handed over.

    Attributes:
        workers: Workers that were there.
        started: Process id of one that was started for it. log: What that one says.
    """

    workers: int
    started: int | None = None
    log: Path | None = None


def hands_for(home: Home, slots: int) -> Hands:
    """The workers of a project; on SQLite, where there is none, one is started in the background.

    It ends when nothing is left to do. On PostgreSQL workers are started by people, where they want them.

    Raises:
        BadInput: It cannot be started.
    """
    with machinery(home.database, home.state) as by:
        there = len(living_workers(by))
    if there or home.database.dialect != "sqlite":
        return Hands(workers=there)
    log = home.state / LOGS / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-background-{os.getpid()}.log"
    return Hands(workers=0, started=_start(home, slots, log), log=log)


def _start(home: Home, slots: int, log: Path) -> int:
    command = [sys.executable, "-m", "upbench", "--project", str(home.settings.project.absolute()), "worker"]
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as said:
            worker = subprocess.Popen(
                [*command, "--until-idle", "--slots", str(slots), "--log-format", "plain"],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd=home.settings.project.absolute(),
                start_new_session=True,
            )
    except OSError as error:
        what = f"no worker can be started: {error.strerror}"
        raise BadInput(what, file=log, mend="start one with: upbench worker") from error
    worker.returncode = 0  # it outlives this process, and is not waited for
    return worker.pid
