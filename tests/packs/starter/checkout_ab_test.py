"""Spoiled variants of the A/B test analysis."""

from __future__ import annotations

import datetime as dt
import importlib
import re
from pathlib import Path
from typing import Any

from tests.packs import spoil


def _cell(sheet: Any, label: str, column: int) -> Any:
    return sheet.cell(spoil.cells(sheet, re.compile(label))[0].row, column)


def copies_kept(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        _cell(book["Cleaning"], "^Exact copies", 2).value = 0


def header_only(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        spoil.empty_below(book["By device"], 3)


def tablets_as_desktop(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["By device"]
        sheet["C4"].value, sheet["C6"].value = sheet["C4"].value + 480, sheet["C6"].value - 480


def yes_not_counted(folder: Path) -> None:
    """Orders that the export writes as TRUE or yes are left out."""
    with spoil.workbook(folder) as book:
        sheet = book["By device"]
        for row in range(4, 8):
            sheet.cell(row, 4).value = round(sheet.cell(row, 4).value * 0.78)


def swapped_variants(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["By device"]
        for row in range(4, 8):
            sheet.cell(row, 2).value = {"A": "B", "B": "A"}[sheet.cell(row, 2).value]


def euro_texts_lost(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["By device"]
        for row in range(4, 8):
            sheet.cell(row, 6).value = round(sheet.cell(row, 6).value * 0.8, 2)


def days_lost_to_us_dates(folder: Path) -> None:
    """06/10 to 06/12 read as 6 October to 6 December."""
    with spoil.workbook(folder) as book:
        sheet = book["By day"]
        rows = [
            row
            for row in range(4, sheet.max_row + 1)
            if isinstance(sheet.cell(row, 1).value, dt.datetime) and sheet.cell(row, 1).value.day in (10, 11, 12)
        ]
        for row in reversed(rows):
            sheet.delete_rows(row)


def no_result_tab(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        del book["Result"]


def wrong_sign(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        cell = _cell(book["Result"], "^Adjusted for device", 4)
        cell.value = -cell.value


def interval_of_the_plain_difference(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Result"]
        for column in (5, 6):
            _cell(sheet, "^Adjusted for device", column).value = _cell(sheet, "^Conversion over", column).value


def roll_out_yes(folder: Path) -> None:
    spoil.edit_docx(folder, "report.docx", spoil.replacing("Roll out: no", "Roll out: yes"))


def split_not_explained(folder: Path) -> None:
    def change(text: str) -> str:
        return "The split was fine." if "10 June" in text else text

    spoil.edit_docx(folder, "report.docx", change)


def small_chart(folder: Path) -> None:
    image = importlib.import_module("PIL.Image")
    path = spoil.one(folder, "chart.png")
    with image.open(path) as picture:
        picture.resize((660, 275)).save(path)


def report_without_picture(folder: Path) -> None:
    path = spoil.one(folder, "report.docx")
    document = importlib.import_module("docx").Document(str(path))
    for drawing in list(
        document.element.body.iter("{http://schemas.openxmlformats.org/wordprocessingml/2006/main}drawing")
    ):
        drawing.getparent().remove(drawing)
    for key, rel in list(document.part.rels.items()):
        if "image" in rel.reltype:
            document.part.drop_rel(key)
            document.part.rels.pop(key, None)
    document.save(str(path))


def winner_called(folder: Path) -> None:
    spoil.edit_docx(
        folder, "report.docx", spoil.replacing("Keep the old checkout, and", "We recommend rolling out B, and")
    )


def rule_not_quoted(folder: Path) -> None:
    """The report does not say how much the plan asks for."""
    spoil.edit_docx(folder, "report.docx", spoil.replacing("at least +0.5 points", "some points"))


def guardrail_forgotten(folder: Path) -> None:
    def change(text: str) -> str:
        return "not looked at" if "26%" in text or text in ("EUR 2.24", "EUR 3.02") else text

    spoil.edit_docx(folder, "report.docx", change)


SPOILED: spoil.Spoiled = {
    "copies_kept": (copies_kept, "cleaning-steps"),
    "header_only": (header_only, "visitors-by-device"),
    "tablets_as_desktop": (tablets_as_desktop, "visitors-by-device"),
    "yes_not_counted": (yes_not_counted, "orders-by-device"),
    "swapped_variants": (swapped_variants, "rates-by-device"),
    "euro_texts_lost": (euro_texts_lost, "revenue-by-device"),
    "days_lost_to_us_dates": (days_lost_to_us_dates, "visitors-by-day"),
    "no_result_tab": (no_result_tab, "plain-difference"),
    "wrong_sign": (wrong_sign, "adjusted-difference"),
    "interval_of_the_plain_difference": (interval_of_the_plain_difference, "adjusted-interval"),
    "roll_out_yes": (roll_out_yes, "roll-out-no"),
    "split_not_explained": (split_not_explained, "split-since"),
    "small_chart": (small_chart, "chart-size"),
    "report_without_picture": (report_without_picture, "chart-in-report"),
    "rule_not_quoted": (rule_not_quoted, "rule-effect"),
    "guardrail_forgotten": (guardrail_forgotten, "rule-guardrail"),
    "winner_called": (winner_called, "dashboard-believed"),
}
