"""Spoiled variants of the mezzanine's beam schedule."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

from tests.packs import spoil


def _row(sheet: Any, mark: str) -> int:
    return int(spoil.cells(sheet, mark)[0].row)


def partitions_forgotten(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        spoil.cells(book["Inputs"], 0.8)[0].value = 0


def section_on_mill_order(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Schedule"]
        sheet.cell(_row(sheet, "P2"), 4).value = "UKB 356x127x39"


def one_size_too_heavy(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Schedule"]
        sheet.cell(_row(sheet, "S2"), 4).value = "UKB 203x133x25"


def too_deep(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Schedule"]
        sheet.cell(_row(sheet, "S1"), 4).value = "UKB 305x102x25"


def point_loads_at_quarter_points(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Schedule"]
        for cell in spoil.cells(sheet, re.compile(r"\*C\d+/3$")):
            cell.value = str(cell.value).replace("/3", "/2")


def deflection_of_the_line_load_only(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        for cell in spoil.cells(book["Schedule"], re.compile(r"\+23\*")):
            cell.value = re.sub(r"\+23\*.*?/648", "", str(cell.value))


def old_beam_list(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Schedule"]
        sheet.cell(_row(sheet, "S1"), 2).value = 6


def utilisation_of_bending(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        for cell in spoil.cells(book["Schedule"], re.compile(r"^=MAX\(")):
            cell.value = f"=K{cell.row}"


def total_without_primaries(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        for cell in spoil.cells(book["Schedule"], re.compile(r"^=SUM\([QR]5")):
            cell.value = str(cell.value).replace("16", "11")


def hard_coded(folder: Path) -> None:
    spoil.hard_code(folder, sheets=("Schedule",))


def storage_load_typed_in(folder: Path) -> None:
    """The loads of the secondaries are numbers, so nothing follows the input."""
    spoil.hard_code(folder, sheets=("Loads",))


def section_swapped_in_vain(folder: Path) -> None:
    """The properties of the sections are typed in, so another name changes nothing."""
    with spoil.workbook(folder) as book:
        for cell in spoil.cells(book["Schedule"], re.compile(r"INDEX\(Sections!\$G")):
            cell.value = re.sub(r"INDEX\(Sections!\$G.*?0\)\)", "4410", str(cell.value))


def formula_error(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        book["Schedule"]["T5"].value = "=1/0"


def no_loads(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        book["Loads"].title = "Actions"


def header_only(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        spoil.empty_below(book["Schedule"], 4)


def _sheet_of(folder: Path, *lines: str) -> None:
    canvas = importlib.import_module("reportlab.pdfgen.canvas")
    page = canvas.Canvas(str(spoil.one(folder, "calc_sheet.pdf")))
    for number, line in enumerate(lines):
        page.drawString(60, 780 - 16 * number, line)
    page.save()


def results_without_working(folder: Path) -> None:
    _sheet_of(folder, "S1 UKB 254x146x31 M = 55.7 kNm", "P3 UKB 356x171x51 M = 209.9 kNm")


SPOILED: spoil.Spoiled = {
    "partitions_forgotten": (partitions_forgotten, "moments"),
    "section_on_mill_order": (section_on_mill_order, "not-allowed"),
    "one_size_too_heavy": (one_size_too_heavy, "sections-secondary"),
    "too_deep": (too_deep, "not-allowed"),
    "point_loads_at_quarter_points": (point_loads_at_quarter_points, "moments"),
    "deflection_of_the_line_load_only": (deflection_of_the_line_load_only, "deflection-total"),
    "old_beam_list": (old_beam_list, "quantities"),
    "utilisation_of_bending": (utilisation_of_bending, "utilisation"),
    "total_without_primaries": (total_without_primaries, "totals"),
    "hard_coded": (hard_coded, "live"),
    "storage_load_typed_in": (storage_load_typed_in, "follows"),
    "section_swapped_in_vain": (section_swapped_in_vain, "swap"),
    "formula_error": (formula_error, "live"),
    "no_loads": (no_loads, "loads-sheet"),
    "header_only": (header_only, "sections-primary"),
    "results_without_working": (results_without_working, "calc-worked"),
}
