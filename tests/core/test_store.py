from __future__ import annotations

import io
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Column, Float, Integer, MetaData, String, Table, Text, func, insert, select, update

from core import (
    BadInput,
    Blobs,
    Cause,
    Database,
    Migration,
    StoreFault,
    add_columns,
    create_all,
    drop_table,
    insert_new,
    insert_or_update,
    sha256_bytes,
)

ROOT = Path(__file__).parents[2]
METADATA = MetaData()
NUMBERS = Table("numbers", METADATA, Column("n", Integer, primary_key=True))
NOTES = Table(
    "notes",
    METADATA,
    Column("key", String, primary_key=True),
    Column("body", Text, nullable=False, server_default="nothing"),
    Column("at", Float),
)
FIRST = Migration("test", 1, create_all(METADATA))
Place = Path | str


@pytest.fixture
def database(database_place: Place) -> Database:
    return Database(database_place, [FIRST])


def count(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(NUMBERS)).scalar_one())


def add(database: Database, *numbers: int) -> None:
    with database.write() as connection:
        connection.execute(insert(NUMBERS), [{"n": n} for n in numbers])


def at_once(work: Callable[[int], None], threads: int) -> list[BaseException]:
    """Run `work(0)`, `work(1)` ... at one time; what they raised."""
    raised: list[BaseException] = []
    ready = threading.Barrier(threads)

    def run(number: int) -> None:
        ready.wait()
        try:
            work(number)
        except (BadInput, StoreFault, AssertionError, ValueError) as error:
            raised.append(error)

    running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(60)
    assert not any(thread.is_alive() for thread in running)
    return raised


def test_a_transaction_is_all_or_nothing(database: Database) -> None:
    def write_and_stop() -> None:
        with database.write() as connection:
            connection.execute(insert(NUMBERS).values(n=1))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_and_stop()
    assert count(database) == 0
    add(database, 1)
    assert count(database) == 1


def test_a_sqlite_file_is_in_wal_mode(tmp_path: Path) -> None:
    database = Database(tmp_path / "d.db", [FIRST])
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
    assert (database.dialect, database.path) == ("sqlite", tmp_path / "d.db")
    assert Database(f"sqlite:///{tmp_path}/d.db", [FIRST]).path == tmp_path / "d.db"


def test_a_read_sees_one_snapshot(database: Database) -> None:
    add(database, 1)
    query = select(func.count()).select_from(NUMBERS)
    with database.read() as connection:
        assert connection.execute(query).scalar_one() == 1
        add(database, 2)
        assert connection.execute(query).scalar_one() == 1
    assert count(database) == 2


def test_migrations_are_applied_once_and_in_order(database_place: Place) -> None:
    applied: list[int] = []
    steps = [Migration("test", n, lambda _c, n=n: applied.append(n)) for n in (2, 3)]  # type: ignore[misc]
    Database(database_place, [FIRST]).close()
    Database(database_place, [steps[1], FIRST, steps[0]]).close()
    Database(database_place, [FIRST, *steps]).close()
    assert applied == [2, 3]
    with pytest.raises(ValueError, match="not numbered"):
        Database(database_place, [Migration("other", 2, create_all(METADATA))])
    with pytest.raises(BadInput, match="of a newer UpBench"):
        Database(database_place, [FIRST])


def test_a_step_that_fails_leaves_nothing(database_place: Place) -> None:
    def fail(_connection: object) -> None:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        Database(database_place, [FIRST, Migration("test", 2, fail)])
    with Database(database_place, []).read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM migrations").scalar_one() == 0
    assert count(Database(database_place, [FIRST])) == 0


def test_columns_are_added_and_tables_dropped(database_place: Place) -> None:
    first = MetaData()
    Table("notes", first, Column("key", String, primary_key=True))
    Table("old", first, Column("n", Integer, primary_key=True))
    steps = [Migration("test", 1, create_all(first))]
    with Database(database_place, steps).write() as connection:
        connection.exec_driver_sql("INSERT INTO notes VALUES ('k')")
    steps += [Migration("test", 2, add_columns(NOTES, "body", "at")), Migration("test", 3, drop_table("old"))]
    database = Database(database_place, steps)
    with database.read() as connection:
        assert connection.execute(select(NOTES)).all() == [("k", "nothing", None)]
    with pytest.raises(StoreFault, match="old"), database.read() as connection:
        connection.exec_driver_sql("SELECT * FROM old")


@pytest.mark.parametrize("table", ["CREATE TABLE theirs (x int)", "CREATE TABLE migrations (id int, name text)"])
def test_a_database_of_something_else_is_left_alone(
    request: pytest.FixtureRequest, database_place: Place, table: str
) -> None:
    if isinstance(database_place, Path):
        import sqlite3

        database_place.parent.mkdir()
        with sqlite3.connect(database_place) as connection:
            connection.execute(table)
    else:
        name = database_place.rsplit("/", 1)[1]
        with request.getfixturevalue("postgres").connect(name) as server:
            server.execute(table)
    with pytest.raises(BadInput, match="a database of something else"):
        Database(database_place, [FIRST])


OPEN = """
import sys
from agents import AGENT_MIGRATIONS
from core import LLM_MIGRATIONS, Database
from grading import GRADING_MIGRATIONS
from runs import RUN_MIGRATIONS
print("ready", flush=True)
sys.stdin.readline()
place = sys.argv[1]
migrations = [*LLM_MIGRATIONS, *AGENT_MIGRATIONS, *GRADING_MIGRATIONS, *RUN_MIGRATIONS]
Database(place if "://" in place else "sqlite:///" + place, migrations).close()
"""


