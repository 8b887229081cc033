"""Spoils copies of a job's reference deliverables, each in one way that a check must notice.

`tests/packs/starter/<job id with underscores>.py` holds
`SPOILED = {"name": (function(folder: Path) -> None, "criterion-id that must fail")}`; each function changes the
files of a fresh copy in place. It runs in a process of its own that finds the toolbox packages:

    PYTHONPATH=<toolbox> python -m tests.packs.spoil bank-reconciliation REFERENCE_DIR OUT_DIR

writes `OUT_DIR/<name>/` for every variant. The packages of the toolbox are not in the harness's own environment,
so they are imported inside the helpers, which spoiling functions use as far as possible.
"""

from __future__ import annotations

import csv
import importlib
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Spoiler = Callable[[Path], None]
Spoiled = dict[str, tuple[Spoiler, str]]


def spoiled_of(job: str) -> Spoiled:
    """The variants of a job, by name."""
    found: Spoiled = importlib.import_module(f"tests.packs.starter.{job.replace('-', '_')}").SPOILED
    return found


def make_all(job: str, reference: Path, out: Path) -> None:
    """Write one spoiled copy of `reference` a variant below `out`; a variant that changes nothing is an error."""
    for name, (spoil, _) in spoiled_of(job).items():
        folder = out / name
        shutil.copytree(reference, folder)
        before = _bytes(folder)
        spoil(folder)
        if _bytes(folder) == before:
            raise AssertionError(f"{job}: variant {name} changes nothing")


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def one(folder: Path, glob: str) -> Path:
    """The only file that matches."""
    (path,) = folder.glob(glob)
    return path


def remove(folder: Path, glob: str) -> None:
    """Remove every file that matches; there must be one."""
    paths = list(folder.glob(glob))
    assert paths, f"nothing matches {glob}"
    for path in paths:
        path.unlink()


# --- workbooks


@contextmanager
def workbook(folder: Path, glob: str = "*.xlsx") -> Iterator[Any]:
    """An openpyxl workbook with its formulas; saved at the end."""
    path = one(folder, glob)
    book = importlib.import_module("openpyxl").load_workbook(path)
    yield book
    book.save(path)


def cells(sheet: Any, wanted: object) -> list[Any]:
    """The cells that equal `wanted`; a compiled pattern is searched for in text cells."""
    if isinstance(wanted, re.Pattern):
        return [c for row in sheet.iter_rows() for c in row if isinstance(c.value, str) and wanted.search(c.value)]
    return [c for row in sheet.iter_rows() for c in row if c.value == wanted and c.value is not None]


def drop_rows(sheet: Any, wanted: object, column: int | None = None) -> None:
    """Delete the rows in which a cell (of `column`, from 1) equals or matches `wanted`; there must be one."""
    rows = {c.row for c in cells(sheet, wanted) if column is None or c.column == column}
    assert rows, f"no row with {wanted!r} in {sheet.title}"
    for row in sorted(rows, reverse=True):
        sheet.delete_rows(row)


def empty_below(sheet: Any, header_row: int) -> None:
    """Leave only the header."""
    sheet.delete_rows(header_row + 1, sheet.max_row)


def hard_code(folder: Path, glob: str = "*.xlsx", sheets: tuple[str, ...] = ()) -> None:
    """Turn formulas (of `sheets`, default all) into the values they have now."""
    path = one(folder, glob)
    openpyxl = importlib.import_module("openpyxl")
    importlib.import_module("formualizer").recalculate_file(str(path))
    values = openpyxl.load_workbook(path, data_only=True)
    with workbook(folder, glob) as book:
        for sheet in book.worksheets:
            if sheets and sheet.title not in sheets:
                continue
            for row in sheet.iter_rows():
                for cell in row:
                    if cell.data_type == "f":
                        cell.value = values[sheet.title][cell.coordinate].value


def swap_columns(sheet: Any, first: int, second: int, header_row: int) -> None:
    """Swap the values of two columns (from 1) below the header, so that they stand under the wrong names."""
    for row in range(header_row + 1, sheet.max_row + 1):
        a, b = sheet.cell(row, first), sheet.cell(row, second)
        a.value, b.value = b.value, a.value


# --- csv


def edit_csv(
    folder: Path, glob: str, change: Callable[[list[list[str]]], list[list[str]]], encoding: str = "utf-8"
) -> None:
    """Rewrite a csv with what `change` makes of its rows (header first)."""
    path = one(folder, glob)
    with path.open(encoding=encoding, newline="") as handle:
        rows = list(csv.reader(handle))
    with path.open("w", encoding=encoding, newline="") as handle:
        csv.writer(handle).writerows(change(rows))


# --- text


def edit_text(folder: Path, glob: str, change: Callable[[str], str]) -> None:
    """Rewrite a UTF-8 text file."""
    path = one(folder, glob)
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


def _paragraphs(document: Any) -> Iterator[Any]:
    yield from document.paragraphs
    for table in document.tables:
        for row in table.rows:
            for cell in row.cells:
                yield from cell.paragraphs


def edit_docx(folder: Path, glob: str, change: Callable[[str], str]) -> None:
    """Rewrite every paragraph of a docx, tables included (a changed paragraph keeps its first run's looks)."""
    path = one(folder, glob)
    document = importlib.import_module("docx").Document(str(path))
    for paragraph in _paragraphs(document):
        text = paragraph.text
        changed = change(text)
        if changed != text:
            for run in paragraph.runs[1:]:
                run.text = ""
            if paragraph.runs:
                paragraph.runs[0].text = changed
            else:
                paragraph.text = changed
    document.save(str(path))


def replacing(old: str, new: str) -> Callable[[str], str]:
    """For `edit_text` and `edit_docx`: replace a phrase."""
    return lambda text: text.replace(old, new)


if __name__ == "__main__":
    make_all(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
