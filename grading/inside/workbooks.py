"""Workbooks with recalculated values: formulas written without a cached value count as their value."""

from __future__ import annotations

import re
import shutil
import tempfile
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .files import guard, suffix
from .outcome import Broken, Unjudgeable, toolbox
from .taint import tainted
from .values import Unknown

XLSX = {".xlsx", ".xlsm", ".xltx"}
ERRORS = {"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#SPILL!", "#CALC!", "#CIRC!"}
_EXTERNAL = re.compile(r"\[\d+\]")
MAX_FORMULAS = 400_000
MAX_MERGED = 2_000_000
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s+ref="\$?([A-Z]{1,3})\$?(\d{1,7}):\$?([A-Z]{1,3})\$?(\d{1,7})"')


@dataclass
class Book:
    """A workbook twice: with formulas, and with values; `unknown` names the cells without a known value.

    Attributes:
        unknown: (sheet title, row, column) -> why.
    """

    formulas: Any
    values: Any
    unknown: dict[tuple[str, int, int], str]

    def sheet(self, name: str | None) -> Any:
        """A worksheet of `values` by name (case and outer spaces do not matter), or the first. Raises `Broken`."""
        sheets = self.values.worksheets
        if name is None:
            if not sheets:
                raise Broken("the workbook has no worksheet")
            return sheets[0]
        for sheet in sheets:
            if sheet.title.strip().casefold() == name.strip().casefold():
                return sheet
        raise Broken(f"no worksheet {name!r}; there are {', '.join(repr(sheet.title) for sheet in sheets)}")

    def value(self, sheet: Any, row: int, column: int) -> Any:
        """The value of a cell (of a merged cell: its first), `Unknown` where it could not be worked out."""
        for merged in sheet.merged_cells.ranges:
            if merged.min_row <= row <= merged.max_row and merged.min_col <= column <= merged.max_col:
                row, column = merged.min_row, merged.min_col
                break
        why = self.unknown.get((sheet.title, row, column))
        if why:
            return Unknown(why)
        cell = sheet._cells.get((row, column))
        return None if cell is None else cell.value


def load(path: Path) -> Book:
    """Open and recalculate a workbook.

    Raises:
        Broken: It cannot be opened. Unjudgeable: It is an old binary workbook, or too large.
    """
    if suffix(path) == ".xls":
        raise Unjudgeable("the old binary .xls format cannot be read here")
    if suffix(path) not in XLSX:
        raise Broken(f"{path.name} is no workbook (xlsx)")
    guard(path)
    _refuse_wide_merges(path)
    formulas = _open(path, data_only=False)
    cells = formula_cells(formulas)
    if not cells:
        return Book(formulas, formulas, {})
    if len(cells) > MAX_FORMULAS:
        raise Unjudgeable(f"the workbook has {len(cells)} formulas, more than can be recalculated here")
    return _recalculated(path, formulas, cells)


def _refuse_wide_merges(path: Path) -> None:
    """A merged range costs an object a cell: one line of XML could ask for 17 billion of them."""
    cells = 0
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                    cells += sum(_area(*found) for found in _MERGED.findall(archive.read(name)))
    except (zipfile.BadZipFile, OSError, zlib.error, EOFError, NotImplementedError) as error:
        raise Broken(f"the workbook cannot be opened: {error}") from error
    if cells > MAX_MERGED:
        raise Unjudgeable(f"merged ranges cover {cells} cells, more than can be read here")


def _area(left: bytes, top: bytes, right: bytes, bottom: bytes) -> int:
    number = toolbox("openpyxl.utils").column_index_from_string
    wide: int = number(right.decode()) - number(left.decode()) + 1
    return max(0, wide) * max(0, int(bottom) - int(top) + 1)


def _open(path: Path, *, data_only: bool) -> Any:
    openpyxl = toolbox("openpyxl")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return openpyxl.load_workbook(path, data_only=data_only)
        except (KeyError, ValueError, TypeError, AttributeError, IndexError, OSError, SyntaxError,
                zipfile.BadZipFile, openpyxl.utils.exceptions.InvalidFileException) as error:  # fmt: skip
            raise Broken(f"the workbook cannot be opened: {type(error).__name__}: {error}") from error