def test_many_processes_may_begin_at_one_time(database_place: Place) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, str(database_place)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    ended = [process.communicate("go\n", 60) for process in started]
    assert [process.returncode for process in started] == [0] * 4, ended
    with Database(database_place, []).read() as connection:
        rooms = connection.exec_driver_sql("SELECT DISTINCT room FROM migrations").all()
    assert {room for (room,) in rooms} >= {"core.llm", "agents", "grading", "runs"}


def test_many_writers_wait_for_each_other(database_place: Place) -> None:
    databases = [Database(database_place, [FIRST]) for _ in range(2)]

    def write(thread: int) -> None:
        for n in range(50):
            add(databases[thread % 2], thread * 1000 + n)

    assert at_once(write, 4) == []
    assert count(databases[0]) == 200


def test_a_file_is_made_by_several_at_once(tmp_path: Path) -> None:
    for turn in range(10):
        place = tmp_path / f"{turn}.db"
        assert at_once(lambda number, place=place: add(Database(place, [FIRST]), number), 4) == []  # type: ignore[misc]
        assert count(Database(place, [FIRST])) == 4


def test_more_threads_than_connections_take_turns(database: Database) -> None:
    assert at_once(lambda thread: add(database, thread), 32) == []
    assert count(database) == 32


def test_what_was_written_first_stands(database: Database) -> None:
    statement = insert_new(NOTES).returning(NOTES.c.key)
    with database.write() as connection:
        assert connection.execute(statement, {"key": "k", "body": "first"}).scalar() == "k"
        assert connection.execute(statement, {"key": "k", "body": "second"}).scalar() is None
        many = [{"key": "k", "body": "third"}, {"key": "l", "body": "first"}]
        connection.execute(insert_new(NOTES), many)
    with database.read() as connection:
        assert connection.execute(select(NOTES.c.key, NOTES.c.body).order_by(NOTES.c.key)).all() == [
            ("k", "first"),
            ("l", "first"),
        ]


def test_of_many_who_write_the_same_row_one_does(database: Database) -> None:
    statement = insert_new(NOTES).returning(NOTES.c.key)
    written: list[str] = []

    def write(thread: int) -> None:
        for number in range(20):
            with database.write() as connection:
                if connection.execute(statement, {"key": str(number), "body": str(thread)}).scalar():
                    written.append(str(number))

    assert at_once(write, 4) == []
    assert sorted(written, key=int) == [str(number) for number in range(20)]


def test_a_row_that_is_there_is_brought_up_to_date(database: Database) -> None:
    statement = insert_or_update(NOTES, ("key",), ("body",))
    with database.write() as connection:
        connection.execute(statement, {"key": "k", "body": "first", "at": 1.0})
        connection.execute(statement, {"key": "k", "body": "second", "at": 2.0})
        assert connection.execute(select(NOTES)).all() == [("k", "second", 1.0)]


def test_what_is_read_to_be_changed_is_not_changed_by_others(database: Database) -> None:
    add(database, 0)
    with database.write() as connection:
        connection.execute(insert(NOTES).values(key="counter", body="0"))

    def count_up(_thread: int) -> None:
        for _ in range(10):
            with database.write() as connection:
                query = select(NOTES.c.body).where(NOTES.c.key == "counter").with_for_update()
                number = int(connection.execute(query).scalar_one())
                connection.execute(update(NOTES).where(NOTES.c.key == "counter").values(body=str(number + 1)))

    assert at_once(count_up, 4) == []
    with database.read() as connection:
        assert connection.execute(select(NOTES.c.body)).scalar_one() == "40"


KEYS = ["B", "a", "a/", "a/1", "a/\U0001f600", "a0", "b", "ä", "Ω"]


def test_text_is_ordered_by_code_points(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(NOTES), [{"key": key, "body": key} for key in reversed(KEYS)])
    with database.read() as connection:
        ordered = connection.execute(select(NOTES.c.key).order_by(NOTES.c.key)).scalars().all()
        by_body = connection.execute(select(NOTES.c.key).order_by(NOTES.c.body)).scalars().all()
        begins = (NOTES.c.key >= "a/") & (NOTES.c.key < "a/" + "\U0010ffff")
        found = connection.execute(select(NOTES.c.key).where(begins).order_by(NOTES.c.key)).scalars().all()
    assert list(ordered) == list(by_body) == KEYS
    assert list(found) == ["a/", "a/1", "a/\U0001f600"]


def test_a_refusal_is_a_store_fault(database: Database) -> None:
    with pytest.raises(StoreFault), database.write() as connection:
        connection.exec_driver_sql("select * from nowhere")
    assert count(database) == 0


def test_blobs_are_known_by_their_digest(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    digest = blobs.put_bytes(b"hello")
    assert digest == sha256_bytes(b"hello") == blobs.put_stream(io.BytesIO(b"hello"))
    assert blobs.get_bytes(digest) == b"hello"
    blobs.path(digest).write_bytes(b"HELLO")
    for what, name in (("damaged", digest), ("missing", "0" * 64)):
        for read in (blobs.get_bytes, blobs.fetch):
            with pytest.raises(StoreFault, match=what) as found:
                read(name)
            assert found.value.cause is Cause.store_damaged
    with pytest.raises(ValueError, match="not a sha256"):
        blobs.path("../../etc/passwd")
    assert not [path for path in (tmp_path / "blobs").iterdir() if path.is_file()]


def test_of_a_folder_that_is_away_no_blob_is_missing(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    digest = blobs.put_bytes(b"hello")
    blobs.root.rename(tmp_path / "away")
    for read in (blobs.get_bytes, blobs.fetch):
        with pytest.raises(StoreFault, match="is not there") as found:
            read(digest)
        assert found.value.cause is Cause.store_failed
