"""Rendering files as the review app does, for tests of several folders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from core import Blobs, Database, Deliverable
from grading import RENDER_MIGRATIONS, Rendered, Renderer, Shelf
from sandbox import SandboxProvider, provider
from tests.grading.checks.support import need_toolbox
from tests.support import lacking

Made = Callable[[dict[str, bytes]], dict[str, Rendered]]


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    folder = tmp_path_factory.mktemp("shelf")
    return Shelf(Database(folder / "records.db", RENDER_MIGRATIONS), Blobs(folder / "blobs"))


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> SandboxProvider:
    need_toolbox()
    bwrap = provider("bwrap", tmp_path_factory.mktemp("state"))
    if problem := bwrap.problem():
        lacking("bwrap", problem[0])
    return bwrap


@pytest.fixture(scope="session")
def render(shelf: Shelf, box: SandboxProvider, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Renders files in sandboxes, as the review app does; those of the same bytes once a session."""
    scratch = tmp_path_factory.mktemp("scratch")

    def made(files: dict[str, bytes]) -> dict[str, Rendered]:
        async def all_of_them() -> list[Rendered]:
            renderer = Renderer(box, shelf, scratch=scratch)
            wanted = [deliverable(shelf.blobs, path, data) for path, data in files.items()]
            try:
                return list(await asyncio.gather(*(renderer.rendering_of(one) for one in wanted)))
            finally:
                await renderer.close()

        return dict(zip(files, asyncio.run(all_of_them()), strict=True))

    return made


def deliverable(blobs: Blobs, path: str, data: bytes, media_type: str = "application/octet-stream") -> Deliverable:
    return Deliverable(path=path, size=len(data), media_type=media_type, sha256=blobs.put_bytes(data))
