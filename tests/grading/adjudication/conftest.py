from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core import Database
from tests.grading.adjudication.support import MIGRATIONS


@pytest.fixture
def database(database_place: Path | str) -> Iterator[Database]:
    database = Database(database_place, MIGRATIONS)
    yield database
    database.close()
