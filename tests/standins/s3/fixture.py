"""The fixture `s3`, for any room's tests: import it and `s3_server` into their conftest."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from tests.standins.s3.server import S3
from tests.support import lacking


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """One server for all tests of a session; each test makes a bucket of its own."""
    if find_spec("moto") is None:
        lacking("moto", "the S3 server of the tests")
    with S3(tmp_path_factory.mktemp("s3") / "log") as running:
        yield running


@pytest.fixture
def s3(s3_server: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """The server for one test, its address and key in the environment; when the test ends, so do its faults."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    s3_server.calm()
    yield s3_server
    s3_server.calm()
