"""The review app at work, for tests in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core import Database
from tests.grading.review.browser.served import Served, migrations


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Both origins, with a database of their own."""
    database = Database(tmp_path / "upbench.db", migrations())
    one = Served(tmp_path, database)
    one.start()
    yield one
    one.stop()
    database.close()
