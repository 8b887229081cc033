"""Comparisons are made once for those who ask together or again, and anew for what could not be read."""

from __future__ import annotations

import asyncio
from pathlib import Path

from core import Blobs, Cause, Deliverable, Fault
from grading.compare.kept import Comparisons
from grading.compare.model import FileChange
from grading.render.model import Rendered
from tests.grading.render.rendering import deliverable


class Rendering:
    """Renders every document as one line, its bytes' digest, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.fails = False

    async def __call__(self, file: Deliverable) -> Rendered | None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.fails:
            raise Fault(Cause.check_failed_to_run, "not now")
        return Rendered(sha256=file.sha256, suffix=".pdf", kind="pages", segments=(("page=1", file.sha256),))


def change(blobs: Blobs, before: bytes, after: bytes) -> FileChange:
    former, current = (deliverable(blobs, "a.pdf", data) for data in (before, after))
    return FileChange(path="a.pdf", change="changed", before=former, after=current)


async def test_the_same_is_compared_once(tmp_path: Path) -> None:
    blobs, render, comparisons = Blobs(tmp_path / "blobs"), Rendering(), Comparisons()
    first = change(blobs, b"one", b"two")
    made = await asyncio.gather(*(comparisons.of(first, blobs, render) for _ in range(5)))
    assert made == [made[0]] * 5
    assert [kind for kind, *_ in made[0].text.rows] == ["removed", "added"]
    assert await comparisons.of(first, blobs, render) == made[0]
    assert render.asked == 2, "each version is asked for once"
    other = await comparisons.of(change(blobs, b"one", b"three"), blobs, render)
    assert other != made[0]
    assert render.asked == 4


async def test_what_cannot_be_read_now_is_tried_again(tmp_path: Path) -> None:
    blobs, render, comparisons = Blobs(tmp_path / "blobs"), Rendering(), Comparisons()
    render.fails = True
    failed = await comparisons.of(change(blobs, b"one", b"two"), blobs, render)
    assert failed.problems
    render.fails = False
    assert (await comparisons.of(change(blobs, b"one", b"two"), blobs, render)).text.rows


async def test_only_the_latest_are_kept(tmp_path: Path) -> None:
    blobs, render, comparisons = Blobs(tmp_path / "blobs"), Rendering(), Comparisons(most=2)
    for after in (b"1", b"2", b"3", b"2"):
        await comparisons.of(change(blobs, b"0", after), blobs, render)
    assert render.asked == 6
    await comparisons.of(change(blobs, b"0", b"1"), blobs, render)
    assert render.asked == 8, "the oldest was put away"
