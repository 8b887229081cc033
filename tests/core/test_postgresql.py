"""What only PostgreSQL can do to records: refuse, restart, break, run full, stand still."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, func, insert, select

from core import BadInput, Cause, Database, Migration, StoreFault, create_all, look_at_database
from core.store import postgresql
from tests.standins.postgres import PASSWORD, Postgres

ROOT = Path(__file__).parents[2]
METADATA = MetaData()
ROWS = Table("rows", METADATA, Column("key", String, primary_key=True), Column("n", Integer))
FIRST = Migration("test", 1, create_all(METADATA))


@pytest.fixture
def database(fresh_database: str) -> Database:
    return Database(fresh_database, [FIRST])


def count(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(ROWS)).scalar_one())


def add(database: Database, key: str) -> None:
    with database.write() as connection:
        connection.execute(insert(ROWS).values(key=key))


def refused(address: str) -> BadInput:
    """What a user is told, within seconds, and never the password."""
    begun = time.monotonic()
    with pytest.raises(BadInput) as told:
        Database(address, [FIRST])
    assert time.monotonic() - begun < 50
    assert PASSWORD not in str(told.value)
    assert "secret" not in str(told.value)
    with pytest.raises(BadInput) as looked:
        look_at_database(address)
    assert looked.value.what == told.value.what
    return told.value


WRONG: dict[str, tuple[Callable[[str], str], str]] = {
    "user": (lambda url: url.replace("//upbench:", "//nobody:"), 'failed for user "nobody"'),
    "password": (lambda url: url.replace("secret", "guess"), 'failed for user "upbench"'),
    "database": (lambda url: url + "x", 'x" does not exist'),
    "port": (lambda url: url.rsplit(":", 1)[0] + ":1/x", "port 1 failed"),
    "host": (lambda url: url.replace("127.0.0.1", "no.such.host.invalid"), "no.such.host.invalid"),
    "socket": (lambda url: url + "?host=/nowhere", "/nowhere"),
    "option": (lambda url: url + "?nonsense=1", 'invalid connection option "nonsense"'),
    "port no number": (lambda _url: "postgresql://a:secret@h:port/x", "not an address"),
    "no database": (lambda _url: "postgresql://a:secret@h", "not an address"),
    "another scheme": (lambda _url: "mysql://a:secret@h/x", "not an address"),
    "empty": (lambda _url: "", "not an address"),
}


@pytest.mark.parametrize(("spoil", "says"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_address_is_one_line(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[str], str], says: str
) -> None:
    monkeypatch.setattr(postgresql, "OPENING_SECONDS", 0.2)
    error = refused(spoil(fresh_database))
    assert says in str(error)
    assert error.mend
    assert "\n" not in str(error)


def test_a_server_that_is_too_old_is_refused(fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "OLDEST", 99)
    error = refused(fresh_database)
    assert "the server is PostgreSQL 1" in str(error)
    assert error.mend == "use PostgreSQL 99 or later"


def test_another_encoding_is_refused(postgres: Postgres) -> None:
    url = postgres.database(encoding="LATIN1")
    assert "its encoding is LATIN1" in str(refused(url))
    postgres.drop(url)


def test_a_user_who_may_not_make_tables_is_refused(postgres: Postgres, fresh_database: str) -> None:
    with postgres.connect(fresh_database.rsplit("/", 1)[1]) as server:
        server.execute("DROP SCHEMA public")
    assert "user upbench may not make tables" in str(refused(fresh_database))


def test_too_many_connections_are_said_and_waited_for(postgres: Postgres, fresh_database: str) -> None:
    first = Database(fresh_database, [FIRST])
    name = fresh_database.rsplit("/", 1)[1]
    with postgres.connect() as server, first.read() as connection:
        connection.execute(select(func.count()).select_from(ROWS))
        server.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 1")
        assert "too many connections" in str(refused(fresh_database))
        threading.Timer(0.5, server.execute, [f"ALTER DATABASE {name} CONNECTION LIMIT 9"]).start()
        add(first, "a")
    assert count(first) == 1


def test_a_server_that_stands_still_is_told_within_seconds(postgres: Postgres, fresh_database: str) -> None:
    postgres.pause()
    error = refused(fresh_database + "?connect_timeout=2")
    postgres.resume()
    assert "timeout" in str(error)
    assert error.mend == "see that the address is right, and that a server listens there"


def stop(mode: str) -> Callable[[Postgres], None]:
    return lambda server: server.stop(mode)


ENDS = {"fast": stop("fast"), "immediate": stop("immediate"), "killed": Postgres.kill}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_a_server_that_restarts_is_waited_for(
    postgres: Postgres, database: Database, end: Callable[[Postgres], None]
) -> None:
    add(database, "before")
    end(postgres)
    threading.Timer(0.5, postgres.start).start()
    add(database, "after")
    assert count(database) == 2


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_what_breaks_within_a_transaction_is_a_store_fault_and_nothing_is_written(
    postgres: Postgres, database: Database, end: Callable[[Postgres], None]
) -> None:
    with pytest.raises(StoreFault) as told, database.write() as connection:  # noqa: PT012
        connection.execute(insert(ROWS).values(key="lost"))
        end(postgres)
        connection.execute(insert(ROWS).values(key="never"))
    assert told.value.cause is Cause.store_failed
    assert PASSWORD not in str(told.value)
    postgres.start()
    add(database, "after")
    assert count(database) == 1


def test_a_server_that_goes_before_the_commit_is_a_store_fault(postgres: Postgres, database: Database) -> None:
    with pytest.raises(StoreFault), database.write() as connection:  # noqa: PT012
        connection.execute(insert(ROWS).values(key="lost"))
        postgres.stop("immediate")
    postgres.start()
    assert count(database) == 0


def test_what_was_committed_outlives_a_kill_among_many_writers(postgres: Postgres, database: Database) -> None:
    kept: list[str] = []
    broken: list[StoreFault] = []
    done = threading.Event()

    def write(name: str) -> None:
        number = 0
        while not done.is_set():
            key = f"{name}/{number}"
            number += 1
            try:
                add(database, key)
            except StoreFault as fault:
                broken.append(fault)
            else:
                kept.append(key)

    writers = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for writer in writers:
        writer.start()
    for _ in range(3):
        time.sleep(0.3)
        postgres.kill()
        postgres.start()
    before = len(kept)
    while len(kept) == before:  # they go on by themselves
        time.sleep(0.05)
    done.set()
    for writer in writers:
        writer.join(60)
    with database.read() as connection:
        there = set(connection.execute(select(ROWS.c.key)).scalars())
    assert set(kept) <= there
    assert len(there) <= len(kept) + len(broken)


def test_a_server_that_stays_away_is_a_store_fault(
    postgres: Postgres, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "WAIT_SECONDS", 0.5)
    database._store.opened()  # takes the bound anew
    postgres.stop()
    begun = time.monotonic()
    with pytest.raises(StoreFault), database.read():
        pass
    assert time.monotonic() - begun < 30


def test_one_that_is_still_starting_is_waited_for_at_the_opening(postgres: Postgres, fresh_database: str) -> None:
    postgres.kill()
    postgres.start(wait=False)
    assert count(Database(fresh_database, [FIRST])) == 0


def test_one_that_goes_in_the_midst_of_the_opening_is_waited_for(postgres: Postgres, fresh_database: str) -> None:
    """It had answered, so its address is right: it is no mistake of the user's."""
    begun: list[int] = []

    def cut_off(connection: Connection) -> None:
        begun.append(1)
        create_all(METADATA)(connection)
        if len(begun) == 1:
            postgres.kill()
            threading.Timer(1.0, postgres.start).start()

    assert count(Database(fresh_database, [Migration("test", 1, cut_off)])) == 0
    assert len(begun) == 2


