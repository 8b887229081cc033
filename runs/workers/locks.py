"""By what a process proves that it lives: locks that go with it, however it ends.

Nobody's clock is asked. On SQLite everybody is on one machine, and a lock is a file that is held. On PostgreSQL it
is a session's advisory lock, held over a connection of its own, which the server ends when the process, its
machine or the network between them dies.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import make_url

from core import Cause, Database, StoreFault
from runs.lock import LOCK, sweep
from runs.lockfiles import give_lock, hold_lock, is_held

CLASS = 77
"""The first key of our advisory locks; the second names what is locked."""

NOTICE_SECONDS = 10
"""After so long without an answer a connection counts as dead, here and (by keepalives) on the server."""

_HELD = """
select objid::bigint from pg_locks where locktype = 'advisory' and classid = %s and objsubid = 2 and granted
and database = (select oid from pg_database where datname = current_database())
"""

_UP = "select extract(epoch from clock_timestamp() - pg_postmaster_start_time())"

CLIENT_NOTICES: dict[str, Any] = {
    "connect_timeout": NOTICE_SECONDS,
    "keepalives_idle": NOTICE_SECONDS // 2,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": NOTICE_SECONDS * 1000,
}
SERVER_NOTICES = (
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
    " -c tcp_user_timeout=25000"  # or it waits 15 minutes for an answer's receipt
)


class Locks(Protocol):
    """Locks by name, each held by one process at a time."""

    def take(self, name: str) -> bool:
        """Hold that lock until it is given back or this process ends; False where another process holds it."""
        ...

    def give(self, name: str) -> None:
        """Give it back."""
        ...

    def held(self, name: str) -> bool:
        """Whether what was taken is still held; False after the connection to the server was lost."""
        ...

    def known_held(self, names: Iterable[str]) -> set[str]:
        """Those of the names that somebody holds. Nothing is taken for it."""
        ...

    def seconds_up(self) -> float:
        """For how long all that was held could be: after a restart of the server everybody has lost everything."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


class FileLocks:
    """Locks as files in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._handles: dict[str, int] = {}

    def take(self, name: str) -> bool:
        """See `Locks`."""
        if name in self._handles:
            return True
        handle = hold_lock(self._path(name))
        if handle is not None:
            self._handles[name] = handle
        return handle is not None

    def give(self, name: str) -> None:
        """See `Locks`."""
        handle = self._handles.pop(name, None)
        if handle is not None:
            give_lock(self._path(name), handle)

    def held(self, name: str) -> bool:
        """See `Locks`: the system gives files back only when the process ends."""
        return name in self._handles

    def known_held(self, names: Iterable[str]) -> set[str]:
        """See `Locks`."""
        return {name for name in names if is_held(_file(self._folder, name))}

    def seconds_up(self) -> float:
        """See `Locks`."""
        return math.inf

    def close(self) -> None:
        """See `Locks`. The files of processes that died go as well."""
        for name in list(self._handles):
            self.give(name)
        sweep(self._folder)

    def _path(self, name: str) -> Path:
        return _file(self._folder, name)


class AdvisoryLocks:
    """Locks of a PostgreSQL session.

    Args:
        url: Of the server itself: a pooler that hands connections from one to another cannot hold locks.
    """

    def __init__(self, url: str) -> None:
        address = make_url(url)
        named = address.translate_connect_args(username="user", database="dbname")
        options = {
            name: value if isinstance(value, str) else ",".join(value) for name, value in address.query.items()
        }
        self._place: dict[str, Any] = options | named
        self._connection: Any = None
        self._names: set[str] = set()
        self._turn = threading.RLock()  # several threads ask

    def take(self, name: str) -> bool:
        """See `Locks`. Raises `StoreFault` when the server cannot be asked."""
        with self._in_turn():
            if self.held(name):
                return True
            taken = bool(self._ask("select pg_try_advisory_lock(%s, %s)", (CLASS, _number(name)))[0][0])
            if taken:
                self._names.add(name)
            return taken

    def give(self, name: str) -> None:
        """See `Locks`."""
        with suppress(StoreFault), self._in_turn():
            if name in self._names:
                self._names.discard(name)
                self._ask("select pg_advisory_unlock(%s, %s)", (CLASS, _number(name)))

    def held(self, name: str) -> bool:
        """See `Locks`."""
        try:
            with self._in_turn():
                if name in self._names:
                    self._ask("select 1")
                    return True
        except StoreFault:
            pass
        return False

    def known_held(self, names: Iterable[str]) -> set[str]:
        """See `Locks`: one statement, or a hundred workers would try ten thousand locks a second."""
        with self._in_turn():
            held = {row[0] for row in self._ask(_HELD, (CLASS,))}
        return {name for name in names if _number(name) % 2**32 in held}

    def seconds_up(self) -> float:
        """See `Locks`."""
        with self._in_turn():
            return float(self._ask(_UP)[0][0])

    def close(self) -> None:
        """See `Locks`."""
        with suppress(StoreFault), self._in_turn():
            self._drop()

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Alone with the connection. Raises `StoreFault` where whoever has it gets no answer from the server."""
        if not self._turn.acquire(timeout=NOTICE_SECONDS):
            raise StoreFault(Cause.store_failed, "the database does not answer: it is silent")
        try:
            yield
        finally:
            self._turn.release()

    def _ask(self, statement: str, parameters: tuple[int, ...] = ()) -> list[tuple[Any, ...]]:
        import psycopg

        try:
            if self._connection is None:
                options = f"{self._place.get('options', '')} {SERVER_NOTICES}".strip()
                place = self._place | CLIENT_NOTICES | {"options": options}
                self._connection = psycopg.connect(**place, autocommit=True)
            rows: list[tuple[Any, ...]] = self._connection.execute(statement, parameters).fetchall()
        except psycopg.Error as error:
            self._drop()
            raise StoreFault(Cause.store_failed, f"the database does not answer: {error}") from error
        return rows

    def _drop(self) -> None:
        """Let the connection go, and with it all that it held: another that is made later holds nothing of it."""
        self._names.clear()
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(OSError):
                connection.close()


def open_locks(database: Database, folder: Path) -> Locks:
    """The locks of whoever shares that database."""
    if database.dialect == "sqlite":
        return FileLocks(folder)
    return AdvisoryLocks(database.url)


def held_by_somebody(database: Database, folder: Path, names: Iterable[str]) -> set[str]:
    """Those of the names whose locks somebody holds, asked without locks of one's own. Raises `StoreFault`."""
    if database.dialect == "sqlite":
        return {name for name in names if is_held(_file(folder, name))}
    with database.read() as connection:
        held = {row[0] for row in connection.exec_driver_sql(_HELD, (CLASS,))}
    return {name for name in names if _number(name) % 2**32 in held}


def _file(folder: Path, name: str) -> Path:
    return folder / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}{LOCK}"


def _number(name: str) -> int:
    """A signed 32-bit number for a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big", signed=True)
