"""Fixtures of the tests of the model clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.standins.llm import Standin, serve


@pytest.fixture(scope="session")
def _running() -> Iterator[Standin]:
    with serve() as running:
        yield running


@pytest.fixture
def standin(_running: Standin) -> Standin:
    """A stand-in that says hello; tests give it another script."""
    _running.reset()
    return _running


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key or address of the machine's gets into a test."""
    for name in (
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "OPENAI_CHAT_API_KEY",
        "OPENAI_BASE_URL",
        "ANTHROPIC_BASE_URL",
    ):
        monkeypatch.delenv(name, raising=False)
