"""Sees to it that somebody carries a run that was handed over to workers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from core import BadInput, Frozen
from runs import Machinery, machinery
from upbench.home import Home
from upbench.life import living_workers

LOGS = "logs"
LOCK = "background"
LOOK_SECONDS, START_SECONDS = 0.1, 30.0


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
        while not by.locks.take(LOCK):  # somebody else is starting one
            time.sleep(LOOK_SECONDS)
        try:
            there = len(living_workers(by))
            if there or home.database.dialect != "sqlite":
                return Hands(workers=there)
            log = home.state / LOGS / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-background-{os.getpid()}.log"
            worker = _start(home, slots, log)
            _until_there(worker, by, log)
            return Hands(workers=0, started=worker.pid, log=log)
        finally:
            by.locks.give(LOCK)


def _until_there(worker: subprocess.Popen[bytes], by: Machinery, log: Path) -> None:
    """Wait until the worker can be seen, so that the next who asks does not start another."""
    end = time.monotonic() + START_SECONDS
    while not living_workers(by) and time.monotonic() < end:
        if worker.poll() not in (None, 0):
            said = log.read_text(errors="replace").strip().splitlines()[-1:] or ["it says nothing"]
            raise BadInput(f"the worker ended at once: {said[0][:300]}", file=log, mend="then: upbench worker")
        if worker.poll() == 0:
            return
        time.sleep(LOOK_SECONDS)
    worker.returncode = 0  # it outlives this process, and is not waited for


def _start(home: Home, slots: int, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "upbench", "--project", str(home.settings.project.absolute()), "worker"]
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as said:
            return subprocess.Popen(
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
