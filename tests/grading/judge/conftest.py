"""Fixtures of the judge's tests."""

from __future__ import annotations

from tests.standins.llm.fixture import llm_server, llm_standin

__all__ = ["llm_server", "llm_standin"]
