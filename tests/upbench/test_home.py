"""Where a project's data lies: a file of its own, or a database that several projects and machines share."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import BadInput
from runs import Records
from upbench.home import open_home
from upbench.settings import Settings


def test_nothing_is_made_where_nothing_was_begun(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no project is here yet"):
        open_home(Settings(project=tmp_path), create=False)
    assert not list(tmp_path.iterdir())


def test_a_file_is_the_project_s_own(tmp_path: Path) -> None:
    home = open_home(Settings(project=tmp_path))
    assert home.database.path == tmp_path / ".upbench" / "upbench.db"
    home.close()
    open_home(Settings(project=tmp_path), create=False).close()


def test_a_shared_database_needs_nothing_in_the_project(tmp_path: Path, fresh_database: str) -> None:
    homes = [open_home(Settings(project=tmp_path / name, database=fresh_database), create=False) for name in "ab"]
    assert [home.database.dialect for home in homes] == ["postgresql"] * 2
    assert not list(tmp_path.rglob("upbench.db"))
    Records(homes[0].database).runs()
    with homes[0].database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO runs (id, created, pack_root, config, state) VALUES ('r', 'now', 'x', '{}', 'done')"
        )
    with homes[1].database.read() as connection:
        assert connection.exec_driver_sql("SELECT id FROM runs").scalar_one() == "r"
    for home in homes:
        home.close()


def test_a_database_that_cannot_be_opened_is_one_line(tmp_path: Path, fresh_database: str) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        open_home(Settings(project=tmp_path, database=fresh_database + "x"))
