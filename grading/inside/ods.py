"""The worksheets of an OpenDocument spreadsheet as grids (its stored values; nothing is recalculated)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .files import guard
from .office import ODF_TABLE, ODF_TEXT, odf_root
from .outcome import Broken
from .tables import Grid

_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
MAX_REPEATED = 4096


def ods_grids(path: Path) -> list[Grid]:
    """The grids of all worksheets, in order. Raises `Broken`."""
    guard(path)
    grids = []
    for table in odf_root(path).iter(f"{ODF_TABLE}table"):
        rows: dict[int, dict[int, Any]] = {}
        number = 1
        for row in table.iter(f"{ODF_TABLE}table-row"):
            repeated = _repeated(row, "rows")
            cells = _cells(row)
            if cells:
                for offset in range(min(repeated, MAX_REPEATED)):
                    rows[number + offset] = dict(cells)
            number += repeated
        grids.append(Grid(table.get(f"{ODF_TABLE}name") or "", rows))
    if not grids:
        raise Broken("the workbook has no worksheet")
    return grids


def _repeated(element: Any, what: str) -> int:
    text = element.get(f"{ODF_TABLE}number-{what}-repeated") or "1"
    return int(text) if text.isdigit() else 1


def _cells(row: Any) -> dict[int, Any]:
    cells: dict[int, Any] = {}
    column = 1
    for cell in row.iterchildren(f"{ODF_TABLE}table-cell", f"{ODF_TABLE}covered-table-cell"):
        repeated = _repeated(cell, "columns")
        value = _value(cell)
        if value not in {None, ""}:
            for offset in range(min(repeated, MAX_REPEATED)):
                cells[column + offset] = value
        column += repeated
    return cells


def _value(cell: Any) -> Any:
    kind = cell.get(f"{_OFFICE}value-type")
    if kind in {"float", "currency", "percentage"}:
        try:
            return float(cell.get(f"{_OFFICE}value"))
        except (TypeError, ValueError):
            return None
    if kind == "date":
        return (cell.get(f"{_OFFICE}date-value") or "")[:10]
    return "\n".join("".join(part.itertext()) for part in cell.iter(f"{ODF_TEXT}p")).strip()
