"""What Chromium and ffmpeg draw: web pages on two screens, Markdown and notebooks as they read, films in parts."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from grading import Rendered, Shelf
from grading.render.accept import webp_size
from grading.render.windows import words_of
from tests.grading.render import made
from tests.grading.render.conftest import Made
from tests.support import lacking

PAGE = """<!doctype html><meta name="viewport" content="width=device-width"><body style="margin:0;height:2000px">
<h1>Market stall</h1><p id=by>Written</p><script>
alert('wait'); document.getElementById('by').textContent = 'Scripted ' + innerWidth; undefined_name.x;
</script><script>
fetch('http://192.0.2.1/x'); top.location = 'http://192.0.2.1/'; window.open('http://192.0.2.1/y')
</script>
<img src="https://example.com/a.png">"""
NOTES = """# Summary

| Item | Price |
|------|-------|
| Chair | 25 |

**Bold** words <script>document.body.textContent = 'overwritten'</script><iframe src="file:///etc/passwd"></iframe>
"""


def notebook() -> bytes:
    picture = base64.b64encode(made.png(40, 20)).decode()
    outputs = [
        {"output_type": "stream", "text": ["Total ", "42\n"]},
        {"output_type": "display_data", "data": {"image/png": picture, "text/plain": "a figure"}},
        {"output_type": "error", "traceback": ["\x1b[31mZeroDivisionError\x1b[0m"]},
    ]
    cells = [
        {"cell_type": "markdown", "source": ["# Findings"]},
        {"cell_type": "code", "source": "print(total)", "outputs": outputs},
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()


def film(folder: Path) -> bytes:
    out = folder / "film.webm"
    make = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=5:duration=4", "-c:v", "vp8"]
    subprocess.run([*make, str(out)], check=True, timeout=60)
    return out.read_bytes()


@pytest.fixture(scope="module")
def looks(render: Made, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rendered]:
    for name in ("chromium", "ffmpeg"):
        if shutil.which(name) is None:
            lacking(name, "scripts/system/ensure-renderers.sh")
    files = {"page.html": PAGE.encode(), "notes.md": NOTES.encode(), "work.ipynb": notebook()}
    files["broken.ipynb"] = b'{"cells": 3}'
    return render(files | {"film.webm": film(tmp_path_factory.mktemp("film"))})


def words(shelf: Shelf, rendered: Rendered, page: int) -> str:
    return " ".join(word[4] for word in words_of(shelf.blobs, rendered.pages[page]))


def test_a_web_page_is_seen_on_two_screens_as_its_scripts_leave_it(
    looks: dict[str, Rendered], shelf: Shelf
) -> None:
    page = looks["page.html"]
    assert (page.kind, page.problem) == ("html", None)
    labels = [one.label for one in page.pages]
    assert labels == ["Desktop 1", "Desktop 2", "Phone 1", "Phone 2"], page.notes
    assert (page.pages[0].width, page.pages[0].height) == (1280, 1600)
    assert (page.pages[2].width, page.pages[2].height) == (780, 2400)
    assert words(shelf, page, 0) == "Market stall Scripted 1280"
    assert words(shelf, page, 2) == "Market stall Scripted 390"
    assert page.facts["script_errors"] == 2
    assert page.notes == ("its pictures are of this file alone, without what it asks for beside it or elsewhere",)
    for one in page.pages:
        assert webp_size(shelf.blobs.get_bytes(one.image)) == (one.width, one.height)
    x, y, wide, high = words_of(shelf.blobs, page.pages[0])[0][:4]
    assert (x, y) == (pytest.approx(0, abs=0.01), pytest.approx(0.02, abs=0.02))
    assert 0 < wide < 0.2
    assert 0 < high < 0.05


def test_markdown_is_read_as_its_reader_sees_it_and_nothing_of_it_is_carried_out(
    looks: dict[str, Rendered], shelf: Shelf
) -> None:
    notes = looks["notes.md"]
    assert (notes.kind, notes.problem, len(notes.pages)) == ("pages", None, 1), notes.notes
    said = words(shelf, notes, 0)
    assert said.startswith("Summary Item Price Chair 25 Bold words"), said
    assert "overwritten" not in said
    assert "root:" not in said
    assert ("line=1", "# Summary") in notes.segments


def test_a_notebook_has_its_text_its_figures_and_its_errors(looks: dict[str, Rendered], shelf: Shelf) -> None:
    said = words(shelf, looks["work.ipynb"], 0)
    assert said.split() == ["Findings", "print(total)", "Total", "42", "ZeroDivisionError"]
    assert looks["broken.ipynb"].pages == ()
    assert looks["broken.ipynb"].problem is not None


def test_a_film_is_seen_at_moments_of_it(looks: dict[str, Rendered], shelf: Shelf) -> None:
    film = looks["film.webm"]
    assert (film.kind, film.problem) == ("video", None)
    assert [one.label for one in film.pages] == ["t=00:00", "t=00:01", "t=00:02", "t=00:03"], film.notes
    assert {(one.width, one.height) for one in film.pages} == {(320, 180)}
    assert len({one.image for one in film.pages}) == 4
