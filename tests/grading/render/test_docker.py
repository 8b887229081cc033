"""Rendering in Docker's sandboxes: in the image that was built for it, where it is there."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core import Blobs, Database
from grading import RENDER_MIGRATIONS, Renderer, Shelf
from sandbox import ProviderOptions, image_tag, provider, renderer_image, renderer_tag
from sandbox.docker import image as images
from tests.grading.render import made
from tests.grading.render.conftest import deliverable
from tests.sandbox.readiness import need
from upbench import rendering


def test_the_image_that_renders_is_the_other_with_more_in_it() -> None:
    plain = images._dockerfile(renderers=False).decode()
    more = images._dockerfile(renderers=True).decode()
    assert plain == images.DOCKERFILE.read_text()
    start, line, rest = plain.partition("FROM ${BASE}\n")
    assert more.startswith(start + line)
    assert more.endswith(rest)
    assert "libreoffice" in more[len(start + line) : -len(rest)]
    assert renderer_tag() != image_tag()


def chosen(monkeypatch: pytest.MonkeyPatch, there: str | None, **settings: Any) -> ProviderOptions:
    """What the provider of the project's renderer is opened with."""
    seen: list[ProviderOptions] = []

    def open_provider(name: str, state: Path, options: ProviderOptions) -> SimpleNamespace:
        seen.append(options)
        return SimpleNamespace(name=name, problem=lambda: None)

    monkeypatch.setattr(rendering, "provider", open_provider)
    monkeypatch.setattr(rendering, "renderer_image", lambda: there)
    options = ProviderOptions(docker_image=settings.pop("docker_image", None))
    home = SimpleNamespace(settings=SimpleNamespace(options=options, **settings), state=Path())
    assert rendering.drawing_provider(home)[1] is None  # type: ignore[arg-type]
    return seen[0]


def test_it_is_used_by_docker_alone_and_where_no_other_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    tag = renderer_tag()
    assert chosen(monkeypatch, tag, sandbox="docker").docker_image == tag
    assert chosen(monkeypatch, None, sandbox="docker").docker_image is None
    assert chosen(monkeypatch, tag, sandbox="bwrap").docker_image is None
    assert chosen(monkeypatch, tag, sandbox="docker", docker_image="own").docker_image == "own"


async def test_files_are_rendered_in_a_container(tmp_path: Path) -> None:
    there = renderer_image()
    box = provider("docker", tmp_path / "state", ProviderOptions(docker_image=there))
    need(box, "docker")
    shelf = Shelf(Database(tmp_path / "records.db", RENDER_MIGRATIONS), Blobs(tmp_path / "blobs"))
    renderer = Renderer(box, shelf, scratch=tmp_path)
    try:
        letter = await renderer.rendering_of(deliverable(shelf.blobs, "a.docx", made.docx("Dear reader")))
    finally:
        await renderer.close()
    assert (letter.problem, letter.segments[0][1]) == (None, "Dear reader")
    if there is None:
        assert "LibreOffice is not there in this sandbox" in letter.notes[0]
    else:
        assert [page.number for page in letter.pages] == [1], letter.notes