def test_a_transaction_that_the_operator_ends_is_a_store_fault(postgres: Postgres, database: Database) -> None:
    with pytest.raises(StoreFault), database.write() as connection:  # noqa: PT012
        backend = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with postgres.connect() as server:
            server.execute(f"SELECT pg_terminate_backend({backend})")
        add(database, "by another connection")
        connection.execute(select(ROWS)).all()
    assert count(database) == 1


REFUSALS = {
    "disk full": ("53100", Cause.disk_full),
    "out of memory": ("53200", Cause.store_failed),
    "read only": ("25006", Cause.store_failed),
    "damaged": ("XX001", Cause.store_failed),
    "no privilege": ("42501", Cause.store_failed),
}


@pytest.mark.parametrize(("code", "cause"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refusals_of_the_server_have_causes(database: Database, code: str, cause: Cause) -> None:
    with pytest.raises(StoreFault) as told, database.write() as connection:
        connection.exec_driver_sql(f"DO $$ BEGIN RAISE SQLSTATE '{code}'; END $$")
    assert told.value.cause is cause


def test_who_waits_too_long_for_a_lock_is_told(database: Database) -> None:
    add(database, "a")
    query = select(ROWS).with_for_update()
    with database.write() as first:
        first.execute(query)
        with pytest.raises(StoreFault), database.write() as second:  # noqa: PT012
            second.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
            second.execute(query)
    assert count(database) == 1


def test_of_two_in_a_deadlock_one_is_told_and_the_other_goes_on(database: Database) -> None:
    add(database, "a")
    add(database, "b")
    both = threading.Barrier(2)
    faults: list[StoreFault] = []

    def lock(first: str, second: str) -> None:
        try:
            with database.write() as connection:
                connection.execute(select(ROWS).where(ROWS.c.key == first).with_for_update())
                both.wait(60)
                connection.execute(select(ROWS).where(ROWS.c.key == second).with_for_update())
        except StoreFault as fault:
            faults.append(fault)

    threads = [threading.Thread(target=lock, args=keys) for keys in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(faults) == 1


def test_nothing_is_written_by_a_read(database: Database) -> None:
    with pytest.raises(StoreFault), database.read() as connection:
        connection.execute(insert(ROWS).values(key="a"))
    assert count(database) == 0


def test_text_loses_no_character_but_nul(database: Database) -> None:
    text = "a\0b\U0001f600 é\u2028"
    add(database, text)
    with database.read() as connection:
        assert connection.execute(select(ROWS.c.key)).scalar_one() == text.replace("\0", "\ufffd")
        assert connection.execute(select(ROWS.c.key).where(ROWS.c.key == text)).all()


HOLD = """
import sys, time
from core import Database
database = Database(sys.argv[1], [])
with database.write() as connection:
    connection.exec_driver_sql("SELECT * FROM rows FOR UPDATE")
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_locks_of_a_killed_process_go_with_it(database: Database, fresh_database: str) -> None:
    add(database, "a")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, fresh_database], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    threading.Timer(0.3, holder.kill).start()
    begun = time.monotonic()
    with database.write() as connection:
        assert connection.execute(select(ROWS).with_for_update()).all()
    assert time.monotonic() - begun < 60
    holder.wait(60)


def test_sessions_do_not_outlive_vanished_or_stopped_processes(database: Database) -> None:
    settings = ("tcp_keepalives_idle", "tcp_keepalives_count", "idle_in_transaction_session_timeout")
    with database.read() as connection:
        found = [connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in settings]
        default = connection.exec_driver_sql("SHOW transaction_isolation").scalar_one()
    assert found == ["10", "3", "1min"]
    assert default == "repeatable read"
    with database.write() as connection:
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar_one() == "read committed"


@pytest.mark.parametrize("option", ["password", "sslpassword"])
def test_a_password_among_the_options_is_not_shown(option: str) -> None:
    store = postgresql.PostgresqlDatabase(f"postgresql://upbench@/name?{option}=hush-hush&host=/nowhere")
    assert store.shown == "postgresql://upbench@/name?host=%2Fnowhere"
    assert "hush-hush" in store.url
    with pytest.raises(BadInput) as told:
        look_at_database(store.url.replace("+psycopg", ""))
    assert "hush-hush" not in str(told.value)


def test_the_address_is_shown_without_the_password(database: Database, fresh_database: str) -> None:
    assert PASSWORD not in database.shown
    assert "***" not in database.shown
    assert database.shown.startswith("postgresql://upbench@127.0.0.1:")
    assert database.dialect == "postgresql"
    assert database.path is None
    said = look_at_database(fresh_database)
    assert said.startswith("PostgreSQL ")
    assert database.shown in said
