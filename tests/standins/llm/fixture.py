"""The fixture `llm_standin`, for any room's tests: import it into their conftest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.standins.llm.server import Standin, serve


@pytest.fixture(scope="session")
def llm_server() -> Iterator[Standin]:
    """One server for all tests of a session."""
    with serve() as running:
        yield running


@pytest.fixture
def llm_standin(llm_server: Standin) -> Standin:
    """A stand-in that says hello and remembers nothing; a test gives it another script."""
    llm_server.reset()
    return llm_server
