"""How a cell's value reads."""

from __future__ import annotations

import datetime

import pytest

from grading.inside.outcome import Unjudgeable
from grading.inside.values import Unknown, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (39263.409999999996, "39263.41"),
        (0.1 + 0.2, "0.3"),
        (102.0, "102"),
        (1 / 3, "0.333333333333333"),
        (1e20, "1e+20"),
        (True, "TRUE"),
        (None, ""),
        (datetime.datetime(2026, 1, 5), "2026-01-05"),  # noqa: DTZ001
    ],
)
def test_a_value_reads_as_in_a_spreadsheet(value: object, text: str) -> None:
    assert shown(value) == text


def test_what_could_not_be_worked_out_is_no_text() -> None:
    with pytest.raises(Unjudgeable, match="LAMBDA"):
        shown(Unknown("LAMBDA is not known"))