def formula_text(cell: Any) -> str:
    """The formula of a cell with its `=`, also where it is an array formula."""
    value = cell.value
    text = value if isinstance(value, str) else getattr(value, "text", None) or ""
    return text if text.startswith("=") else f"={text}"


def formula_cells(book: Any) -> dict[tuple[str, int, int], str]:
    """(sheet, row, column) -> formula, of every formula cell."""
    return {
        (sheet.title, row, column): formula_text(cell)
        for sheet in book.worksheets
        for (row, column), cell in sheet._cells.items()
        if cell.data_type == "f"
    }


def _recalculated(path: Path, formulas: Any, cells: dict[tuple[str, int, int], str]) -> Book:
    cached = _open(path, data_only=True)
    suspects = tainted(formulas, cells)
    folder = Path(tempfile.mkdtemp(prefix="recalc-"))
    try:
        values, malformed = _values(path, folder, formulas, cached, cells)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    unknown: dict[tuple[str, int, int], str] = {}
    for key in cells:
        sheet, row, column = key
        kept = cached[sheet]._cells.get((row, column))
        held = None if kept is None else kept.value
        target = None if values is None else values[sheet]._cells.get((row, column))
        if key in malformed and target is not None:
            target.value = "#NAME?"
        elif key in suspects or target is None:
            if held is None:
                why = suspects.get(key, "the workbook could not be recalculated")
                unknown[key] = f"{sheet}!{_address(row, column)} has no cached value, and {why}"
            elif target is not None:
                target.value = held
    return Book(formulas, cached if values is None else values, unknown)


def _values(
    path: Path, folder: Path, formulas: Any, cached: Any, cells: dict[tuple[str, int, int], str]
) -> tuple[Any, set[tuple[str, int, int]]]:
    """The recalculated workbook (None: it could not be), and the cells whose formula is malformed."""
    engine = toolbox("formualizer")
    source, target = folder / "in.xlsx", folder / "out.xlsx"
    shutil.copyfile(path, source)
    try:
        engine.recalculate_file(str(source), str(target))
        return _open(target, data_only=True), set()
    except (OSError, ValueError, RuntimeError, Broken):
        pass
    # One formula that cannot be read stops the engine: those are taken out, and it gets a second try.
    malformed, external = set(), set()
    for key, text in cells.items():
        try:
            engine.parse(text)
        except (engine.ParserError, engine.TokenizerError, ValueError):
            malformed.add(key)
        if _EXTERNAL.search(text):
            external.add(key)
    patched = toolbox("openpyxl").load_workbook(path)
    for sheet, row, column in malformed | external:
        kept = cached[sheet]._cells.get((row, column))
        broken = (sheet, row, column) in malformed
        patched[sheet].cell(row, column).value = "#NAME?" if broken or kept is None else kept.value
    try:
        patched.save(source)
        engine.recalculate_file(str(source), str(target))
        return _open(target, data_only=True), malformed
    except (OSError, ValueError, RuntimeError, Broken):
        return None, malformed


def _address(row: int, column: int) -> str:
    return f"{toolbox('openpyxl').utils.get_column_letter(column)}{row}"


def is_error(value: Any) -> bool:
    """Whether a value is a spreadsheet error."""
    return isinstance(value, str) and value in ERRORS


def revealing(book: Book) -> Any:
    """`book.values` for a Python check: reading a cell that could not be worked out raises `Unjudgeable`."""
    if not book.unknown:
        return book.values
    cell_class = toolbox("openpyxl.cell.cell").Cell

    class _UnknownCell(cell_class):  # type: ignore[misc, valid-type]
        __slots__ = ("why",)

        @property
        def value(self) -> Any:
            raise Unjudgeable(self.why)

    for (title, row, column), why in book.unknown.items():
        sheet = book.values[title]
        cell = _UnknownCell(sheet, row=row, column=column)
        cell.why = why
        sheet._cells[(row, column)] = cell
    return book.values
