"""The workers of a project, as they stand in its records."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, select, update

from core import Database, insert_new
from runs.keys import now
from runs.tables import REFUSALS, WORKERS


@dataclass(frozen=True)
class WorkerRow:
    """A process that carries, or carried, rounds.

    Attributes:
        queues: Queue -> how many of its rounds it carries at one time.
        draining: It was asked to take nothing new and to end when it has nothing left.
        paused: Why it carries nothing for now; None: it does.
        ended: When, ISO 8601; None while it is not known to have ended.
        why: How, in a word; None until its rounds have been put back.
    """

    id: str
    host: str
    pid: int
    queues: dict[str, int]
    started: str
    draining: bool
    ended: str | None
    why: str | None
    paused: str | None = None


def new_worker_id() -> str:
    """A name no other process has or had."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


class Registry:
    """The table of workers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enter(self, worker: str, queues: Mapping[str, int], paused: str | None = None) -> None:
        """Write a worker down; `paused`: why it carries nothing."""
        row = {
            "id": worker,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "queues": json.dumps(dict(queues)),
            "started": now(),
            "paused": paused,
        }
        with self._database.write() as connection:
            connection.execute(insert_new(WORKERS), row)

    def leave(self, worker: str) -> bool:
        """Write down that a worker has ended; False where that stood there already. `settle` comes after it."""
        query = update(WORKERS).where(WORKERS.c.id == worker, WORKERS.c.ended.is_(None))
        with self._database.write() as connection:
            return connection.execute(query.values(ended=now())).rowcount > 0

    def settle(self, worker: str, why: str) -> None:
        """The rounds of a worker that has ended are back in their queues: nothing of it is left to be done."""
        query = update(WORKERS).where(WORKERS.c.id == worker, WORKERS.c.why.is_(None))
        with self._database.write() as connection:
            connection.execute(query.values(why=why))

    def drain(self, worker: str | None = None) -> int:
        """Ask a worker (default: all) to end when it has nothing left; how many were asked."""
        query = update(WORKERS).where(WORKERS.c.ended.is_(None))
        if worker is not None:
            query = query.where(WORKERS.c.id == worker)
        with self._database.write() as connection:
            return connection.execute(query.values(draining=1)).rowcount

    def refuse(self, worker: str, run: str, why: str) -> bool:
        """Write down that a worker cannot open a run; False where that stood there already."""
        row = {"worker": worker, "run": run, "detail": why}
        with self._database.write() as connection:
            return connection.execute(insert_new(REFUSALS), row).rowcount > 0

    def accept(self, worker: str, run: str) -> None:
        """The worker can open it by now."""
        with self._database.write() as connection:
            connection.execute(delete(REFUSALS).where(REFUSALS.c.worker == worker, REFUSALS.c.run == run))

    def refused(self, run: str) -> dict[str, str]:
        """The workers that are present and cannot open a run: why."""
        query = select(REFUSALS.c.worker, REFUSALS.c.detail).join(WORKERS, WORKERS.c.id == REFUSALS.c.worker)
        query = query.where(REFUSALS.c.run == run, WORKERS.c.ended.is_(None)).order_by(REFUSALS.c.worker)
        with self._database.read() as connection:
            return {str(row.worker): str(row.detail) for row in connection.execute(query)}

    def forget(self, before: datetime) -> int:
        """Delete workers that had ended before that moment and left nothing to be done; how many that were."""
        old = delete(WORKERS).where(WORKERS.c.ended < before.isoformat(), WORKERS.c.why.is_not(None))
        with self._database.write() as connection:
            gone = connection.execute(old).rowcount
            connection.execute(delete(REFUSALS).where(REFUSALS.c.worker.not_in(select(WORKERS.c.id))))
        return gone

    def present(self) -> list[WorkerRow]:
        """Those that have not said that they ended, oldest first; one that was killed says nothing."""
        return self._where(WORKERS.c.ended.is_(None))

    def unsettled(self) -> list[WorkerRow]:
        """Those that are present, and those that ended while nobody has put their rounds back, oldest first."""
        return self._where(WORKERS.c.why.is_(None))

    def _where(self, condition: ColumnElement[bool]) -> list[WorkerRow]:
        query = select(WORKERS).where(condition).order_by(WORKERS.c.started, WORKERS.c.id)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [
            WorkerRow(
                id=row.id,
                host=row.host,
                pid=row.pid,
                queues=json.loads(row.queues),
                started=row.started,
                draining=bool(row.draining),
                ended=row.ended,
                why=row.why,
                paused=row.paused,
            )
            for row in rows
        ]
