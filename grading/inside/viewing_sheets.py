"""Worksheets and delimited files in chunks of rows, so that a window of a large one is read without the rest."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .files import suffix
from .formats import formatted
from .outcome import clip
from .rendering_office import shown_or
from .submission import Submission
from .tables import DELIMITED, blank, delimited_rows
from .workbooks import XLSX, Book, formula_text

CHUNK_ROWS = 500
MAX_ROWS = 200_000
MAX_COLUMNS = 500
MAX_CELLS = 5_000_000
MAX_SHEETS = 100
CELL_CHARS = 2000
MAX_MARKS = 2000
_NUMBERS = (int, float, datetime.date, datetime.time, datetime.timedelta)


@dataclass
class _Sheet:
    """A worksheet on its way out.

    Attributes:
        rows: row (from 1) -> {column (from 1): text}. formulas: (row, column) -> formula with its `=`.
        shown: (row, column) -> text by the cell's number format, where that is another. numbers: Cells that hold a
            number, a date or a time; None: nobody knows, as of a delimited file.
        about: What is told of it.
    """

    name: str
    rows: dict[int, dict[int, str]]
    formulas: dict[tuple[int, int], str] = field(default_factory=dict)
    shown: dict[tuple[int, int], str] = field(default_factory=dict)
    numbers: set[tuple[int, int]] | None = None
    about: dict[str, Any] = field(default_factory=dict)


def write_sheets(submission: Submission, file: Path, out: Path) -> Iterator[dict[str, Any]]:
    """Write the chunks of every sheet below `out`; what is told of each sheet, one after the other."""
    room = MAX_CELLS
    for number, sheet in enumerate(_sheets(submission, file), start=1):
        if number > MAX_SHEETS:
            return
        told = _write(number, sheet, out, room)
        room -= int(told["cells"])
        yield told


def _sheets(submission: Submission, file: Path) -> Iterator[_Sheet]:
    kind = suffix(file)
    if kind in DELIMITED:
        records = enumerate(delimited_rows(file), start=1)
        yield _Sheet("", {at: dict(enumerate(record, start=1)) for at, record in records})
    elif kind in XLSX:
        book = submission.book(file)
        for sheet in book.values.worksheets:
            yield _of_workbook(book, sheet)
    else:
        for name in submission.sheet_names(file):
            rows = submission.grid(file, name).rows
            sheet = _Sheet(name, {at: {c: shown_or(v) for c, v in cells.items()} for at, cells in rows.items()})
            sheet.numbers = {(at, c) for at, cells in rows.items() for c, v in cells.items() if _is_number(v)}
            yield sheet


def _of_workbook(book: Book, sheet: Any) -> _Sheet:
    from .values import Unknown

    rows: dict[int, dict[int, str]] = {}
    formulas: dict[tuple[int, int], str] = {}
    found, numbers = _Sheet(str(sheet.title), rows, formulas), set()
    comments: list[list[Any]] = []
    sources = book.formulas[sheet.title]
    for (row, column), cell in sheet._cells.items():
        source = sources._cells.get((row, column))
        why = book.unknown.get((sheet.title, row, column))
        value = Unknown(why) if why else cell.value
        if source is not None and source.data_type == "f":
            formulas[row, column] = clip(formula_text(source), CELL_CHARS)
        if source is not None and source.comment is not None:
            comments.append([row, column, clip(source.comment.text, CELL_CHARS)])
        if not blank(value):
            rows.setdefault(row, {})[column] = shown_or(value)
        if _is_number(value):
            numbers.add((row, column))
            by_format = formatted(value, _form(source or cell))
            if by_format is not None and by_format != rows[row][column]:
                found.shown[row, column] = by_format
    about = {
        "hidden": sheet.sheet_state != "visible",
        "merged": [_box(one) for one in list(sources.merged_cells.ranges)[:MAX_MARKS]],
        "hidden_rows": sorted(row for row, one in sources.row_dimensions.items() if one.hidden)[:MAX_MARKS],
        "hidden_columns": sorted(_hidden_columns(sources))[:MAX_MARKS],
        "comments": sorted(comments)[:MAX_MARKS],
    }
    found.about, found.numbers = about, numbers
    return found


def _form(cell: Any) -> str:
    """The cell's number format; none where the file names one that it does not hold."""
    try:
        return str(cell.number_format)
    except (IndexError, KeyError):
        return "General"


