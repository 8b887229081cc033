"""Entries of an archive are taken out in a sandbox, one by one, and are files like any other from then on."""

from __future__ import annotations

import asyncio
import io
import stat
import zipfile
from pathlib import Path

import pytest

from core import Deliverable
from grading import Rendered, Renderer, Shelf
from grading.render.entries import Entry
from sandbox import SandboxProvider
from tests.grading.render import made
from tests.grading.render.conftest import deliverable
from tests.grading.render.hostile import CASES

FOLDER = "reports/\u202e2026, all/"


def archive() -> bytes:
    """Files of several kinds, names that mean harm, a link, and entries that cannot be taken out."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(zipfile.ZipInfo(FOLDER), b"")  # a folder is no entry
        packed.writestr(FOLDER + "one.pdf", made.pdf("First page"))
        packed.writestr("../../out.csv", "farm,web\nAcker,acker.example\n")
        packed.writestr("twice.txt", "the first")
        link = zipfile.ZipInfo("passwords.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(link, "/etc/passwd")
        with pytest.warns(UserWarning, match="Duplicate name"):
            packed.writestr("twice.txt", "the second")
        packed.writestr("inner.zip", made.packed({"deep.txt": "deep"}))
        packed.writestr("large.bin", b"\0" * (65 << 20))
    return stream.getvalue()


@pytest.fixture(scope="module")
def taken(box: SandboxProvider, shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    async def all_of_them() -> list[Entry]:
        renderer = Renderer(box, shelf, scratch=tmp_path_factory.mktemp("entries"))
        whole = deliverable(shelf.blobs, "all.zip", archive())
        found = [await renderer.entry(whole, number, 60.0) for number in (*range(8), -1)]
        assert await renderer.entry(whole, 0, 60.0) == found[0]
        await renderer.close()
        return [one for one in found if one is not None]

    return asyncio.run(all_of_them())


def test_each_is_the_entry_of_its_number_under_a_harmless_name(taken: list[Entry], shelf: Shelf) -> None:
    files = {number: one.file for number, one in enumerate(taken) if one.file is not None}
    assert {number: file.path for number, file in files.items()} == {
        0: "one.pdf", 1: "out.csv", 2: "twice.txt", 4: "twice.txt", 5: "inner.zip",
    }  # fmt: skip
    assert [shelf.blobs.get_bytes(files[number].sha256) for number in (2, 4)] == [b"the first", b"the second"]
    assert (files[0].media_type, files[0].size) == ("application/pdf", len(made.pdf("First page")))


def test_what_is_not_taken_out_says_why(taken: list[Entry]) -> None:
    assert [taken[number].problem for number in (3, 6, 7, 8)] == [
        "the entry only leads to another place, which is not followed",
        "the entry is larger than 64 MiB",
        "the archive has no such entry",
        "the archive has no such entry",
    ]


async def test_an_entry_is_shown_like_any_file(
    taken: list[Entry], box: SandboxProvider, shelf: Shelf, tmp_path: Path
) -> None:
    renderer = Renderer(box, shelf, scratch=tmp_path)
    files: list[Deliverable] = [one.file for one in taken if one.file is not None]
    shown: list[Rendered] = [await renderer.rendering_of(files[at]) for at in (0, 1, 4)]
    assert [one.kind for one in shown] == ["pages", "sheet", "archive"]
    assert shown[1].sheets[0].rows == 2
    assert await Renderer(None, shelf, scratch=tmp_path).entry(files[4], 0, 1.0) == Entry(
        problem="there is no sandbox here to read files in; download it to look at it"
    )
    await renderer.close()


async def test_a_bomb_or_what_is_broken_gives_nothing(box: SandboxProvider, shelf: Shelf, tmp_path: Path) -> None:
    renderer = Renderer(box, shelf, scratch=tmp_path)

    async def problem(name: str) -> str:
        found = await renderer.entry(deliverable(shelf.blobs, name, CASES[name].data), 0, 60.0)
        assert found is not None
        assert found.file is None
        return str(found.problem)

    assert "zip bomb" in await problem("bomb.zip")
    assert "encrypted" in await problem("encrypted.zip")
    assert "cannot be opened" in await problem("cut.zip")
    assert "zip archive" in await problem("macros.docm")
    nested = await renderer.entry(deliverable(shelf.blobs, "n.zip", CASES["nested.zip"].data), 0, 60.0)
    assert nested is not None
    assert nested.file is not None
    assert "zip bomb" in str((await renderer.rendering_of(nested.file)).problem)
    await renderer.close()
