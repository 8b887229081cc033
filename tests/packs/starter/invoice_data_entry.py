"""Spoiled variants of the invoice import sheet."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.packs import spoil


def _line(sheet: Any, number: str) -> int:
    return int(spoil.cells(sheet, number)[0].row)


def one_invoice_missing(folder: Path) -> None:
    """The second invoice in the dairy's PDF."""
    with spoil.workbook(folder) as book:
        spoil.drop_rows(book["Import"], "118871")


def header_only(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        spoil.empty_below(book["Import"], 1)


def copy_entered_too(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Import"]
        row = _line(sheet, "LL/3302")
        sheet.append([cell.value for cell in sheet[row]])


def wine_corrected(folder: Path) -> None:
    """The paper's mistake put right instead of entered as printed."""
    with spoil.workbook(folder) as book:
        sheet = book["Import"]
        sheet.cell(_line(sheet, "GW-50917"), 8).value = 1248.60


def vat_left_out(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Import"]
        sheet.cell(_line(sheet, "11842"), 9).value = 54.00


def credit_note_positive(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Import"]
        row = _line(sheet, "CN 877")
        for column in (8, 10):
            sheet.cell(row, column).value = 86.40


def american_date_read_day_first(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Import"]
        cell = sheet.cell(_line(sheet, "TP-2025-0311"), 5)
        cell.value = cell.value.replace(month=11, day=3)


def dates_as_text(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Import"]
        for row in range(2, sheet.max_row + 1):
            cell = sheet.cell(row, 5)
            cell.value = cell.value and cell.value.strftime("%d/%m/%Y")


def closed_supplier(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        spoil.cells(book["Import"], "FEN04")[0].value = "FEN01"


def note_ignored(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Import"]
        sheet.cell(_line(sheet, "5521"), 11).value = 400


def swapped_columns(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Import"]
        spoil.swap_columns(sheet, 8, 10, 0)


def all_euro(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        spoil.cells(book["Import"], "USD")[0].value = "EUR"


def no_list_of_the_rest(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        spoil.drop_rows(book["Not entered"], re.compile("statement", re.I))


def totals_typed(folder: Path) -> None:
    spoil.hard_code(folder, sheets=("Control",))


def query_forgotten(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Import"]
        sheet.cell(_line(sheet, "GW-50917"), 13).value = None


def thirty_days_for_the_dairy(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Import"]
        cell = sheet.cell(_line(sheet, "118834"), 6)
        cell.value = cell.value.replace(month=3, day=31)


def letters_left_off(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Import"]
        sheet.cell(_line(sheet, "F-7731"), 4).value = "7731"


def supplier_list_deleted(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        del book["Suppliers"]


SPOILED: spoil.Spoiled = {
    "one_invoice_missing": (one_invoice_missing, "right-documents"),
    "header_only": (header_only, "net-amounts"),
    "copy_entered_too": (copy_entered_too, "liffey-twice"),
    "wine_corrected": (wine_corrected, "net-amounts"),
    "vat_left_out": (vat_left_out, "vat-and-gross"),
    "credit_note_positive": (credit_note_positive, "credit-note"),
    "american_date_read_day_first": (american_date_read_day_first, "invoice-dates"),
    "dates_as_text": (dates_as_text, "invoice-dates"),
    "closed_supplier": (closed_supplier, "supplier-codes"),
    "note_ignored": (note_ignored, "cost-centres"),
    "swapped_columns": (swapped_columns, "template-columns"),
    "all_euro": (all_euro, "currency"),
    "no_list_of_the_rest": (no_list_of_the_rest, "not-entered"),
    "totals_typed": (totals_typed, "control-formulas"),
    "query_forgotten": (query_forgotten, "gaslight-query"),
    "letters_left_off": (letters_left_off, "right-documents"),
    "supplier_list_deleted": (supplier_list_deleted, "kept-tabs"),
    "thirty_days_for_the_dairy": (thirty_days_for_the_dairy, "due-dates"),
}
