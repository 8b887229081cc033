"""Tables: a worksheet or a delimited file as rows of cells, with a header."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .files import guard, read_text, suffix
from .outcome import Broken, toolbox
from .values import Unknown, norm, shown
from .workbooks import Book

DELIMITED = {".csv", ".tsv"}
MAX_COLUMNS = 4096


@dataclass
class Grid:
    """The cells that are there, by row (from 1) and column (from 1).

    Attributes:
        sheet: Title of the worksheet, or None for a delimited file.
        rows: row -> {column: value}; blank cells are left out.
    """

    sheet: str | None
    rows: dict[int, dict[int, Any]]

    def anchor(self, row: int, column: int | None = None) -> str:
        """`Sheet!B12`, `Sheet!row=12` or, in a delimited file, `line=12`."""
        if self.sheet is None:
            return f"line={row}"
        if column is None:
            return f"{self.sheet}!row={row}"
        return f"{self.sheet}!{toolbox('openpyxl.utils').get_column_letter(column)}{row}"


def blank(value: Any) -> bool:
    """Whether a cell shows nothing."""
    return value is None or (isinstance(value, str) and not value.strip())


def sheet_grid(book: Book, sheet: Any) -> Grid:
    """The cells of a worksheet that show something."""
    rows: dict[int, dict[int, Any]] = {}
    for (row, column), cell in sorted(sheet._cells.items()):
        why = book.unknown.get((sheet.title, row, column))
        value = Unknown(why) if why else cell.value
        if not blank(value):
            rows.setdefault(row, {})[column] = value
    return Grid(sheet.title, rows)


def delimited_rows(path: Path) -> Iterator[list[str]]:
    """The records of a csv or tsv file; the delimiter is the one that splits its first lines most evenly.

    Raises:
        Broken: It is no delimited text.
    """
    guard(path)
    text = read_text(path)
    csv.field_size_limit(10_000_000)
    delimiter = "\t" if suffix(path) == ".tsv" else _delimiter(text)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    except csv.Error as error:
        raise Broken(f"the file is no delimited text: {error}") from error


def _delimiter(text: str) -> str:
    best, most = ",", 1
    for delimiter in (",", ";", "\t", "|"):
        try:
            records = csv.reader(io.StringIO(text[:20_000]), delimiter=delimiter)
            widths = [len(row) for row in itertools.islice(records, 10)]
        except csv.Error:
            continue
        common = max(set(widths), key=widths.count) if widths else 1
        if common > most:
            best, most = delimiter, common
    return best


def delimited_grid(path: Path) -> Grid:
    """The cells of a csv or tsv file, stripped."""
    rows: dict[int, dict[int, Any]] = {}
    for number, record in enumerate(delimited_rows(path), start=1):
        if len(record) > MAX_COLUMNS:
            raise Broken(f"record {number} has {len(record)} fields")
        cells = {column: value.strip() for column, value in enumerate(record, start=1) if value.strip()}
        if cells:
            rows[number] = cells
    return Grid(None, rows)


@dataclass
class Table:
    """A grid read below a header row."""

    grid: Grid
    header_row: int
    header: dict[int, str]
    body: list[int]

    def column(self, name: str) -> int:
        """The column of that name (case and spacing do not matter). Raises `Broken`."""
        for column, title in self.header.items():
            if norm(title) == norm(name):
                return column
        there = ", ".join(repr(title) for title in list(self.header.values())[:20]) or "none"
        raise Broken(f"no column {name!r} in row {self.header_row}; there are {there}")

    def data_rows(self) -> list[int]:
        """The rows of the body that are no totals (whose first text cell begins with `total` or `grand total`)."""
        return [row for row in self.body if not _is_total(self.grid.rows[row])]


def _is_total(cells: dict[int, Any]) -> bool:
    for _, value in sorted(cells.items()):
        if isinstance(value, str) and value.strip():
            return norm(value).startswith(("total", "grand total"))
    return False


def read_table(grid: Grid, header_row: int) -> Table:
    """The table whose titles stand in `header_row`. Raises `Broken` where that row is blank."""
    cells = {at: value for at, value in grid.rows.get(header_row, {}).items() if not isinstance(value, Unknown)}
    titles = {column: " ".join(shown(value).split()) for column, value in cells.items()}
    if not titles:
        raise Broken(f"row {header_row}, where the header should be, is blank")
    return Table(grid, header_row, titles, [row for row in sorted(grid.rows) if row > header_row])
