"""Hostile deliverables: each is shown safely, or refused with a reason; none harms another or the harness."""

from __future__ import annotations

import shutil

import pytest

from grading import Rendered, Shelf
from grading.render.windows import sheet_window
from tests.grading.render.conftest import Made
from tests.grading.render.hostile import CASES, SECRET
from tests.support import lacking

PLAIN = [name for name, case in CASES.items() if not case.office]
OFFICE = [name for name, case in CASES.items() if case.office]


@pytest.fixture(scope="module")
def seen(render: Made) -> dict[str, Rendered]:
    return render({name: CASES[name].data for name in PLAIN})


def as_expected(name: str, found: Rendered) -> None:
    case = CASES[name]
    assert found.kind == case.kind
    if case.problem is None:
        assert found.problem is None or case.kind in {"audio", "video"}
    else:
        assert case.problem in (found.problem or "")
        assert not found.pages
        assert found.picture is None
    if case.flag is not None:
        assert any(case.flag in flag for flag in found.flags)
    assert SECRET not in found.model_dump_json()


@pytest.mark.parametrize("name", PLAIN)
def test_it_is_shown_safely_or_refused_with_a_reason(name: str, seen: dict[str, Rendered]) -> None:
    as_expected(name, seen[name])


@pytest.mark.parametrize("name", OFFICE)
def test_so_is_what_libreoffice_is_given(name: str, render: Made) -> None:
    if shutil.which("soffice") is None:
        lacking("soffice", "scripts/system/ensure-renderers.sh")
    found = render({name: CASES[name].data})[name]
    as_expected(name, found)
    assert found.pages or found.picture or found.notes


def test_formulas_of_a_table_stay_text(seen: dict[str, Rendered], shelf: Shelf) -> None:
    (sheet,) = seen["formulas.csv"].sheets
    rows = sheet_window(shelf.blobs, sheet, 0, 0, 10, 10)["rows"]
    assert rows == [["a", "b"], ["=cmd|' /C calc'!A0", "@SUM(1)"], ["+1", "-2"]]


def test_marks_that_turn_or_hide_text_do_not_reach_a_cell(seen: dict[str, Rendered], shelf: Shelf) -> None:
    (sheet,) = seen["marks.csv"].sheets
    (row,) = sheet_window(shelf.blobs, sheet, 0, 0, 10, 10)["rows"]
    assert row == ["a b", "c  d"]


def test_a_far_cell_costs_nothing(seen: dict[str, Rendered]) -> None:
    (sheet,) = seen["far.xlsx"].sheets
    assert "no picture of its pages: its cells are too far apart" in seen["far.xlsx"].notes
    assert (sheet.cut, sheet.rows, sheet.columns, sheet.chunks) == (True, 200_000, 500, {})


def test_a_page_of_a_mad_size_is_drawn_within_bounds(seen: dict[str, Rendered]) -> None:
    assert all(page.width <= 1400 and page.height <= 4000 for page in seen["vast.pdf"].pages)


def test_a_link_in_an_archive_is_named_and_not_followed(seen: dict[str, Rendered]) -> None:
    found = seen["links.zip"]
    assert found.facts["links"] == 1
    assert [anchor for anchor, _ in found.segments] == ["entry=passwd.txt"]
    assert seen["outside.zip"].facts["entries_that_lead_outside"] == 3


def test_a_playlist_is_no_film(seen: dict[str, Rendered]) -> None:
    if shutil.which("ffprobe") is None:
        assert seen["list.mp4"].notes
    else:
        assert "does not open" in (seen["list.mp4"].problem or "")
