"""Records: one SQL database for all rooms, a SQLite file or a PostgreSQL database.

Rooms own their tables and migrations; this module only opens the database, brings the tables up to date and
hands out transactions. Transactions are short and synchronous.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, exc

from core.causes import Cause
from core.errors import BadInput, StoreFault
from core.store.migrations import Migration, apply_migrations
from core.store.postgresql import PostgresqlDatabase
from core.store.sqlite import SqliteFile

_SQLITE = "sqlite:///"


class Database:
    """A SQL database with the given rooms' tables in it.

    Args:
        place: A SQLite file (a path, or `sqlite:///PATH`), made where there is none yet; or a PostgreSQL database
            (`postgresql://user:password@host:port/name`), which must be there.
        migrations: Of every room; each is applied once, however many processes open the database at one time.

    Raises:
        BadInput: There is something else in that place, it cannot be opened, is damaged, or is of a newer UpBench.

    Attributes:
        dialect: `sqlite` or `postgresql`.
        path: The SQLite file; None on PostgreSQL.
        url: For SQLAlchemy, with the password; not to be shown.
        shown: The place in words for people, without the password.
        connect_args: What an engine of somebody's own on the same database should give its driver.
    """

    def __init__(self, place: Path | str, migrations: Sequence[Migration]) -> None:
        self._store: SqliteFile | PostgresqlDatabase
        if isinstance(place, Path) or place.startswith(_SQLITE):
            self._store = SqliteFile(Path(str(place).removeprefix(_SQLITE)))
        else:
            self._store = PostgresqlDatabase(place)
        self.dialect: str = self._store.dialect
        self.path: Path | None = self._store.path
        self.url: str = self._store.url
        self.shown: str = self._store.shown
        self.connect_args: dict[str, Any] = self._store.connect_args
        opened = False
        try:
            self._open(migrations)
            opened = True
        except StoreFault as fault:
            what = f"cannot be opened: {fault.problem}"
            raise BadInput(what, file=self.shown, mend=self._store.mend()) from fault
        finally:
            if not opened:
                self.close()

    def _open(self, migrations: Sequence[Migration]) -> None:
        """Make the tables. A server that goes away in the midst of it had answered: it is waited for, once."""
        answered = False
        for last in (False, True):
            try:
                with self.write() as connection:
                    answered = True
                    self._store.opened()
                    self._store.prepare(connection)
                    apply_migrations(connection, migrations, file=self.shown)
            except StoreFault:
                if last or not answered:
                    raise
            else:
                return

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A write transaction: committed at the end of the block, rolled back when it raises.

        On SQLite all writers take turns. On PostgreSQL they do not: what must not change between reading and
        writing is read `with_for_update()`, and rows are added by `insert_new`.

        Raises:
            StoreFault: The database refused (locked past the bound, disk full, damaged) or went away.
        """
        with self._translate(), self._store.write() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction over one consistent snapshot. Raises `StoreFault`."""
        with self._translate(), self._store.read() as connection:
            yield connection

    def joined(self, connection: Connection) -> Database:
        """This database within a transaction that is under way, which `connection` is of.

        Whoever is given it reads and writes in that transaction, and begins, commits and closes nothing.
        """
        return _Joined(self, connection)

    def bound(self, engine: Engine) -> None:
        """Bound how long an engine of somebody's own on the same database waits, as ours are bounded.

        To be called before it connects. Waiting for a lock ends after 30 s, an idle transaction after 60 s, a
        connection whose other end has vanished after 25 s; one to a server that stands still when it is severed.
        """
        self._store.bound(engine)

    def sever(self) -> None:
        """Break off every connection to a server, from any thread: who waits for an answer gets a `StoreFault`.

        What is asked for afterwards connects anew. On SQLite there is nothing to break off.
        """
        self._store.sever()

    @contextmanager
    def _translate(self) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            cause = self._store.cause_of(error)
            if cause is None:
                raise
            raise StoreFault(cause, f"{self.shown}: {error.orig}", problem=str(error.orig)) from error
        except exc.TimeoutError as error:  # more threads than connections, past the bound
            raise StoreFault(Cause.store_failed, f"{self.shown}: no connection is free") from error

    def close(self) -> None:
        """Close every connection."""
        self._store.close()


class _Joined(Database):
    """See `Database.joined`."""

    def __init__(self, database: Database, connection: Connection) -> None:
        vars(self).update(vars(database))
        self._connection = connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        yield self._connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        yield self._connection

    def close(self) -> None:
        return


def look_at_database(address: str) -> str:
    """What answers at the address of a PostgreSQL database, in words; nothing is written.

    Raises:
        BadInput: It is no such address, or the database cannot be used.
    """
    store = PostgresqlDatabase(address)
    try:
        return store.look()
    except exc.DBAPIError as error:
        raise BadInput(f"cannot be opened: {error.orig}", file=store.shown, mend=store.mend()) from error
    finally:
        store.close()
