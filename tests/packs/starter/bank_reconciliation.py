"""Spoiled variants of the September bank reconciliation."""

from __future__ import annotations

import re
from pathlib import Path

from tests.packs import spoil


def wrong_total(folder: Path) -> None:
    """The bank's own error is taken off instead of added, so the two sides do not agree."""
    with spoil.workbook(folder) as book:
        spoil.cells(book["Reconciliation"], 118)[0].value = -118.00


def no_journals_tab(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        del book["Journals"]


def header_only_matching(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        spoil.empty_below(book["Matching"], 4)


def one_bank_line_lost(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        spoil.drop_rows(book["Matching"], re.compile("CARD 4821 PARKWELL"))


def october_cheque_taken_as_cleared(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        spoil.drop_rows(book["Outstanding"], "2210")


def cancelled_cheque_outstanding(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Outstanding"]
        cell = spoil.cells(sheet, "2213")[0]
        sheet.insert_rows(cell.row)
        for column, value in enumerate(("Cheque", "2207", None, "Pennard Veneers", 375.00), 1):
            sheet.cell(cell.row - 1, column, value)


def swapped_debit_credit(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        spoil.swap_columns(book["Journals"], 2, 3, 4)


def hard_coded(folder: Path) -> None:
    spoil.hard_code(folder, sheets=("Reconciliation",))


def plug(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Reconciliation"]
        spoil.cells(sheet, 118)[0].value = 0
        sheet.cell(sheet.max_row + 2, 1, "Unreconciled difference")
        sheet.cell(sheet.max_row, 3, 118.00)


def bank_error_posted(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Journals"]
        cell = spoil.cells(sheet, 28.50)[0]
        sheet.insert_rows(cell.row)
        row = (None, "7901 Bank charges", "1200 Bank current a/c", 118.00, "Cardnet direct debit")
        for column, value in enumerate(row, 1):
            sheet.cell(cell.row - 1, column, value)


def reference_mixed_up(folder: Path) -> None:
    """Both receipts of 480.00 carry Marlow's reference."""
    with spoil.workbook(folder) as book:
        sheet = book["Matching"]
        row = spoil.cells(sheet, re.compile("OSTLER"))[0].row
        sheet.cell(row, 4, "CB901")


def fix_missed(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        spoil.drop_rows(book["Cashbook fixes"], "G46")


def stale_not_marked(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        for cell in spoil.cells(book["Outstanding"], "Stale"):
            cell.value = None


def note_without_amount(folder: Path) -> None:
    spoil.edit_docx(folder, "*.docx", spoil.replacing("86.40", "an amount"))


SPOILED: spoil.Spoiled = {
    "wrong_total": (wrong_total, "adjusted-balance"),
    "no_journals_tab": (no_journals_tab, "five-tabs"),
    "header_only_matching": (header_only_matching, "matching-complete"),
    "one_bank_line_lost": (one_bank_line_lost, "matching-complete"),
    "october_cheque_taken_as_cleared": (october_cheque_taken_as_cleared, "outstanding-cheques"),
    "cancelled_cheque_outstanding": (cancelled_cheque_outstanding, "outstanding-cheques"),
    "swapped_debit_credit": (swapped_debit_credit, "journals-complete"),
    "hard_coded": (hard_coded, "live-sums"),
    "plug": (plug, "no-suspense"),
    "bank_error_posted": (bank_error_posted, "no-bank-error-journal"),
    "reference_mixed_up": (reference_mixed_up, "matching-refs"),
    "fix_missed": (fix_missed, "cashbook-fixes"),
    "stale_not_marked": (stale_not_marked, "stale-cheque"),
    "note_without_amount": (note_without_amount, "note-items"),
}
