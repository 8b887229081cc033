"""Spoiled copies of the vet lead list: each must fail the criterion named beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from openpyxl import load_workbook

FILE = "leads_scored.xlsx"


def _twice(folder: Path) -> None:
    """One lead stands there a second time, as after stacking both lists."""
    book = load_workbook(folder / FILE)
    sheet = book["Leads"]
    sheet.append([cell.value for cell in sheet[8]])
    book.save(folder / FILE)


def _header_only(folder: Path) -> None:
    """The table has its header and nothing else."""
    book = load_workbook(folder / FILE)
    book["Leads"].delete_rows(2, 200)
    book.save(folder / FILE)


def _do_not_contact(folder: Path) -> None:
    """An address of a barred domain is among the leads."""
    book = load_workbook(folder / FILE)
    book["Leads"]["E20"] = "Hugh.Larkin@BluebonnetVet.example.com"
    book.save(folder / FILE)


def _uncapped(folder: Path) -> None:
    """Engagement is not capped at 20."""
    book = load_workbook(folder / FILE)
    for row in book["Leads"].iter_rows(min_row=2):
        if row[14].value == 20:
            row[14].value = 25
    book.save(folder / FILE)


def _old_segments(folder: Path) -> None:
    """Hot starts at 75, as the client remembers it."""
    book = load_workbook(folder / FILE)
    for row in book["Leads"].iter_rows(min_row=2):
        if row[16].value == "Warm" and sum(c.value for c in row[10:15]) >= 75:
            row[16].value = "Hot"
    book.save(folder / FILE)


def _pasted_scores(folder: Path) -> None:
    """Scores are typed numbers instead of formulas."""
    book = load_workbook(folder / FILE)
    for row in book["Leads"].iter_rows(min_row=2):
        row[15].value = sum(c.value for c in row[10:15])
    book.save(folder / FILE)


def _lost_records(folder: Path) -> None:
    """Four removed records are gone without a trace."""
    book = load_workbook(folder / FILE)
    book["Removed"].delete_rows(2, 4)
    book.save(folder / FILE)


def _stale_summary(folder: Path) -> None:
    """The summary claims one Hot lead more than there is."""
    book = load_workbook(folder / FILE)
    book["Summary"]["B16"] = 22
    book.save(folder / FILE)


def _invented(folder: Path) -> None:
    """A missing address was made up."""
    book = load_workbook(folder / FILE)
    for row in book["Leads"].iter_rows(min_row=2):
        if row[4].value is None:
            row[4].value = f"{row[0].value}.{row[1].value}@gmail.com".lower()
    book.save(folder / FILE)


SPOILED: dict[str, tuple[Callable[[Path], None], str]] = {
    "a lead twice": (_twice, "one-row-per-person"),
    "header only": (_header_only, "one-row-per-person"),
    "barred address": (_do_not_contact, "no-do-not-contact"),
    "engagement not capped": (_uncapped, "points"),
    "Hot from 75": (_old_segments, "segments"),
    "typed scores": (_pasted_scores, "score-formula"),
    "records lost": (_lost_records, "nothing-lost"),
    "22 claimed and 21 there": (_stale_summary, "summary-counts"),
    "invented address": (_invented, "invented-address"),
}
