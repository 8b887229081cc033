"""Spoiled copies of the vet lead list: each must fail the criterion named beside it."""

from __future__ import annotations

from pathlib import Path

from tests.packs import spoil


def _twice(folder: Path) -> None:
    """One lead stands there a second time, as after stacking both lists."""
    with spoil.workbook(folder) as book:
        sheet = book["Leads"]
        sheet.append([cell.value for cell in sheet[8]])


def _header_only(folder: Path) -> None:
    """The table has its header and nothing else."""
    with spoil.workbook(folder) as book:
        book["Leads"].delete_rows(2, 200)


def _do_not_contact(folder: Path) -> None:
    """An address of a barred domain is among the leads."""
    with spoil.workbook(folder) as book:
        book["Leads"]["E20"] = "Hugh.Larkin@BluebonnetVet.example.com"


def _uncapped(folder: Path) -> None:
    """Engagement is not capped at 20."""
    with spoil.workbook(folder) as book:
        for row in book["Leads"].iter_rows(min_row=2):
            if row[14].value == 20:
                row[14].value = 25


def _old_segments(folder: Path) -> None:
    """Hot starts at 75, as the client remembers it."""
    with spoil.workbook(folder) as book:
        for row in book["Leads"].iter_rows(min_row=2):
            if row[16].value == "Warm" and sum(c.value for c in row[10:15]) >= 75:
                row[16].value = "Hot"


def _pasted_scores(folder: Path) -> None:
    """Scores are typed numbers instead of formulas."""
    with spoil.workbook(folder) as book:
        for row in book["Leads"].iter_rows(min_row=2):
            row[15].value = sum(c.value for c in row[10:15])


def _lost_records(folder: Path) -> None:
    """Four removed records are gone without a trace."""
    with spoil.workbook(folder) as book:
        book["Removed"].delete_rows(2, 4)


def _stale_summary(folder: Path) -> None:
    """The summary claims one Hot lead more than there is."""
    with spoil.workbook(folder) as book:
        book["Summary"]["B16"] = 22


def _invented(folder: Path) -> None:
    """A missing address was made up."""
    with spoil.workbook(folder) as book:
        for row in book["Leads"].iter_rows(min_row=2):
            if row[4].value is None:
                row[4].value = f"{row[0].value}.{row[1].value}@gmail.com".lower()


SPOILED: spoil.Spoiled = {
    "lead-twice": (_twice, "one-row-per-person"),
    "header-only": (_header_only, "one-row-per-person"),
    "barred-address": (_do_not_contact, "no-do-not-contact"),
    "not-capped": (_uncapped, "points"),
    "hot-from-75": (_old_segments, "segments"),
    "typed-scores": (_pasted_scores, "score-formula"),
    "records-lost": (_lost_records, "nothing-lost"),
    "claimed-22-there-21": (_stale_summary, "summary-counts"),
    "invented-address-made": (_invented, "invented-address"),
}
