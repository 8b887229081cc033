"""Renderings are made once, whoever asks; what leaves a sandbox is believed only as far as it is sound."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from core import Blobs, Cause, Database, SandboxFault, sha256_bytes
from grading import RENDER_MIGRATIONS, Rendered, Renderer, Shelf
from grading.render import shelf as shelves
from grading.render.accept import Refused, accepted, webp_size
from tests.grading.render import made
from tests.grading.render.conftest import deliverable

SHA = sha256_bytes(b"a file")
KEY = (SHA, ".txt", "renderer")
# The smallest still WebP without loss: one pixel.
PIXEL = bytes.fromhex("524946461a000000574542505650384c0e0000002f00000000071011fd0f4444ff03")


@pytest.fixture
def own(database_place: Path | str, tmp_path: Path) -> Iterator[Shelf]:
    database = Database(database_place, RENDER_MIGRATIONS)
    yield Shelf(database, Blobs(tmp_path / "blobs"))
    database.close()


def rendered(**more: Any) -> Rendered:
    return Rendered(sha256=SHA, suffix=".txt", kind="text", **more)


def test_one_of_many_makes_it_and_all_find_it(own: Shelf) -> None:
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda number: own.claim(*KEY, f"holder-{number}"), range(8)))
    assert sorted(claims) == [0] * 7 + [1]
    assert own.find(*KEY) is None
    own.keep(rendered(), KEY[2], f"holder-{claims.index(True)}", 1.0)
    assert own.find(*KEY) == rendered()
    assert own.find(SHA, ".txt", None) == rendered()
    assert own.find(SHA, ".md", "renderer") is None
    assert own.find(SHA, ".txt", "other") is None
    assert not own.claim(*KEY, "late")


def test_what_a_dead_maker_left_is_taken_over_and_comes_too_late_from_it(own: Shelf) -> None:
    assert own.claim(*KEY, "dead")
    assert not own.claim(*KEY, "living")
    own.go_on(*KEY, "dead", seconds=0.0)
    assert own.claim(*KEY, "living")
    own.keep(rendered(problem="of the dead"), KEY[2], "dead", 1.0)
    assert own.find(*KEY) is None
    own.keep(rendered(), KEY[2], "living", 1.0)
    assert own.find(*KEY) == rendered()


def test_what_may_pass_is_tried_again_a_few_times(own: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "AGAIN_SECONDS", 0.0)
    for number in range(shelves.TRIES):
        assert own.find(*KEY) is None
        assert own.claim(*KEY, f"try-{number}") == number + 1
        own.keep(rendered(passing=True), KEY[2], f"try-{number}", 1.0)
    assert own.find(*KEY) == rendered(passing=True)
    assert not own.claim(*KEY, "once-more")


async def test_without_a_sandbox_what_others_rendered_is_there(own: Shelf, tmp_path: Path) -> None:
    renderer = Renderer(None, own, scratch=tmp_path)
    file = deliverable(own.blobs, "a.txt", b"a file")
    lacking = await renderer.rendering_of(file)
    assert "no sandbox" in (lacking.problem or "")
    own.claim(*KEY, "other")
    own.keep(rendered(), KEY[2], "other", 1.0)
    asked = [renderer.rendering_of(file) for _ in range(3)]
    assert await asyncio.gather(*asked) == [rendered()] * 3
    assert await renderer.within(file, 60.0) == rendered()
    await renderer.close()


class Losing:
    """Opens sandboxes that are lost at once, as by a file that ends whatever looks into it."""

    name = "losing"

    async def open(self, spec: Any, **_: Any) -> Any:
        raise SandboxFault(Cause.sandbox_lost, "gone")


async def test_a_file_that_ends_every_sandbox_is_refused_after_some_tries(own: Shelf, tmp_path: Path) -> None:
    file = deliverable(own.blobs, "a.txt", b"a file")
    renderer = Renderer(Losing(), own, scratch=tmp_path)  # type: ignore[arg-type]
    renderer._digest = "renderer"  # what is there to draw with is asked of a sandbox too
    for _ in range(shelves.TRIES - 1):
        with pytest.raises(SandboxFault):
            await renderer.rendering_of(file)
    found = await renderer.rendering_of(file)
    assert "lost each time: gone" in (found.problem or "")
    assert own.find(*KEY) == found
    await renderer.close()


PAGE = {
    "number": 1, "width": 1, "height": 1, "label": "Page 1",
    "image": "page-0001.webp", "small": "page-0001.small.webp", "words": "page-0001.json",
}  # fmt: skip
SHEET = {
    "name": "S", "rows": 1, "columns": 1, "cells": 1, "hidden": False, "cut": False,
    "chunks": {"0": "sheet-001-0000.json"}, "merged": [], "hidden_rows": [], "hidden_columns": [], "comments": [],
}  # fmt: skip
ANSWER: dict[str, Any] = {
    "kind": "pages", "segments": [["page=1", "text"]], "unseen": [], "facts": {}, "problem": None,
    "truncated": False, "pages": [PAGE], "sheets": [SHEET], "picture": None, "notes": [], "flags": [],
}  # fmt: skip


def leave(folder: Path, **files: bytes) -> Path:
    sound = {
        "page-0001.webp": PIXEL,
        "page-0001.small.webp": PIXEL,
        "page-0001.json": json.dumps([[0, 0, 1, 1, "word"]]).encode(),
        "sheet-001-0000.json": json.dumps({"rows": [["a"]], "formulas": [[1, 1, "=1"]]}).encode(),
    }
    for name, data in {**sound, **{name.replace("__", "."): data for name, data in files.items()}}.items():
        (folder / name).write_bytes(data)
    return folder


def test_what_is_sound_is_kept(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    (tmp_path / "made").mkdir()
    found = accepted(ANSWER, leave(tmp_path / "made"), blobs, sha256=SHA, suffix=".pdf")
    assert blobs.get_bytes(found.pages[0].image) == PIXEL
    assert json.loads(blobs.get_bytes(found.sheets[0].chunks[0]))["rows"] == [["a"]]
    assert Rendered.model_validate_json(found.model_dump_json()) == found


FORGED: dict[str, dict[str, Any]] = {
    "no answer": {"kind": None},
    "another file": {"pages": [PAGE | {"image": "../../etc/passwd"}]},
    "a file of another kind": {"pages": [PAGE | {"image": "page-0001.json"}]},
    "a file that is not there": {"pages": [PAGE | {"image": "page-0002.webp"}]},
    "another size": {"pages": [PAGE | {"width": 2}]},
    "a vast size": {"pages": [PAGE | {"width": 10**9}]},
    "a field too many": {"pages": [PAGE | {"script": "x"}]},
    "no name": {"sheets": [SHEET | {"chunks": {"0": None}}]},
    "chunks that are none": {"sheets": [SHEET | {"chunks": "all"}]},
    "negative rows": {"sheets": [SHEET | {"rows": -1}]},
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_answer_is_refused(what: str, tmp_path: Path) -> None:
    with pytest.raises(Refused):
        accepted(ANSWER | FORGED[what], leave(tmp_path), Blobs(tmp_path / "blobs"), sha256=SHA, suffix=".pdf")


SPOILED = {
    "no image": {"page-0001__webp": b"<svg onload='x'/>"},
    "a longer image": {"page-0001__webp": PIXEL + b"<script>"},
    "words outside": {"page-0001__json": b'[[0, 0, 2, 1, "word"]]'},
    "words that are none": {"page-0001__json": b'{"a": 1}'},
    "rows that are none": {"sheet-001-0000__json": b'{"rows": [[{"a": 1}]], "formulas": []}'},
    "not even JSON": {"sheet-001-0000__json": b"\0"},
}


@pytest.mark.parametrize("what", SPOILED)
def test_a_spoiled_file_is_refused(what: str, tmp_path: Path) -> None:
    with pytest.raises(Refused):
        accepted(ANSWER, leave(tmp_path, **SPOILED[what]), Blobs(tmp_path / "b"), sha256=SHA, suffix=".pdf")


@pytest.mark.parametrize("data", [b"", b"RIFF", PIXEL[:20], PIXEL[:-1], made.png(1, 1)])
def test_what_is_no_webp_is_none(data: bytes) -> None:
    assert webp_size(PIXEL) == (1, 1)
    with pytest.raises(Refused):
        webp_size(data)
