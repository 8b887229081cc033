"""Each test of the contract is one of each database."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core import Database
from runs import RUN_MIGRATIONS, Machinery, machinery
from tests.runs.engine.crew import Crew


@dataclass(frozen=True)
class Bench:
    """A database with an engine in it."""

    database: Database
    by: Machinery
    crew: Crew


@pytest.fixture
def bench(database_place: Path | str, tmp_path: Path) -> Iterator[Bench]:
    """A fresh one."""
    place = database_place if isinstance(database_place, str) else f"sqlite:///{database_place}"
    crew = Crew(place, tmp_path)
    database = Database(place, RUN_MIGRATIONS)
    try:
        with machinery(database, tmp_path) as by:
            by.engine.prepare()
            yield Bench(database, by, crew)
    finally:
        crew.end()
        database.close()


@pytest.fixture(autouse=True)
def _quiet() -> None:
    logging.getLogger("dbos").setLevel(logging.CRITICAL)
