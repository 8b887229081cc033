"""Spoiled variants of the cold room temperature review."""

from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Callable
from pathlib import Path

from tests.packs import spoil

Row = list[str]


def _readings(folder: Path, change: Callable[[Row], Row | None]) -> None:
    """Change or drop (None) rows of clean_readings.csv: timestamp, logger, room, temp_c."""

    def rows(table: list[Row]) -> list[Row]:
        return [table[0], *(row for row in map(change, table[1:]) if row is not None)]

    spoil.edit_csv(folder, "clean_readings.csv", rows)


def header_only(folder: Path) -> None:
    _readings(folder, lambda row: None)


def doubles_kept(folder: Path) -> None:
    spoil.edit_csv(folder, "clean_readings.csv", lambda table: [*table, *table[-47:]])


def fahrenheit_left(folder: Path) -> None:
    def change(row: Row) -> Row:
        return [*row[:3], f"{float(row[3]) * 1.8 + 32:.1f}"] if row[1] == "B1" else row

    _readings(folder, change)


def summer_time_left(folder: Path) -> None:
    def change(row: Row) -> Row:
        if row[1] != "B2":
            return row
        time = dt.datetime.strptime(row[0], "%Y-%m-%d %H:%M") + dt.timedelta(hours=1)  # noqa: DTZ007
        return [time.strftime("%Y-%m-%d %H:%M"), *row[1:]]

    _readings(folder, change)


def swapped_loggers(folder: Path) -> None:
    names = {"A1": "A2", "A2": "A1"}
    _readings(folder, lambda row: [row[0], names.get(row[1], row[1]), *row[2:]])


def stuck_sensor_left(folder: Path) -> None:
    stuck = [[f"2025-10-30 {1 + k // 6:02}:{k % 6}0", "C1", "C", "8.6"] for k in range(43)]
    spoil.edit_csv(folder, "clean_readings.csv", lambda table: [*table, *stuck])


def power_cut_filled(folder: Path) -> None:
    filled = [[f"2025-10-26 {3 + k // 6:02}:{k % 6}0", "C1", "C", "4.5"] for k in range(19)]
    spoil.edit_csv(folder, "clean_readings.csv", lambda table: [*table, *filled])


def eight_of_nine(folder: Path) -> None:
    """The boundary case of exactly 30 minutes is missing."""
    spoil.edit_csv(folder, "excursions.csv", lambda t: [row for row in t if "2025-10-24 08:00" not in row])


def short_spike_listed(folder: Path) -> None:
    spike = ["A1", "A", "2025-11-06 15:10", "2025-11-06 15:30", "20", "high", "9.1", "unknown"]
    spoil.edit_csv(folder, "excursions.csv", lambda table: [*table, spike])


def gap_bridged(folder: Path) -> None:
    def rows(table: list[Row]) -> list[Row]:
        kept = [row for row in table if "2025-11-08 21:30" not in row]
        return [
            [*row[:3], "2025-11-08 22:00", "120", *row[5:]] if "2025-11-08 20:00" in row else row for row in kept
        ]

    spoil.edit_csv(folder, "excursions.csv", rows)


def mean_as_peak(folder: Path) -> None:
    spoil.edit_csv(folder, "excursions.csv", lambda t: [[*r[:6], "9.3", r[7]] if r[6] == "11.2" else r for r in t])


def door_of_the_wrong_hour(folder: Path) -> None:
    """The cause that one gets with B2 still on summer time."""
    spoil.edit_csv(
        folder, "excursions.csv", lambda t: [[*r[:7], "door"] if "2025-10-22 07:30" in r else r for r in t]
    )


def swapped_columns(folder: Path) -> None:
    """Minimum and maximum under each other's name."""

    def rows(table: list[Row]) -> list[Row]:
        a, b = table[0].index("min_c"), table[0].index("max_c")
        for row in table[1:]:
            row[a], row[b] = row[b], row[a]
        return table

    spoil.edit_csv(folder, "summary.csv", rows)


def mean_as_mkt(folder: Path) -> None:
    def rows(table: list[Row]) -> list[Row]:
        a, b = table[0].index("mean_c"), table[0].index("mkt_c")
        return [table[0], *([*row[:b], row[a], *row[b + 1 :]] for row in table[1:])]

    spoil.edit_csv(folder, "summary.csv", rows)


def _report(folder: Path, pages: list[list[str]]) -> None:
    canvas = importlib.import_module("reportlab.pdfgen.canvas").Canvas(str(spoil.one(folder, "report.pdf")))
    for lines in pages:
        for number, line in enumerate(lines):
            canvas.drawString(60, 780 - 18 * number, line)
        canvas.showPage()
    canvas.save()


def excursions_not_counted(folder: Path) -> None:
    def rows(table: list[Row]) -> list[Row]:
        at = table[0].index("excursions")
        return [table[0], *([*row[:at], "0", *row[at + 1 :]] for row in table[1:])]

    spoil.edit_csv(folder, "summary.csv", rows)


def own_column_names(folder: Path) -> None:
    spoil.edit_csv(
        folder,
        "excursions.csv",
        lambda table: [[{"peak_c": "peak"}.get(name, name) for name in table[0]], *table[1:]],
    )


def room_b_passed(folder: Path) -> None:
    """By the mean kinetic temperature alone every room passes."""
    _report(folder, [["Room A: pass", "Room B: pass", "Room C: pass", "9 error codes, 47 double, 43 stuck"]])


def no_reason(folder: Path) -> None:
    _report(folder, [["Room A: pass", "Room B: fail", "Room C: pass"]])


def removed_without_numbers(folder: Path) -> None:
    _report(folder, [["Room A: pass", "Room B: fail, 160 minutes", "Room C: pass", "C1 was cleaned."]])


def five_pages(folder: Path) -> None:
    _report(folder, [["Room A: pass", "Room B: fail, 160 minutes", "Room C: pass"], *([["Chart"]] * 4)])


SPOILED: spoil.Spoiled = {
    "header_only": (header_only, "valid-counts"),
    "doubles_kept": (doubles_kept, "valid-counts"),
    "fahrenheit_left": (fahrenheit_left, "celsius"),
    "summer_time_left": (summer_time_left, "winter-time"),
    "swapped_loggers": (swapped_loggers, "other-readings"),
    "stuck_sensor_left": (stuck_sensor_left, "stuck-sensor"),
    "power_cut_filled": (power_cut_filled, "filled-gaps"),
    "eight_of_nine": (eight_of_nine, "nine-excursions"),
    "short_spike_listed": (short_spike_listed, "nine-excursions"),
    "gap_bridged": (gap_bridged, "nine-excursions"),
    "mean_as_peak": (mean_as_peak, "minutes-and-peaks"),
    "door_of_the_wrong_hour": (door_of_the_wrong_hour, "causes"),
    "swapped_columns": (swapped_columns, "summary-figures"),
    "mean_as_mkt": (mean_as_mkt, "mkt"),
    "excursions_not_counted": (excursions_not_counted, "summary-counts"),
    "own_column_names": (own_column_names, "csv-columns"),
    "room_b_passed": (room_b_passed, "room-decisions"),
    "no_reason": (no_reason, "reason-b"),
    "removed_without_numbers": (removed_without_numbers, "removed-and-why"),
    "five_pages": (five_pages, "four-pages"),
}
