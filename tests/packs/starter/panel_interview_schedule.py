"""Spoiled variants of the interview schedule."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

from tests.packs import spoil


def _row(sheet: Any, name: str) -> int:
    return int(spoil.cells(sheet, re.compile(f"^{name}"))[0].row)


def _move(folder: Path, name: str, start: dt.time, minutes: int = 45, day: int | None = None) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Schedule"]
        row = _row(sheet, name)
        sheet.cell(row, 3).value = start
        end = dt.datetime.combine(dt.date(2026, 3, 17), start) + dt.timedelta(minutes=minutes)
        sheet.cell(row, 4).value = end.time()
        if day:
            sheet.cell(row, 2).value = dt.date(2026, 3, day)


def _set(folder: Path, name: str, column: int, value: str) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Schedule"]
        sheet.cell(_row(sheet, name), column).value = value


def eleven_of_twelve(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        spoil.drop_rows(book["Schedule"], re.compile("^Joel"))


def header_only(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        spoil.empty_below(book["Schedule"], 1)


def withdrawn_candidate_too(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Schedule"]
        row = [cell.value for cell in sheet[_row(sheet, "Hana")]]
        sheet.insert_rows(2)
        for column, value in enumerate(["Leon Fischer", *row[1:]], 1):
            sheet.cell(2, column, value)


def new_york_five_hours_behind(folder: Path) -> None:
    """As if America had not changed its clocks yet."""
    _move(folder, "Dana", dt.time(14, 30))


def during_the_board_call(folder: Path) -> None:
    _move(folder, "Farid", dt.time(11, 15))


def back_to_back(folder: Path) -> None:
    _move(folder, "Farid", dt.time(9, 45))


def forty_five_for_all(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Schedule"]
        row = _row(sheet, "Ingrid")
        start = dt.datetime.combine(dt.date(2026, 3, 19), sheet.cell(row, 3).value)
        sheet.cell(row, 4).value = (start + dt.timedelta(minutes=45)).time()


def over_lunch(folder: Path) -> None:
    _move(folder, "Grace", dt.time(12, 0))


def room_is_booked(folder: Path) -> None:
    _move(folder, "Farid", dt.time(9, 30))


def two_on_zoom(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Schedule"]
        a, b = _row(sheet, "Elif"), _row(sheet, "Carlos")
        for column in (2, 3, 4):
            sheet.cell(b, column).value = sheet.cell(a, column).value


def no_chair(folder: Path) -> None:
    _set(folder, "Amara", 7, "Owen Prys")


def line_manager(folder: Path) -> None:
    _set(folder, "Bea", 8, "Ravi Menon")


def four_for_margit(folder: Path) -> None:
    for name in ("Elif", "Carlos"):
        _set(folder, name, 7, "Margit Hale")


def london_as_local(folder: Path) -> None:
    with spoil.workbook(folder) as book:
        sheet = book["Schedule"]
        row = _row(sheet, "Ishaan")
        sheet.cell(row, 5).value = sheet.cell(row, 3).value


def stale_calendar(folder: Path) -> None:
    """The calendar file still has an earlier plan."""
    spoil.edit_text(folder, "*.ics", lambda text: re.sub(r"(DTSTART:20260318T)(\d\d)", r"\g<1>16", text, count=1))


def event_lost(folder: Path) -> None:
    spoil.edit_text(
        folder, "*.ics", lambda text: re.sub(r"BEGIN:VEVENT.*?END:VEVENT\s*", "", text, count=1, flags=re.S)
    )


def invitation_in_london_time(folder: Path) -> None:
    spoil.edit_docx(folder, "*.docx", spoil.replacing("at 19:00 (Sydney time)", "at 08:00 (London time)"))


def placeholder_left(folder: Path) -> None:
    spoil.edit_docx(folder, "*.docx", spoil.replacing("Dear Joel", "Dear {first name}"))


def ingrid_told_45_minutes(folder: Path) -> None:
    spoil.edit_docx(folder, "*.docx", spoil.replacing("60 minutes", "45 minutes"))


SPOILED: spoil.Spoiled = {
    "eleven_of_twelve": (eleven_of_twelve, "each-candidate-once"),
    "header_only": (header_only, "candidates-can"),
    "withdrawn_candidate_too": (withdrawn_candidate_too, "each-candidate-once"),
    "new_york_five_hours_behind": (new_york_five_hours_behind, "candidates-can"),
    "during_the_board_call": (during_the_board_call, "panel-can"),
    "back_to_back": (back_to_back, "gaps"),
    "forty_five_for_all": (forty_five_for_all, "lengths"),
    "over_lunch": (over_lunch, "lunch"),
    "room_is_booked": (room_is_booked, "garden-room"),
    "two_on_zoom": (two_on_zoom, "one-zoom"),
    "no_chair": (no_chair, "chair-and-technical"),
    "line_manager": (line_manager, "conflicts"),
    "four_for_margit": (four_for_margit, "three-for-margit"),
    "london_as_local": (london_as_local, "local-start"),
    "stale_calendar": (stale_calendar, "calendar-file"),
    "event_lost": (event_lost, "calendar-file"),
    "invitation_in_london_time": (invitation_in_london_time, "invitations-local"),
    "ingrid_told_45_minutes": (ingrid_told_45_minutes, "invitations-details"),
    "placeholder_left": (placeholder_left, "placeholders-filled"),
}
