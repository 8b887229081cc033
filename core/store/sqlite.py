"""Records in one SQLite file, in WAL mode: for one machine."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.pool import QueuePool

from core.causes import Cause
from core.errors import BadInput

BUSY_SECONDS = 30
_BUSY_PAUSE = 0.02
SMALLEST = 512
"""Bytes of the smallest page: a SQLite file holds nothing, or as much as this."""

_MEND = "see that you may write there, put back a copy, or move it away and begin anew"
# Mistakes of the statement, not of the store.
_OURS = (exc.IntegrityError, exc.ProgrammingError, exc.DataError, exc.NotSupportedError)


class SqliteFile:
    """Connections to a SQLite file, made where there is none yet.

    Writers within one process take turns at a lock of ours, because SQLite's own waiting is a sleep loop.

    Raises:
        BadInput: There is something else under that name.
    """

    dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        _refuse_others(path)
        self.path: Path | None = path
        self.shown = str(path)
        self.url = f"sqlite:///{path}"
        self.connect_args: dict[str, Any] = {"timeout": BUSY_SECONDS, "check_same_thread": False}
        self._write_lock = threading.RLock()
        self._engine = create_engine(self.url, poolclass=QueuePool, pool_size=4, connect_args=self.connect_args)
        event.listen(self._engine, "connect", self._configure)
        event.listen(self._engine, "begin", _begin)

    def _configure(self, connection: Any, _record: Any) -> None:
        # The driver's own BEGIN is switched off, so that `_begin` can choose between DEFERRED and IMMEDIATE.
        connection.isolation_level = None
        cursor = connection.cursor()
        self._use_wal(cursor)
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    def _use_wal(self, cursor: sqlite3.Cursor) -> None:
        """While somebody else makes the same file, SQLite refuses this at once, however long it may wait."""
        until = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                cursor.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorname == "SQLITE_NOTADB":
                    raise BadInput("not a SQLite database", file=self.path, mend=_MEND) from error
                if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > until:
                    raise
            time.sleep(_BUSY_PAUSE)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write from its first statement on."""
        with self._write_lock, self._engine.connect() as connection:
            connection.info["mode"] = "IMMEDIATE"
            with connection.begin():
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction over one snapshot."""
        with self._engine.connect() as connection:
            connection.info["mode"] = "DEFERRED"
            with connection.begin():
                yield connection

    def prepare(self, _connection: Connection) -> None:
        """Nothing to be seen to: the transaction holds the file's write lock already."""

    def opened(self) -> None:
        """Nothing changes once it has been opened."""

    def cause_of(self, error: exc.DBAPIError) -> Cause | None:
        """The cause of a refusal; None where the statement was wrong."""
        if isinstance(error, _OURS):
            return None
        full = getattr(error.orig, "sqlite_errorname", "") == "SQLITE_FULL"
        return Cause.disk_full if full else Cause.store_failed

    def mend(self) -> str:
        """What helps where it cannot be opened."""
        return _MEND

    def bound(self, engine: Engine) -> None:
        """See `Database.bound`: a file has no server that could stand still."""

    def sever(self) -> None:
        """See `Database.sever`."""

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _refuse_others(path: Path) -> None:
    """SQLite would take a file of a few bytes for an empty one, and write over it.

    The file itself is never opened here: to close it again would take the locks away by which other connections of
    this process keep other processes from removing the log that they write to.
    """
    if not path.exists():
        return
    if not path.is_file():
        raise BadInput("not a regular file", file=path, mend=_MEND)
    if 0 < path.stat().st_size < SMALLEST:
        raise BadInput("not a SQLite database", file=path, mend=_MEND)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.info.get('mode', 'DEFERRED')}")
