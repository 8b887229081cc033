"""Number formats of workbooks: what is shown is what the client's program shows."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from grading.inside.formats import formatted

_NOON = datetime(2026, 3, 5, 14, 7, 9)  # noqa: DTZ001 - moments of workbooks have no time zone


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        (1234.5, '#,##0.00 "EUR"', "1,234.50 EUR"),
        (1234.5, "[$\u20ac-407] #,##0.00", "\u20ac 1,234.50"),
        (1234.5, '_("$"* #,##0.00_)', "$1,234.50"),
        (-1234.5, "#,##0.00;[Red](#,##0.00)", "(1,234.50)"),
        (-5, "0.00", "-5.00"),
        (-0.001, "0.00", "0.00"),
        (0, '#,##0;-#,##0;"-"', "-"),
        (0.256, "0%", "26%"),
        (1234567, '#,##0,"k"', "1,235k"),
        (12345, "0.00E+00", "1.23E+04"),
        (0.5, "#.##", ".5"),
        (5, "000", "005"),
        (2.5, "0", "3"),
        (1.005, "0.00", "1.01"),
        (39263.409999999996, "#,##0.00", "39,263.41"),
        (3, '"Week "0', "Week 3"),
        (46086, "yyyy-mm-dd", "2026-03-05"),
        (_NOON, "dd.mm.yyyy", "05.03.2026"),
        (_NOON, "d mmm yyyy h:mm AM/PM", "5 Mar 2026 2:07 PM"),
        (_NOON, "mm:ss", "07:09"),
        (date(2026, 3, 5), "dddd, mmmm dd", "Thursday, March 05"),
        (time(9, 5), "h:mm", "9:05"),
        (timedelta(hours=30, minutes=5), "[h]:mm:ss", "30:05:00"),
    ],
)
def test_values_are_shown_by_their_format(value: Any, form: str, shown: str) -> None:
    assert formatted(value, form) == shown


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (5, "General"),
        (5, "# ?/?"),
        (5, "[<100]0;0.0"),
        (5551234, "000-0000"),
        ("x", "0"),
        (True, "0"),
        (float("nan"), "0"),
        (5, ";;;"),
        (1, "0" * 400),
        (10**400, '"' * 7),
        (5, "[$"),
    ],
)
def test_what_is_not_read_here_or_would_be_hidden_is_shown_as_it_is(value: Any, form: str) -> None:
    assert formatted(value, form) is None
