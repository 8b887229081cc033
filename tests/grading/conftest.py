from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from grading import Rendering, render_texts
from sandbox import provider
from tests.grading.checks.support import make_samples, need_toolbox
from tests.grading.render.rendering import box, render, shelf
from tests.support import lacking

__all__ = ["box", "render", "shelf"]


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A submission with good, spoiled and hostile files; nobody changes it."""
    return make_samples(tmp_path_factory.mktemp("samples") / "deliverables")


@pytest.fixture(scope="session")
def rendered(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rendering]:
    """Its files as text, made in a sandbox."""
    need_toolbox()
    bwrap = provider("bwrap", tmp_path_factory.mktemp("state"))
    if problem := bwrap.problem():
        lacking("bwrap", problem[0])
    return {one.path: one for one in asyncio.run(render_texts(bwrap, key="render", folder=samples))}