def _is_number(value: Any) -> bool:
    return isinstance(value, _NUMBERS) and not isinstance(value, bool)


def _box(merged: Any) -> list[int]:
    return [merged.min_row, merged.min_col, merged.max_row, merged.max_col]


def _hidden_columns(sheet: Any) -> set[int]:
    hidden: set[int] = set()
    for one in sheet.column_dimensions.values():
        if one.hidden and one.min and one.max:
            hidden |= set(range(one.min, min(one.max, MAX_COLUMNS) + 1))
    return hidden


def _write(number: int, sheet: _Sheet, out: Path, room: int) -> dict[str, Any]:
    last = max([*sheet.rows, *(row for row, _ in sheet.formulas)], default=0)
    widest = max((max(cells) for cells in sheet.rows.values() if cells), default=0)
    widest = max([widest, *(column for _, column in sheet.formulas)])
    chunks: dict[int, dict[str, Any]] = {}
    written = 0
    for row in sorted(sheet.rows):
        if row > MAX_ROWS or written >= room:
            break
        cells = {column: text for column, text in sheet.rows[row].items() if column <= MAX_COLUMNS}
        written += len(cells)
        line = [clip(cells.get(column, ""), CELL_CHARS) for column in range(1, max(cells, default=0) + 1)]
        _chunk(chunks, row)["rows"][(row - 1) % CHUNK_ROWS] = line
    for (row, column), text in sorted(sheet.formulas.items()):
        if row <= MAX_ROWS and column <= MAX_COLUMNS and written < room:
            written += 1
            _chunk(chunks, row)["formulas"].append([row, column, text])
    _add_marks(sheet, chunks)
    names = {}
    for index, chunk in chunks.items():
        names[index] = f"sheet-{number:03d}-{index:04d}.json"
        (out / names[index]).write_text(json.dumps(chunk, ensure_ascii=False), encoding="utf-8")
    cut = last > MAX_ROWS or widest > MAX_COLUMNS or written >= room
    plain: dict[str, Any] = {
        "hidden": False,
        "merged": [],
        "hidden_rows": [],
        "hidden_columns": [],
        "comments": [],
    }
    told = {"name": clip(sheet.name, 200), "rows": min(last, MAX_ROWS), "columns": min(widest, MAX_COLUMNS)}
    return plain | sheet.about | told | {"cells": written, "cut": cut, "chunks": names}


def _add_marks(sheet: _Sheet, chunks: dict[int, dict[str, Any]]) -> None:
    """What is known of cells beside their text, of those that are kept."""
    for (row, column), text in sorted(sheet.shown.items()):
        there = chunks.get((row - 1) // CHUNK_ROWS)
        if there is not None and column <= MAX_COLUMNS:
            there["shown"].append([row, column, clip(text, CELL_CHARS)])
    if sheet.numbers is None:
        return
    for there in chunks.values():
        there["numbers"] = [""] * CHUNK_ROWS
    for row, column in sorted(sheet.numbers):
        there = chunks.get((row - 1) // CHUNK_ROWS)
        if there is not None and column <= MAX_COLUMNS:
            at = (row - 1) % CHUNK_ROWS
            there["numbers"][at] = there["numbers"][at].ljust(column - 1) + "n"


def _chunk(chunks: dict[int, dict[str, Any]], row: int) -> dict[str, Any]:
    index = (row - 1) // CHUNK_ROWS
    if index not in chunks:
        empty: list[list[str]] = [[] for _ in range(CHUNK_ROWS)]
        chunks[index] = {"rows": empty, "formulas": [], "shown": [], "numbers": []}
    return chunks[index]
