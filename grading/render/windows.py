"""Reading parts of what was drawn: the words of a page, a window of a sheet. All block."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from core import Blobs
from grading.render.model import DrawnPage, DrawnSheet

CHUNK_ROWS = 500
MAX_WINDOW_ROWS, MAX_WINDOW_COLUMNS = 500, 100


def words_of(blobs: Blobs, page: DrawnPage) -> list[list[Any]]:
    """`[x, y, width, height, word]` of a page, in parts (0 to 1) of its size. Raises `StoreFault`."""
    words: list[list[Any]] = json.loads(blobs.get_bytes(page.words))
    return words


def sheet_window(
    blobs: Blobs, sheet: DrawnSheet, row: int, column: int, rows: int, columns: int, *, formulas: bool = False
) -> dict[str, Any]:
    """A window of a sheet, from `row` and `column` (from 0) on. Raises `StoreFault`.

    Returns:
        `rows` (of texts, all of the same length; with `formulas` a cell that has one shows it), `row`, `column`,
        and of what lies in the window: `merged` ([first row, first column, last row, last column], from 1),
        `hidden_rows`, `hidden_columns` (from 1), `comments` ([row, column, text]), `shown` (the same: by the
        number format, where that is not the text in `rows`; none with `formulas`), `numbers` (of each row a text
        with `n` at the place of each cell that holds a number, a date or a time; empty where nobody knows).
    """
    row, column = max(0, row), max(0, column)
    last = min(row + max(0, min(rows, MAX_WINDOW_ROWS)), sheet.rows)
    right = min(column + max(0, min(columns, MAX_WINDOW_COLUMNS)), sheet.columns)
    cells = [["" for _ in range(column, right)] for _ in range(row, last)]
    shown: list[list[Any]] = []
    numbers: list[str] = []
    for first, chunk in _chunks(blobs, sheet, row, last):
        for number, line in enumerate(chunk["rows"], start=first):
            if row <= number < last:
                part = line[column:right]
                cells[number - row][: len(part)] = part
        for number, kinds in enumerate(chunk.get("numbers", ()), start=first):
            numbers = numbers or [""] * (last - row)
            if row <= number < last:
                numbers[number - row] = kinds[column:right]
        for one in () if formulas else chunk.get("shown", ()):
            if row < one[0] <= last and column < one[1] <= right:
                shown.append(one)
        for at, where, text in chunk["formulas"] if formulas else ():
            if row < at <= last and column < where <= right:
                cells[at - 1 - row][where - 1 - column] = text
    return {
        "rows": cells,
        "row": row,
        "column": column,
        "merged": [
            list(one)
            for one in sheet.merged
            if one[0] <= last and one[2] > row and one[1] <= right and one[3] > column
        ],
        "hidden_rows": [one for one in sheet.hidden_rows if row < one <= last],
        "hidden_columns": [one for one in sheet.hidden_columns if column < one <= right],
        "shown": shown,
        "numbers": numbers,
        "comments": [list(one) for one in sheet.comments if row < one[0] <= last and column < one[1] <= right],
    }


def sheet_rows(blobs: Blobs, sheet: DrawnSheet, rows: int) -> Iterator[tuple[int, list[str]]]:
    """(row from 1, its texts) of the first `rows` rows that are not empty. Raises `StoreFault`."""
    for first, chunk in _chunks(blobs, sheet, 0, min(rows, sheet.rows)):
        for number, line in enumerate(chunk["rows"], start=first + 1):
            if line and number <= rows:
                yield number, line


def _chunks(blobs: Blobs, sheet: DrawnSheet, row: int, last: int) -> Iterator[tuple[int, dict[str, Any]]]:
    for index in range(row // CHUNK_ROWS, -(-last // CHUNK_ROWS)):
        if index in sheet.chunks:
            yield index * CHUNK_ROWS, json.loads(blobs.get_bytes(sheet.chunks[index]))
