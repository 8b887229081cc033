"""Spoiled variants of the 13-week cash flow model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.packs import spoil


def _row(sheet: Any, label: str) -> int:
    return int(spoil.cells(sheet, re.compile(f"^{label}"))[0].row)


def bank_balance_as_opening(folder: Path) -> None:
    """The checks that are still out are forgotten."""
    with spoil.workbook(folder) as book:
        spoil.cells(book["Assumptions"], 4310)[0].value = 0


def duplicate_bill_paid(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Bills"]
        row = spoil.cells(sheet, re.compile("entered twice"))[0].row
        sheet.cell(row, 6, "yes")


def disputed_invoice_counted(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Receivables"]
        row = spoil.cells(sheet, re.compile("DISPUTED"))[0].row
        sheet.cell(row, 7, "yes")


def hard_coded(folder: Path) -> None:
    spoil.hard_code(folder, sheets=("Forecast",))


def hard_coded_cells(folder: Path) -> None:
    """The same, seen by the count of formulas."""
    spoil.hard_code(folder, sheets=("Forecast",))


def rent_in_the_wrong_week(folder: Path) -> None:
    """Sunday, February 1 put into the week that begins on the 2nd."""
    with spoil.workbook(folder) as book:
        sheet = book["Forecast"]
        row = _row(sheet, "Rent")
        sheet.cell(row, 5).value, sheet.cell(row, 6).value = 0, -7900


def no_assumptions(folder: Path) -> None:
    spoil.hard_code(folder)
    with spoil.workbook(folder) as book:
        del book["Assumptions"]


def formula_error(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Forecast"]
        sheet.cell(_row(sheet, "Materials"), 9).value = "=Prices!B7/0"


def line_not_in_steps(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        spoil.cells(book["Assumptions"], 5000)[0].value = 100


def lathe_balance_inside(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Forecast"]
        sheet.cell(_row(sheet, "Capital expenditure"), 14).value = -42000


def liquidity_without_line(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Forecast"]
        sheet.cell(_row(sheet, "Liquidity"), 8).value = f"=H{_row(sheet, 'Ending cash')}"


def memo_one_week_only(folder: Path) -> None:
    def change(text: str) -> str:
        text = re.sub(
            r"weeks 7 and 9: short by \$4,785 in week 7 and by \$425 in week 9", "week 7: short by $4,785", text
        )
        return re.sub(r", week 9 \(\$425 short\)", "", text)

    spoil.edit_docx(folder, "*.docx", change)


def rent_typed_into_the_forecast(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Forecast"]
        sheet.cell(_row(sheet, "Rent"), 9).value = -7900


def memo_without_lowest(folder: Path) -> None:
    spoil.edit_docx(folder, "*.docx", spoil.replacing("115,215", "n/a"))


def memo_without_alternative(folder: Path) -> None:
    spoil.edit_docx(folder, "*.docx", spoil.replacing("129,263", "n/a"))


def loan_every_month_end(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Forecast"]
        row = _row(sheet, "Loan")
        sheet.cell(row, 3).value, sheet.cell(row, 4).value = 0, -3185


def own_line_name(folder: Path) -> None:
    """One of the bank's lines is called something else."""
    with spoil.workbook(folder) as book:
        sheet = book["Forecast"]
        spoil.cells(sheet, re.compile("^Other operating"))[0].value = "Miscellaneous"


SPOILED: spoil.Spoiled = {
    "bank_balance_as_opening": (bank_balance_as_opening, "ending-cash"),
    "duplicate_bill_paid": (duplicate_bill_paid, "open-bills"),
    "disputed_invoice_counted": (disputed_invoice_counted, "open-receivables"),
    "hard_coded": (hard_coded, "live-opening"),
    "hard_coded_cells": (hard_coded_cells, "live-cells"),
    "rent_in_the_wrong_week": (rent_in_the_wrong_week, "rent-weeks"),
    "loan_every_month_end": (loan_every_month_end, "dated-payments"),
    "no_assumptions": (no_assumptions, "assumptions-tab"),
    "own_line_name": (own_line_name, "bank-lines"),
    "formula_error": (formula_error, "live-cells"),
    "line_not_in_steps": (line_not_in_steps, "line-balance"),
    "lathe_balance_inside": (lathe_balance_inside, "no-lathe-balance"),
    "liquidity_without_line": (liquidity_without_line, "liquidity"),
    "memo_one_week_only": (memo_one_week_only, "memo-breach"),
    "rent_typed_into_the_forecast": (rent_typed_into_the_forecast, "live-assumptions"),
    "memo_without_lowest": (memo_without_lowest, "memo-lowest"),
    "memo_without_alternative": (memo_without_alternative, "memo-deferred"),
}
