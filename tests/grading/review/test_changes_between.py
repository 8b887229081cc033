"""What the page is told of the difference to the submission before, and who is told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from core import Blobs, Database, Deliverable
from grading import (
    GRADING_MIGRATIONS,
    Book,
    ReviewDesk,
    ReviewItem,
)
from grading.render.entries import Entry
from grading.render.model import DrawnPage, DrawnSheet, Kind, Rendered
from grading.review.drafts import Draft
from rubrics import Rubric, Verdict
from tests.grading.review.apps import AT, app_in, entered

RUBRIC = Rubric.model_validate({"criteria": [{"id": "tone", "importance": "critical", "text": "Speaks plainly"}]})


def deliverable(blobs: Blobs, path: str, data: bytes) -> Deliverable:
    return Deliverable(path=path, size=len(data), media_type="text/plain", sha256=blobs.put_bytes(data))


def item(*files: Deliverable) -> ReviewItem:
    names = "".join(file.path + file.sha256 for file in files)
    return ReviewItem(
        job="letter", title="A letter", brief="Write", deliverables=files, submission=names, grading_digest="g",
        criteria=ReviewItem.criteria_of(RUBRIC),
    )  # fmt: skip


@dataclass
class World:
    book: Book
    blobs: Blobs
    client: TestClient
    renderer: Renderer

    def rework(self, before: list[tuple[str, bytes]], after: list[tuple[str, bytes]]) -> str:
        """Publish two attempts, the second a rework of the first, which was reviewed; the second's alias."""
        first = self.book.publish("a1", item(*(deliverable(self.blobs, *file) for file in before)))
        reviewed(self.book, first)
        return self.book.publish("a2", item(*(deliverable(self.blobs, *file) for file in after)), previous="a1")

    def changes(self, alias: str, index: int | None = None) -> Any:
        answer = self.client.get(f"/api/reviews/{alias}/changes" + ("" if index is None else f"/{index}"))
        assert answer.status_code == 200, answer.text
        return answer.json()


def reviewed(book: Book, alias: str) -> None:
    """Somebody who is on this machine alone has failed it."""
    desk = ReviewDesk(book, "local")
    desk.save(alias, "tone", 0, Draft(verdict=Verdict.failed, feedback="It drones."))
    desk.judge(alias, 0, "fail")
    desk.lock(alias)


class Renderer:
    """What a sandbox would have made: the real thing is tested where it lives."""

    def __init__(self, blobs: Blobs) -> None:
        self.blobs, self.slow = blobs, False

    async def within(self, file: Deliverable, seconds: float) -> Rendered | None:
        assert seconds > 0
        if self.slow:
            return None
        kind: Kind = "pages"
        if file.size < 4:
            return Rendered(sha256=file.sha256, suffix=".docx", kind=kind, problem="it is broken")
        if file.path.endswith(".xlsx"):
            return self.workbook(file)
        # A page for each letter of the file: pages that are alike have the same image.
        letters = self.blobs.get_bytes(file.sha256).decode()
        pages = tuple(self.page(number, letter) for number, letter in enumerate(letters, 1))
        segments = tuple((f"page={number}", letter) for number, letter in enumerate(letters, 1))
        return Rendered(sha256=file.sha256, suffix=".docx", kind=kind, segments=segments, pages=pages)

    def page(self, number: int, letter: str) -> DrawnPage:
        image = self.blobs.put_bytes(letter.encode())
        return DrawnPage(
            number=number, width=9, height=9, label=str(number), image=image, small=image, words=image
        )

    def workbook(self, file: Deliverable) -> Rendered:
        chunk = self.blobs.put_bytes(json.dumps({"rows": [["n"], [str(file.size), ""]], "formulas": []}).encode())
        sheet = DrawnSheet(
            name="S", rows=2, columns=2, cells=2, hidden=False, cut=False, chunks={0: chunk}, merged=(),
            hidden_rows=(), hidden_columns=(), comments=(),
        )  # fmt: skip
        return Rendered(sha256=file.sha256, suffix=".xlsx", kind="sheet", sheets=(sheet,))

    async def entry(self, archive: Deliverable, number: int, seconds: float) -> Entry | None:
        raise AssertionError(archive)

    def ahead(self, files: Sequence[Deliverable]) -> None:
        raise AssertionError(files)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    database = Database(tmp_path / "test.db", GRADING_MIGRATIONS)
    book, blobs = Book(database), Blobs(tmp_path / "blobs")
    renderer = Renderer(blobs)
    app = app_in(tmp_path, book, token="once", render=renderer)
    yield World(book, blobs, entered(app), renderer)
    database.close()


