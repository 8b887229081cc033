"""Records in a PostgreSQL database: for many workers on many machines."""

from __future__ import annotations

import functools
import random
import time
import timeit
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url

from core.causes import Cause
from core.errors import BadInput
from core.store.severing import Severing

OLDEST = 14
"""Major version of the oldest server that is taken."""

OPENING_SECONDS = 3.0
"""How long a server that does not answer at all is waited for when it is first asked."""

WAIT_SECONDS = 60.0
"""How long a server that is restarting is waited for when a transaction begins."""

_PAUSES = (0.05, 2.0)
_FIELD = "database"
_SECRET = ("password", "sslpassword", "oauth_client_secret")
"""Options of libpq that nobody is to see."""

# The names of the advisory locks are numbers of ours; they hold within one database.
_MIGRATIONS_LOCK = 0x55704265

# Vanished hosts and stopped processes must not keep locks for hours: the kernel's own patience is two hours.
_CONNECT_ARGS = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
    "client_encoding": "utf8",
    "application_name": "upbench",
}
_SESSION = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    # Where an answer was on its way when the client vanished, no keep-alive is sent: without this the server waits
    # for 15 minutes, and holds what was locked.
    "tcp_user_timeout": "25000",
    "idle_in_transaction_session_timeout": "60s",
    "lock_timeout": "30s",
}
_CONFIGURE = "SELECT " + ", ".join(f"set_config('{name}', '{value}', false)" for name, value in _SESSION.items())
_WRITE, _READ = "BEGIN ISOLATION LEVEL READ COMMITTED", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

# SQLSTATE classes and codes (PostgreSQL's documentation, appendix A).
_DISK_FULL = "53100"
_NOT_NOW = ("08", "53", "57P")  # connection exceptions, too little of something, the operator shuts it down
# Privileges, tables or columns taken away behind our back, or (0A000) changed under a statement that is prepared.
_TAMPERED = ("42501", "42P01", "42703", "3F000", "0A000")
_OURS = (exc.IntegrityError, exc.ProgrammingError, exc.DataError, exc.NotSupportedError)


