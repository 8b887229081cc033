"""What differs between two versions of one file, as far as it can be read."""

from __future__ import annotations

import csv
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core import Blobs, Deliverable, Fault, StoreFault, in_thread
from grading.compare.model import CellChange, FileChange, PageChange, TextChanges
from grading.compare.pages import compare_pages
from grading.compare.reading import MAX_COLUMNS, delimited_sheet, is_delimited, is_plain, plain_lines, trimmed
from grading.compare.tables import MAX_ROWS, Sheet, compare_workbooks
from grading.compare.texts import compare_texts
from grading.render.model import Rendered
from grading.render.windows import sheet_rows

Render = Callable[[Deliverable], Awaitable[Rendered | None]]
NONE = TextChanges()
FAR = "The file cannot be read now; its bytes are missing or damaged, or far away."
FAILED = "It could not be rendered now; open it again in a moment."
PENDING = "It is being rendered; this takes some seconds."
NO_SANDBOX = "There is no sandbox here to read documents in."
ALIKE = "What can be read of it is the same; its bytes differ."


@dataclass(frozen=True)
class ContentChanges:
    """What differs in one file.

    Attributes:
        pages: Of documents and pictures; a picture is one page.
        images_before, images_after: Digests of the pages' images.
        problems: Sentences for people: what was left out or cannot be read.
        pending: A version is being rendered: ask again.
        lasting: The same versions compare the same next time; not where one of them could not be read now.
    """

    text: TextChanges = NONE
    cells: tuple[CellChange, ...] = ()
    pages: tuple[PageChange, ...] = ()
    images_before: tuple[str, ...] = ()
    images_after: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    pending: bool = False
    lasting: bool = True


async def compare_contents(change: FileChange, blobs: Blobs, render: Render | None) -> ContentChanges:
    """Compare the two versions of a file: pages, cells of tables, lines; what is not there counts as empty.

    Args:
        change: The file. What is the same, or only renamed, is not opened.
        blobs: Where the bytes lie.
        render: The rendering of a file, or None where it takes longer; None: only plain text and delimited tables
            are compared.
    """
    if change.change in ("same", "renamed"):
        return ContentChanges()
    try:
        former = await _read(change.before, blobs, render)
        current = await _read(change.after, blobs, render)
    except StoreFault:
        return ContentChanges(problems=(FAR,), lasting=False)
    except Fault:
        return ContentChanges(problems=(FAILED,), lasting=False)
    if former is None or current is None:
        return ContentChanges(problems=(PENDING,), pending=True, lasting=False)
    return await in_thread(_compare, former, current, changed=change.change == "changed")


@dataclass(frozen=True)
class _Content:
    lines: Sequence[tuple[str, str]] = ()
    sheets: Sequence[Sheet] = ()
    images: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    lasting: bool = True


def _compare(former: _Content, current: _Content, *, changed: bool) -> ContentChanges:
    problems = [*former.problems, *current.problems]
    pages = compare_pages(former.images, current.images)
    cells = compare_workbooks(former.sheets, current.sheets)
    problems += cells.notes
    in_sheets = former.sheets or current.sheets
    text = NONE if in_sheets else compare_texts(former.lines, current.lines)
    if text.note:
        problems.append(text.note)
    seen = text.rows or cells.cells or any(page.differs for page in pages)
    if changed and not problems and not seen:
        problems.append(ALIKE)
    told = tuple(dict.fromkeys(problems))
    lasting = former.lasting and current.lasting
    return ContentChanges(text, cells.cells, pages, former.images, current.images, told, lasting=lasting)


async def _read(file: Deliverable | None, blobs: Blobs, render: Render | None) -> _Content | None:
    if file is None:
        return _Content()
    if is_plain(file):
        return await in_thread(_plain, file, await in_thread(blobs.fetch, file.sha256))
    if render is None:
        return _Content(problems=(NO_SANDBOX,), lasting=False)
    rendered = await render(file)
    return None if rendered is None else await in_thread(_rendered, file, rendered, blobs)


def _rendered(file: Deliverable, rendered: Rendered, blobs: Blobs) -> _Content:
    problems = []
    if rendered.problem:
        problems.append(f"{file.path} could not be rendered: {rendered.problem}.")
    elif rendered.truncated or any(sheet.cut for sheet in rendered.sheets):
        problems.append("The file is longer than is rendered: only what was rendered of it is compared.")
    sheets = [
        Sheet(
            sheet.name, tuple((at, trimmed(row[:MAX_COLUMNS])) for at, row in sheet_rows(blobs, sheet, MAX_ROWS))
        )
        for sheet in rendered.sheets
    ]
    images = tuple(page.image for page in rendered.pages)
    if rendered.picture is not None:
        images = (rendered.picture.image,)
    return _Content(rendered.segments, sheets, images, tuple(problems), lasting=not rendered.passing)


def _plain(file: Deliverable, path: Path) -> _Content:
    if not is_delimited(file.path):
        return _Content(plain_lines(path))
    try:
        return _Content(sheets=(delimited_sheet(path, file.path),))
    except csv.Error:
        return _Content(plain_lines(path))
