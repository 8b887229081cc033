"""A real PostgreSQL server for tests: a cluster in a temporary folder, to be stopped, killed and started again.

Import the fixtures into a room's conftest, by name and into its `__all__`.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from psycopg import pq, sql

from tests.support import free_port, lacking

__all__ = ["Postgres", "database_place", "fresh_database", "postgres"]

USER, PASSWORD = "upbench", "a secret/with @ signs"
_SECONDS = 60
# Nothing here outlives the machine, so nothing needs to be on the disk; commits outlive the server all the same.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "autovacuum_naptime": "1h",
    "log_min_messages": "fatal",
}


def _program(name: str) -> str | None:
    """On the PATH, or where Debian puts it."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return shutil.which(name) or (str(debian[-1]) if debian else None)


def unusable() -> str | None:
    """Why there can be no server here, or None."""
    lack = [name for name in ("initdb", "postgres") if _program(name) is None]
    if lack:
        return f"{' and '.join(lack)} not found"
    if os.geteuid() == 0 and "postgres" not in {user.pw_name for user in pwd.getpwall()}:
        return "PostgreSQL refuses to run as root, and there is no user postgres"
    return None


class Postgres:
    """One cluster; every database that is asked for is a new one.

    Args:
        listen: Addresses it listens on (`*`: all of them), beside a Unix socket.

    Attributes:
        port: The same through all restarts.
    """

    def __init__(self, listen: str = "127.0.0.1") -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="upbench-postgres-"))
        self._data = self._folder / "data"
        self._listen = listen
        self._process: subprocess.Popen[bytes] | None = None
        # The server dies with the thread that started it, so that is one which stays as long as we do.
        self._starter = ThreadPoolExecutor(max_workers=1)
        self.port = free_port()
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self._folder, account.pw_uid, account.pw_gid)
        self._make()
        self.start()
        with self.connect() as connection:
            name = sql.Identifier(USER)
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(name, PASSWORD))

    def _make(self) -> None:
        arguments = (
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            "--no-instructions",
        )
        self._run("initdb", "-D", str(self._data), *arguments)
        rules = "local all all trust\nhost all all all scram-sha-256\n"
        (self._data / "pg_hba.conf").write_text(rules)
        settings = _SETTINGS | {
            "listen_addresses": self._listen,
            "port": str(self.port),
            "unix_socket_directories": str(self._folder),
        }
        with (self._data / "postgresql.conf").open("a") as stream:
            stream.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def _popen(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        found = _program(program)
        assert found is not None
        log = (self._folder / "log").open("ab")
        root = os.geteuid() == 0
        account = pwd.getpwnam("postgres") if root else None
        with log:
            return self._starter.submit(
                subprocess.Popen,
                [found, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if root else None,
                start_new_session=True,
                preexec_fn=_die_with_starter,
            ).result()

    def _run(self, program: str, *arguments: str) -> None:
        process = self._popen(program, *arguments)
        if process.wait(_SECONDS) != 0:
            raise RuntimeError(f"{program}: {(self._folder / 'log').read_text()[-2000:]}")

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A connection of the superuser, each statement a transaction of its own."""
        parameters = {"host": str(self._folder), "port": self.port, "user": "postgres", "dbname": database}
        return psycopg.connect(**parameters, autocommit=True)  # type: ignore[arg-type]

    def url(self, database: str, *, user: str = USER, password: str = PASSWORD, host: str = "127.0.0.1") -> str:
        """The address of a database, as settings name it."""
        from urllib.parse import quote

        return f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@{host}:{self.port}/{database}"

    def database(self, *, encoding: str = "UTF8") -> str:
        """The address of a new, empty database, made in some milliseconds.

        It orders text by the rules of a language, as most databases of users do.
        """
        name = f"test_{secrets.token_hex(6)}"
        values = [sql.Identifier(name), sql.Identifier(USER), encoding, "C.UTF-8" if encoding == "UTF8" else "C"]
        with self.connect() as connection:
            text = "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING {} LOCALE {}"
            if encoding == "UTF8" and connection.info.server_version >= 150000:
                text += " LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
            connection.execute(sql.SQL(text).format(*values))
        return self.url(name)

    def drop(self, url: str) -> None:
        """Drop a database, whoever is connected to it."""
        name = sql.Identifier(url.rsplit("/", 1)[1].partition("?")[0])
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))

    @property
    def process_id(self) -> int:
        """Of the server's first process, the parent of all others."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it takes connections."""
        parameters = f"host={self._folder} port={self.port} user=postgres dbname=postgres connect_timeout=2"
        return bool(pq.PGconn.ping(parameters.encode()) == pq.Ping.OK)

    def start(self, *, wait: bool = True) -> None:
        """Start it where it does not run; with `wait`, until it takes connections."""
        until = time.monotonic() + _SECONDS
        self._begin()
        while wait and not self.running:
            if time.monotonic() > until:
                raise RuntimeError(f"postgres: {(self._folder / 'log').read_text()[-2000:]}")
            time.sleep(0.02)
            self._begin()  # what a killed one held is not free at once

    def _begin(self) -> None:
        if self._process is None or self._process.poll() is not None:
            self._process = self._popen("postgres", "-D", str(self._data))

    def stop(self, mode: str = "fast") -> None:
        """Stop it: `smart` waits for connections to end, `fast` ends them, `immediate` is a crash."""
        sent = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode]
        self._end(sent)

    def kill(self) -> None:
        """SIGKILL to the server and every process of it; it recovers at its next start."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGSTOP)  # or it would end its children in order
            for child in self._children():
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Let every process of it stand still: it neither answers nor refuses."""
        self._send_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after a pause."""
        self._send_all(signal.SIGCONT)

    def close(self) -> None:
        """End it and remove its folder."""
        self.resume()
        self.stop("immediate")
        self._starter.shutdown()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self, sent: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(sent)
            try:
                self._process.wait(_SECONDS / 3)
            except subprocess.TimeoutExpired:
                if sent != signal.SIGQUIT:
                    raise
                return self.kill()  # a crash was asked for
        # A killed server leaves these behind, and its number may be somebody else's by now.
        if sent == signal.SIGKILL:
            (self._data / "postmaster.pid").unlink(missing_ok=True)

    def _send_all(self, sent: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(sent)  # first: while it stands still it makes no more
        for child in self._children():
            with suppress(ProcessLookupError):
                os.kill(child, sent)

    def _children(self) -> list[int]:
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [int(one) for one in children.read_text().split()]


def _die_with_starter() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests of a session; who stops it starts it again."""
    problem = unusable()
    if problem is not None:
        lacking("postgres", problem)
    server = Postgres()
    yield server
    server.close()


@pytest.fixture
def fresh_database(postgres: Postgres) -> Iterator[str]:
    """The address of a new, empty database of a running server."""
    url = postgres.database()
    yield url
    postgres.resume()
    postgres.start()
    postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a test opens its database, once on each dialect: a file that is not there yet, a fresh database."""
    if request.param == "sqlite":
        return tmp_path / "records" / "upbench.db"
    return str(request.getfixturevalue("fresh_database"))