class PostgresqlDatabase:
    """Pooled connections to a PostgreSQL database.

    A transaction begins with a statement of its own, which tells at once whether a pooled connection still lives.
    A server that is down for a moment is waited for there; what breaks later ends the transaction.

    Args:
        address: `postgresql://user:password@host:port/name`, with libpq's further options as a query.

    Raises:
        BadInput: It is no such address.
    """

    dialect = "postgresql"
    path = None

    def __init__(self, address: str) -> None:
        url = _parsed(address)
        self.shown = _shown(url)
        self.url = url.render_as_string(hide_password=False)
        self.connect_args: dict[str, Any] = {k: v for k, v in _CONNECT_ARGS.items() if k not in url.query}
        self._patience = OPENING_SECONDS
        self._answered = True  # the server itself did, when it was last asked
        self._engine = create_engine(url, pool_size=4, max_overflow=12, connect_args=self.connect_args)
        self._conninfo = self._told_the_driver()
        self._severing = Severing()
        self._severing.watch(self._engine)
        event.listen(self._engine, "connect", _configure)
        event.listen(self._engine, "begin", _begin)

    def _told_the_driver(self) -> str:
        from psycopg import ProgrammingError
        from psycopg.conninfo import make_conninfo

        told = {**self._engine.dialect.create_connect_args(self._engine.url)[1], **self.connect_args}
        told.pop("context")  # how values are adapted: not libpq's business
        try:
            return make_conninfo(**told)
        except ProgrammingError as error:
            raise BadInput(
                str(error), file=self.shown, field=_FIELD, mend="see libpq's connection options"
            ) from error

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A READ COMMITTED transaction: what it must not see change it locks (`with_for_update`)."""
        with self._begun(_WRITE) as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction over one snapshot."""
        with self._begun(_READ) as connection:
            yield connection

    @contextmanager
    def _begun(self, begin: str) -> Iterator[Connection]:
        with self._connect(begin) as connection, connection.get_transaction() or connection.begin():
            yield connection

    def _connect(self, begin: str) -> Connection:
        """A connection whose transaction has begun; waits for a server that is down for a moment."""
        begun = time.monotonic()
        pause = _PAUSES[0]
        while True:
            connection = None
            try:
                connection = self._engine.connect()
                connection.info["begin"] = begin
                connection.begin()
            except (exc.OperationalError, exc.InterfaceError) as error:
                if connection is not None:
                    connection.close()
                if time.monotonic() + pause > begun + self._patience_for(error):
                    raise
            else:
                return connection
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
            pause = min(2 * pause, _PAUSES[1])

    def _patience_for(self, error: exc.DBAPIError) -> float:
        """Seconds. Failed logins have no SQLSTATE in libpq: whether the server takes connections is asked."""
        from psycopg import errors, pq

        code = getattr(error.orig, "sqlstate", None)
        if code is not None:
            return WAIT_SECONDS if code.startswith(_NOT_NOW) else 0.0
        if isinstance(error.orig, errors.ConnectionTimeout):  # asking would take as long again
            self._answered = False
            return self._patience
        ping = pq.PGconn.ping(self._conninfo.encode())
        self._answered = ping == pq.Ping.OK
        # REJECT: it is starting up or shutting down.
        return WAIT_SECONDS if ping == pq.Ping.REJECT else self._patience

    def prepare(self, connection: Connection) -> None:
        """See that the server can be used; hold it against others who bring its tables up to date.

        Raises:
            BadInput: The server is too old, the database's encoding is not UTF-8, or the user may not make tables.
        """
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATIONS_LOCK})")
        self._see(connection)

    def look(self) -> str:
        """What answers, in words; nothing is written.

        Raises:
            BadInput: As `prepare`.
            sqlalchemy.exc.DBAPIError: It cannot be reached.
        """
        with self.read() as connection:
            self._see(connection)
            version, most = connection.exec_driver_sql(
                "SELECT current_setting('server_version'), current_setting('max_connections')"
            ).one()
            seconds = min(timeit.repeat(lambda: connection.exec_driver_sql("SELECT 1").one(), number=1))
        return f"PostgreSQL {version} at {self.shown}, {most} connections, {seconds * 1e3:.1f} ms away"

    def _see(self, connection: Connection) -> None:
        found = connection.exec_driver_sql(
            "SELECT current_setting('server_version_num')::int / 10000 AS version,"
            " current_setting('server_encoding') AS encoding,"
            " has_schema_privilege(current_schema(), 'CREATE') AS may_create, current_user AS me"
        ).one()
        if found.version < OLDEST:
            what = f"the server is PostgreSQL {found.version}"
            raise BadInput(what, file=self.shown, field=_FIELD, mend=f"use PostgreSQL {OLDEST} or later")
        if found.encoding != "UTF8":
            mend = "createdb --encoding=UTF8 --template=template0 NAME"
            raise BadInput(f"its encoding is {found.encoding}", file=self.shown, field=_FIELD, mend=mend)
        if not found.may_create:
            what, mend = f"user {found.me} may not make tables in it", "ALTER DATABASE ... OWNER TO that user"
            raise BadInput(what, file=self.shown, field=_FIELD, mend=mend)

    def opened(self) -> None:
        """From now on the address is known to be right: whatever is wrong with it may pass."""
        self._patience = WAIT_SECONDS

    def cause_of(self, error: exc.DBAPIError) -> Cause | None:
        """The cause of a refusal; None where the statement was wrong."""
        code = getattr(error.orig, "sqlstate", None)
        if isinstance(error, _OURS) and code not in _TAMPERED:
            return None
        return Cause.disk_full if code == _DISK_FULL else Cause.store_failed

    def mend(self) -> str:
        """What helps where it cannot be opened."""
        if self._answered:
            return "see that user, password and database are right; `createdb NAME` makes one"
        return "see that the address is right, and that a server listens there"

    def bound(self, engine: Engine) -> None:
        """See `Database.bound`."""
        self._severing.watch(engine)
        event.listen(engine, "connect", _bound)

    def sever(self) -> None:
        """See `Database.sever`."""
        self._severing.sever()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _parsed(address: str) -> URL:
    try:
        url = make_url(address)
    except (exc.ArgumentError, ValueError):
        url = None
    if url is None or url.get_backend_name() != "postgresql" or not url.database:
        mend = "write it as postgresql://user:password@host:port/name"
        raise BadInput("not an address of a PostgreSQL database", field=_FIELD, mend=mend)
    return url.set(drivername="postgresql+psycopg")


def _shown(url: URL) -> str:
    """For people, without what is secret: a password may also stand among the options."""
    plain = url.difference_update_query(_SECRET).set(drivername="postgresql")
    return plain.render_as_string(hide_password=True).replace(":***@", "@")


def _configure(connection: Any, _record: Any) -> None:
    # The driver's own BEGIN is switched off, so that `_begin` can say what begins; COMMIT stays the driver's.
    connection.autocommit = True
    connection.execute(_CONFIGURE)
    connection.adapters.register_dumper(str, _text_dumper())


def _bound(connection: Any, _record: Any) -> None:
    connection.autocommit = True  # what a transaction sets goes when it is rolled back
    connection.execute(_CONFIGURE)
    connection.autocommit = False


@functools.cache
def _text_dumper() -> type:
    """PostgreSQL's text holds no NUL; it is written as U+FFFD."""
    from psycopg.adapt import Dumper  # the driver is imported only where it is used

    class TextDumper(Dumper):
        def dump(self, obj: str) -> bytes:
            return obj.replace("\0", "\ufffd").encode()

    return TextDumper


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.info["begin"])