def test_files_lines_and_cells_that_differ(world: World) -> None:
    alias = world.rework(
        [
            ("a.txt", b"one\ntwo\n"),
            ("t.csv", b"n,p\nbolt,1\n"),
            ("old.bin", b"12345"),
            ("gone.txt", b"x"),
            ("s", b"s"),
        ],
        [
            ("s", b"s"),
            ("a.txt", b"one\n2\n"),
            ("t.csv", b"n,p\nbolt,3\n"),
            ("new.bin", b"12345"),
            ("m.docx", b"PK.."),
        ],
    )
    body = world.changes(alias)
    assert [(f["path"], f["change"], f["was"], f["index"], f["deliverable"]) for f in body["files"]] == [
        ("s", "same", None, 0, 0),
        ("a.txt", "changed", None, 1, 1),
        ("t.csv", "changed", None, 2, 2),
        ("new.bin", "renamed", "old.bin", 3, 3),
        ("m.docx", "added", None, 4, 4),
        ("gone.txt", "removed", None, 5, None),
    ]
    assert body["nothing"] is False
    assert body["files"][1]["before"] == {"size": 8}
    assert body["files"][4]["before"] is None
    text = world.changes(alias, 1)["text"]
    assert text == [
        ["same", "line=1", "one"],
        ["removed", "line=2", "two"],
        ["added", "line=2", "2"],
        ["same", "line=3", ""],
    ]
    table = world.changes(alias, 2)
    assert table["cells"] == [{"sheet": "", "cell": "B2", "before": "1", "after": "3"}]
    assert world.changes(alias, 3) == {"text": [], "cells": [], "pages": [], "problem": None, "pending": False}
    assert world.changes(alias, 4)["text"] == [["added", f"page={n}", text] for n, text in enumerate("PK..", 1)]
    assert world.changes(alias, 5)["text"] == [["removed", "line=1", "x"]]


def test_pages_and_sheets_that_differ(world: World) -> None:
    alias = world.rework([("a.docx", b"abcd"), ("b.xlsx", b"1234")], [("a.docx", b"axbcde"), ("b.xlsx", b"12345")])
    pages = world.changes(alias, 0)["pages"]
    told = [(p["number"], p["before"] is not None, p["after"] is not None, p["differs"]) for p in pages]
    assert told == [
        (1, True, True, False),
        (2, False, True, True),
        (3, True, True, False),
        (4, True, True, False),
        (5, True, True, False),
        (6, False, True, True),
    ]
    assert all(page["after"].startswith(AT.content + "/f/") for page in pages)
    assert world.changes(alias, 1)["cells"] == [{"sheet": "S", "cell": "A2", "before": "4", "after": "5"}]


def test_what_is_still_being_rendered_is_said(world: World) -> None:
    alias = world.rework([("a.docx", b"abcd")], [("a.docx", b"efgh")])
    world.renderer.slow = True
    answer = world.client.get(f"/api/reviews/{alias}/changes/0")
    assert (answer.status_code, answer.json()["pending"]) == (202, True)
    world.renderer.slow = False
    assert world.changes(alias, 0)["pending"] is False


def test_an_echo_is_answered_honestly(world: World) -> None:
    files = [("a.txt", b"one"), ("b.docx", b"PK..")]
    body = world.changes(world.rework(files, files))
    assert body["nothing"] is True
    assert {file["change"] for file in body["files"]} == {"same"}


def test_what_cannot_be_read_or_read_apart_is_said(world: World) -> None:
    alias = world.rework(
        [("broken.docx", b"1"), ("like.xlsx", b"abcd"), ("far.txt", b"a")],
        [("broken.docx", b"2"), ("like.xlsx", b"efgh"), ("far.txt", b"b")],
    )
    assert "could not be rendered: it is broken" in world.changes(alias, 0)["problem"]
    assert "the same; its bytes differ" in world.changes(alias, 1)["problem"]
    world.blobs.path(deliverable(world.blobs, "x", b"a").sha256).unlink()
    assert "cannot be read now" in world.changes(alias, 2)["problem"]


def test_there_is_nothing_before_a_first_submission_and_nothing_for_strangers(world: World) -> None:
    alias = world.rework([("a.txt", b"1")], [("a.txt", b"2")])
    first = world.book.publish("a3", item(deliverable(world.blobs, "c.txt", b"3")))
    assert world.client.get(f"/api/reviews/{first}/changes").status_code == 404
    assert world.client.get("/api/reviews/nobody/changes").status_code == 404
    assert world.client.get(f"/api/reviews/{alias}/changes/1").status_code == 404
    world.client.cookies.clear()
    assert world.client.get(f"/api/reviews/{alias}/changes").status_code == 401


def test_who_has_not_reviewed_the_one_before_is_not_told_that_there_is_one(world: World) -> None:
    """As the second reviewer of a rework, or whoever gets it when its own reviewer does not come."""
    first = world.book.publish("a1", item(deliverable(world.blobs, "a.txt", b"1")))
    again = world.book.publish("a2", item(deliverable(world.blobs, "a.txt", b"2")), previous="a1")
    told = world.client.get(f"/api/reviews/{again}").json()
    assert (told["changed"], told["earlier"]) == (False, {})
    assert world.client.get(f"/api/reviews/{again}/changes").status_code == 404
    assert world.client.get(f"/api/reviews/{first}/changes").status_code == 404
    assert "reworked" not in world.client.get("/").text
    reviewed(world.book, first)
    assert world.client.get(f"/api/reviews/{again}").json()["changed"] is True
    assert "reworked" in world.client.get("/").text
