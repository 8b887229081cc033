from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, func, insert, select

from core import Blobs, Database, Migration, StoreFault, create_all, sha256_bytes

METADATA = MetaData()
NUMBERS = Table("numbers", METADATA, Column("n", Integer, primary_key=True))
FIRST = Migration("test", 1, create_all(METADATA))


def count(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(NUMBERS)).scalar_one())


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "d.db", [FIRST])

    def write_and_stop() -> None:
        with database.write() as connection:
            connection.execute(insert(NUMBERS).values(n=1))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_and_stop()
    assert count(database) == 0
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"


def test_migrations_are_applied_once_and_in_order(tmp_path: Path) -> None:
    applied: list[int] = []
    steps = [Migration("test", n, lambda _c, n=n: applied.append(n)) for n in (2, 3)]  # type: ignore[misc]
    Database(tmp_path / "d.db", [FIRST]).close()
    Database(tmp_path / "d.db", [steps[1], FIRST, steps[0]]).close()
    Database(tmp_path / "d.db", [FIRST, *steps]).close()
    assert applied == [2, 3]
    with pytest.raises(ValueError, match="not numbered"):
        Database(tmp_path / "d.db", [Migration("other", 2, create_all(METADATA))])


def test_many_writers_wait_for_each_other(tmp_path: Path) -> None:
    first = Database(tmp_path / "d.db", [FIRST])
    second = Database(tmp_path / "d.db", [FIRST])

    def write(database: Database, start: int) -> None:
        for n in range(start, start + 50):
            with database.write() as connection:
                connection.execute(insert(NUMBERS).values(n=n))

    threads = [
        threading.Thread(target=write, args=(database, start))
        for start, database in enumerate([first, second, first, second])
        for start in [start * 1000]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(first) == 200


def test_a_refusal_is_a_store_fault(tmp_path: Path) -> None:
    database = Database(tmp_path / "d.db", [FIRST])
    with pytest.raises(StoreFault), database.write() as connection:
        connection.exec_driver_sql("select * from nowhere")


def test_blobs_are_known_by_their_digest(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    digest = blobs.put_bytes(b"hello")
    assert digest == sha256_bytes(b"hello") == blobs.put_stream(io.BytesIO(b"hello"))
    assert blobs.get_bytes(digest) == b"hello"
    blobs.path(digest).write_bytes(b"HELLO")
    with pytest.raises(StoreFault, match="damaged"):
        blobs.get_bytes(digest)
    with pytest.raises(StoreFault, match="missing"):
        blobs.get_bytes("0" * 64)
    with pytest.raises(ValueError, match="not a sha256"):
        blobs.path("../../etc/passwd")
    assert not [path for path in (tmp_path / "blobs").iterdir() if path.is_file()]
