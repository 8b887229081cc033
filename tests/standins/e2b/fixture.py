"""Fixtures for any room's tests: import them into their conftest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.standins.e2b.cloud import E2BCloud, unusable
from tests.support import lacking


@pytest.fixture(scope="session")
def e2b_server() -> Iterator[E2BCloud]:
    """One cloud for all tests of a session; what a test opens stays until it or the session ends it."""
    problem = unusable()
    if problem is not None:
        lacking("e2b", problem)
    with E2BCloud() as cloud:
        yield cloud


@pytest.fixture
def e2b_cloud(e2b_server: E2BCloud) -> Iterator[E2BCloud]:
    """The cloud for one test: when the test ends, so do its faults and sandboxes."""
    before = set(e2b_server.sandboxes)
    yield e2b_server
    e2b_server.calm()
    for name in set(e2b_server.sandboxes) - before:
        e2b_server.kill(name)
