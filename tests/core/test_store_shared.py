"""Several databases of one process over one file, and other processes that come and go."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sqlalchemy import Column, Integer, MetaData, Table, func, insert, select

from core import Database, Migration, create_all

META = MetaData()
ROWS = Table("rows", META, Column("id", Integer, primary_key=True))
MIGRATIONS = [Migration("test", 1, create_all(META))]
OTHER = """
import sys
from pathlib import Path
from sqlalchemy import insert
from tests.core.test_store_shared import MIGRATIONS, ROWS
from core import Database
database = Database(Path(sys.argv[1]), MIGRATIONS)
with database.write() as connection:
    connection.execute(insert(ROWS), [{"id": int(sys.argv[2]) + n} for n in range(1000)])
database.close()
"""


def elsewhere(path: Path, first: int) -> None:
    """Another process writes a thousand rows, and is the last to close the file as far as it can see."""
    command = [sys.executable, "-c", OTHER, str(path), str(first)]
    subprocess.run(command, check=True, timeout=60, cwd=Path(__file__).parents[2])


def test_opening_a_file_once_more_takes_nothing_from_who_has_it_open(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    first = Database(path, MIGRATIONS)
    with first.write() as connection:
        connection.execute(insert(ROWS), [{"id": -1}])
    second = Database(path, MIGRATIONS)
    log = path.with_name("a.db-wal").stat().st_ino
    for number in range(3):
        elsewhere(path, 1000 * number)
        assert path.with_name("a.db-wal").stat().st_ino == log, "the log is still written to by this process"
        with (first, second)[number % 2].write() as connection:
            connection.execute(insert(ROWS), [{"id": -2 - number}])
    with first.read() as connection:
        assert connection.execute(select(func.count()).select_from(ROWS)).scalar_one() == 3004
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
    second.close()
    first.close()
