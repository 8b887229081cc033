from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core import Database
from grading import GRADING_MIGRATIONS
from grading.people.people import People
from grading.people.tables import PEOPLE_MIGRATIONS
from tests.grading.people.support import Time, quick_passwords


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def database(database_place: Path | str) -> Iterator[Database]:
    opened = Database(database_place, [*GRADING_MIGRATIONS, *PEOPLE_MIGRATIONS])
    yield opened
    opened.close()


@pytest.fixture
def people(database: Database, time: Time) -> People:
    return People(database, clock=time, passwords=quick_passwords())
