"""Whoever waits for a server that stands still can be told from outside that no answer comes."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import create_engine, event, exc

from core import Database, StoreFault


@pytest.fixture
def database(fresh_database: str) -> Database:
    return Database(fresh_database, ())


def test_what_waits_is_broken_off_and_goes_on_anew(database: Database) -> None:
    begun, told = threading.Event(), list[BaseException]()

    def wait() -> None:
        try:
            with database.read() as connection:
                begun.set()
                connection.exec_driver_sql("select pg_sleep(600)")
        except StoreFault as fault:
            told.append(fault)

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    assert begun.wait(60)
    deadline = time.monotonic() + 60
    while waiting.is_alive():  # the statement may be sent a moment later
        assert time.monotonic() < deadline
        database.sever()
        waiting.join(0.1)
    assert len(told) == 1
    with database.write() as connection:
        assert connection.exec_driver_sql("select 1").scalar() == 1
    database.close()


def test_an_engine_of_somebodys_own_waits_no_longer_than_ours(database: Database) -> None:
    engine, made = create_engine(database.url, connect_args=database.connect_args), list[object]()
    database.bound(engine)
    event.listen(engine, "connect", lambda connection, _record: made.append(connection))
    asked = "select current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout')"
    with engine.connect() as connection:
        connection.exec_driver_sql("select 1")
        connection.rollback()
        assert tuple(connection.exec_driver_sql(asked).one()) == ("30s", "1min")
        told = dict(connection.connection.driver_connection.info.get_parameters())  # type: ignore[union-attr]
        assert (told["tcp_user_timeout"], told["keepalives_idle"]) == ("25000", "10")
    database.sever()
    with engine.connect() as connection, pytest.raises(exc.OperationalError):
        connection.exec_driver_sql("select 1")
    with engine.connect() as connection:
        connection.exec_driver_sql("select 1")
    assert len(made) == 2
    engine.dispose()
    database.close()
