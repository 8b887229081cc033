from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core import Database
from grading import GRADING_MIGRATIONS, Book


@pytest.fixture
def book(database_place: Path | str) -> Iterator[Book]:
    database = Database(database_place, GRADING_MIGRATIONS)
    yield Book(database)
    database.close()
