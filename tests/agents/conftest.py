"""A real sandbox for this room's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox import Sandbox, SandboxSpec, provider
from tests.support import lacking


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """The attachments of the job; tests add to them."""
    folder = tmp_path / "inputs"
    folder.mkdir()
    (folder / "prices.csv").write_text("item;price\nbolt;1,20\nnut;0,30\n", encoding="utf-8")
    return folder


@pytest.fixture
async def sandbox(tmp_path: Path, inputs: Path) -> AsyncIterator[Sandbox]:
    """An open bubblewrap sandbox with the toolbox."""
    bwrap = provider("bwrap", tmp_path / "state")
    if problem := bwrap.problem():
        lacking("bwrap", problem[0])
    opened = await bwrap.open(SandboxSpec(workspace="job", inputs=inputs))
    yield opened
    await opened.close()
