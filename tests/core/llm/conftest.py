"""Fixtures of the tests of the model clients."""

from __future__ import annotations

import pytest

from tests.standins.llm import Standin
from tests.standins.llm.fixture import llm_server, llm_standin

__all__ = ["llm_server", "llm_standin"]


@pytest.fixture
def standin(llm_standin: Standin) -> Standin:
    """The stand-in, by a shorter name."""
    return llm_standin


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key or address of the machine's gets into a test."""
    for provider in ("OPENAI", "OPENAI_CHAT", "ANTHROPIC"):
        monkeypatch.delenv(f"{provider}_API_KEY", raising=False)
        monkeypatch.delenv(f"{provider}_BASE_URL", raising=False)
