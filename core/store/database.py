"""Records: one SQL database for all rooms, SQLite in WAL mode here.

Rooms own their tables and migrations; this module only opens the database, brings the tables up to date and
hands out transactions. Transactions are short and synchronous.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, exc
from sqlalchemy.pool import QueuePool

from core.causes import Cause
from core.errors import BadInput, StoreFault
from core.store.migrations import Migration, apply_migrations

BUSY_SECONDS = 30
_MAGIC = b"SQLite format 3\0"
_MEND = "see that you may write there, put back a copy, or move it away and begin anew"
# Mistakes of the statement, not of the store.
_OURS = (exc.IntegrityError, exc.ProgrammingError, exc.DataError, exc.NotSupportedError)


class Database:
    """A SQL database with the given rooms' tables in it, made where there is none yet.

    Raises:
        BadInput: There is something else under that name, or it cannot be opened or is damaged.

    Writers within one process take turns at a lock of ours, because SQLite's own waiting is a sleep loop.
    """

    def __init__(self, path: Path, migrations: Sequence[Migration]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        _refuse_others(path)
        self.path = path
        self._write_lock = threading.RLock()
        self._engine = create_engine(
            f"sqlite:///{path}",
            poolclass=QueuePool,
            pool_size=4,
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        )
        event.listen(self._engine, "connect", _configure)
        event.listen(self._engine, "begin", _begin)
        try:
            with self.write() as connection:
                apply_migrations(connection, migrations, file=path)
        except StoreFault as fault:
            self.close()
            raise BadInput(f"cannot be opened: {fault.problem}", file=path, mend=_MEND) from fault

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A write transaction: committed at the end of the block, rolled back when it raises.

        Raises:
            StoreFault: The database refused (locked past the bound, disk full, damaged).
        """
        with self._write_lock, self._translate(), self._engine.connect() as connection:
            connection.info["mode"] = "IMMEDIATE"
            with connection.begin():
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction over one consistent snapshot."""
        with self._translate(), self._engine.connect() as connection:
            connection.info["mode"] = "DEFERRED"
            with connection.begin():
                yield connection

    @contextmanager
    def _translate(self) -> Iterator[None]:
        try:
            yield
        except exc.DatabaseError as error:
            if isinstance(error, _OURS):
                raise
            raise StoreFault(_cause_of(error), f"{self.path}: {error.orig}", problem=str(error.orig)) from error

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _refuse_others(path: Path) -> None:
    """SQLite would take a file of a few bytes for an empty one, and write over it."""
    if not path.exists():
        return
    if not path.is_file():
        raise BadInput("not a regular file", file=path, mend=_MEND)
    with path.open("rb") as stream:
        head = stream.read(len(_MAGIC))
    if head and head != _MAGIC:
        raise BadInput("not a SQLite database", file=path, mend=_MEND)


def _cause_of(error: exc.DatabaseError) -> Cause:
    code = getattr(error.orig, "sqlite_errorname", "")
    return Cause.disk_full if code == "SQLITE_FULL" else Cause.store_failed


def _configure(connection: Any, _record: Any) -> None:
    # The driver's own BEGIN is switched off, so that `_begin` can choose between DEFERRED and IMMEDIATE.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.info.get('mode', 'DEFERRED')}")
