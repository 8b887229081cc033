"""Each test of the contract is one of each database."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def bench_on(place: str, state: Path) -> Iterator[Bench]:
    """An engine in the database at that place."""
    crew = Crew(place, state)
    database = Database(place, RUN_MIGRATIONS)
    try:
        with machinery(database, state) as by:
            by.engine.prepare()
            yield Bench(database, by, crew)
    finally:
        crew.end()
        database.close()


@pytest.fixture
def bench(database_place: Path | str, tmp_path: Path) -> Iterator[Bench]:
    """A fresh one."""
    place = database_place if isinstance(database_place, str) else f"sqlite:///{database_place}"
    with bench_on(place, tmp_path) as found:
        yield found


@pytest.fixture
def shared(fresh_database: str, tmp_path: Path) -> Iterator[Bench]:
    """A fresh one on PostgreSQL."""
    with bench_on(fresh_database, tmp_path) as found:
        yield found


@pytest.fixture(autouse=True)
def _quiet() -> None:
    logging.getLogger("dbos").setLevel(logging.CRITICAL)
