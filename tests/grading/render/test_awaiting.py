"""What is rendered before anybody asks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from core import Blobs, Database
from grading import GRADING_MIGRATIONS, Book, ReviewItem, files_awaiting
from grading.tables import REVIEW_ITEMS
from rubrics import Rubric
from runs import DiskGuard
from runs.disk import Room
from tests.grading.render.conftest import deliverable
from upbench import rendering
from upbench.rendering import render_ahead

RUBRIC = Rubric.model_validate({"criteria": [{"id": "tone", "importance": "critical", "text": "Speaks plainly"}]})


def publish(book: Book, blobs: Blobs, number: int) -> None:
    item = ReviewItem(
        job=f"job-{number}", title="T", category=("A", "B"), brief="b",
        inputs=(deliverable(blobs, "in.txt", b"the same for all"),),
        deliverables=(deliverable(blobs, "out.txt", f"file {number}".encode()),),
        criteria=ReviewItem.criteria_of(RUBRIC), submission=f"s{number}",
    )  # fmt: skip
    book.publish(f"t{number}.1.alone", item)


def test_files_of_what_is_not_reviewed_each_once(tmp_path: Path, database_place: Path | str) -> None:
    database = Database(database_place, GRADING_MIGRATIONS)
    book, blobs = Book(database), Blobs(tmp_path / "blobs")
    assert files_awaiting(database, 10) == []
    for number in range(3):
        publish(book, blobs, number)
    assert sorted(file.path for file in files_awaiting(database, 10)) == ["in.txt", *["out.txt"] * 3]
    assert len(files_awaiting(database, 2)) == 2
    with database.write() as connection:
        connection.execute(REVIEW_ITEMS.update().values(state="locked"))
    assert files_awaiting(database, 10) == []
    database.close()


class Notes:
    """Stands for a renderer, and notes what it is given."""

    def __init__(self) -> None:
        self.given: list[str] = []
        self.closed = False
        self.looked = asyncio.Event()

    async def reach(self, count: int) -> None:
        """Wait until it was given so many files."""
        while len(self.given) < count:
            self.looked.clear()
            await self.looked.wait()

    async def in_turn(self, files: Sequence[object]) -> None:
        self.given += [file.sha256 for file in files]  # type: ignore[attr-defined]
        self.looked.set()

    async def close(self) -> None:
        self.closed = True


async def test_what_is_published_later_is_rendered_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "LOOK_SECONDS", 0.02)
    database = Database(tmp_path / "records.db", GRADING_MIGRATIONS)
    book, blobs, notes = Book(database), Blobs(tmp_path / "blobs"), Notes()
    publish(book, blobs, 0)
    ahead = asyncio.create_task(render_ahead(SimpleNamespace(database=database), notes))  # type: ignore[arg-type]
    async with asyncio.timeout(60):
        await notes.reach(2)
        publish(book, blobs, 1)
        await notes.reach(3)
    ahead.cancel()
    await asyncio.gather(ahead, return_exceptions=True)
    assert (len(set(notes.given)), notes.closed) == (3, True)
    database.close()


async def test_a_worker_renders_when_it_has_room_and_time_to_spare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "LOOK_SECONDS", 0.02)
    database = Database(tmp_path / "records.db", GRADING_MIGRATIONS)
    book, blobs, notes = Book(database), Blobs(tmp_path / "blobs"), Notes()
    publish(book, blobs, 0)
    busy, asked = [True], asyncio.Event()

    def is_busy() -> bool:
        asked.set()
        return busy[0]

    monkeypatch.setattr(rendering, "is_busy", is_busy)
    guard = DiskGuard({"here": tmp_path}, measure=lambda _: Room(10**12, 10**9))
    home = SimpleNamespace(database=database)
    ahead = render_ahead(home, notes, spare=lambda: rendering.until_spare(guard))  # type: ignore[arg-type]
    working = asyncio.create_task(ahead)
    async with asyncio.timeout(60):
        await asked.wait()
        assert notes.given == []
        busy[0] = False
        await notes.reach(2)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert notes.closed
    busy[0] = True
    monkeypatch.setattr(rendering, "BUSY_SECONDS", 0.0)
    async with asyncio.timeout(60):
        await rendering.until_spare(guard)  # busy for long enough: it is rendered all the same
    database.close()
