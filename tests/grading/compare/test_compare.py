"""What differs between two submissions: files, lines, cells, pages; and in bounded time."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import Deliverable, sha256_bytes
from grading.compare.align import align
from grading.compare.files import compare_files
from grading.compare.pages import compare_pages
from grading.compare.reading import delimited_sheet, plain_lines
from grading.compare.tables import Sheet, compare_workbooks
from grading.compare.texts import MAX_ROWS, compare_texts


def file(path: str, data: bytes) -> Deliverable:
    return Deliverable(path=path, size=len(data), media_type="text/plain", sha256=sha256_bytes(data))


def lines(*texts: str) -> list[tuple[str, str]]:
    return [(f"line={number}", text) for number, text in enumerate(texts, 1)]


def sheet(*rows: str, name: str = "S") -> Sheet:
    return Sheet(name, tuple((number, tuple(row.split(","))) for number, row in enumerate(rows, 1) if row))


@settings(deadline=None)
@given(st.lists(st.integers(0, 6), max_size=40), st.lists(st.integers(0, 6), max_size=40))
def test_blocks_cover_both_and_what_is_called_the_same_is(before: list[int], after: list[int]) -> None:
    b = a = 0
    alignment = align(before, after)
    for block in alignment.blocks:
        assert (block.b0, block.a0) == (b, a)
        assert block.b1 - block.b0 + block.a1 - block.a0 > 0
        assert not block.same or before[block.b0 : block.b1] == after[block.a0 : block.a1]
        b, a = block.b1, block.a1
    assert (b, a) == (len(before), len(after))
    assert alignment.same == (before == after)


@pytest.mark.parametrize("words", [2, 300, 10**9])
def test_a_hundred_thousand_lines_are_compared_in_seconds(words: int) -> None:
    draw = random.Random(words)
    before = [str(draw.randrange(words)) for _ in range(100_000)]
    after = [str(draw.randrange(words)) if draw.random() < 0.3 else line for line in before]
    begun = time.monotonic()
    found = compare_texts(lines(*before), lines(*after))
    assert time.monotonic() - begun < 60  # difflib takes hours
    assert len(found.rows) == MAX_ROWS
    assert found.note is not None


def test_an_echo_differs_in_nothing() -> None:
    files = [file("a.txt", b"1"), file("b.txt", b"")]
    assert {change.change for change in compare_files(files, files)} == {"same"}
    assert compare_texts(lines("a", "b"), lines("a", "b")).rows == ()
    assert compare_workbooks([sheet("a,b", "1,2")], [sheet("a,b", "1,2")]).cells == ()
    assert not any(page.differs for page in compare_pages(["x", "y"], ["x", "y"]))


def test_files_are_the_same_changed_renamed_added_or_removed() -> None:
    before = [
        file("same", b"1"),
        file("changed", b"2"),
        file("old name", b"3"),
        file("gone", b"4"),
        file("e", b""),
    ]
    after = [file("new", b"5"), file("new name", b"3"), file("changed", b"6"), file("same", b"1"), file("f", b"")]
    changes = compare_files(before, after)
    assert [(c.path, c.change, c.was) for c in changes] == [
        ("new", "added", None),
        ("new name", "renamed", "old name"),
        ("changed", "changed", None),
        ("same", "same", None),
        ("f", "added", None),
        ("e", "removed", None),
        ("gone", "removed", None),
    ]


def test_one_of_two_alike_files_that_go_is_renamed_and_one_removed() -> None:
    changes = compare_files([file("a", b"1"), file("b", b"1")], [file("c", b"1")])
    assert [(c.path, c.change, c.was) for c in changes] == [("c", "renamed", "a"), ("b", "removed", None)]


def test_lines_keep_their_anchors_and_a_shifted_one_is_the_same() -> None:
    found = compare_texts(lines("a", "b", "c"), lines("new", "a", "B", "c"))
    assert found.rows == (
        ("added", "line=1", "new"),
        ("same", "line=2", "a"),
        ("removed", "line=2", "b"),
        ("added", "line=3", "B"),
        ("same", "line=4", "c"),
    )
    assert found.note is None


def test_what_lies_between_differences_is_counted_and_not_shown() -> None:
    long = [str(number) for number in range(100)]
    found = compare_texts(lines(*long), lines("x", *long, "y"))
    assert [row[2] for row in found.rows] == [
        "x",
        "0",
        "1",
        "2",
        "[... 94 lines the same ...]",
        "97",
        "98",
        "99",
        "y",
    ]
    assert found.rows[4][:2] == ("same", "")


def test_a_text_of_several_lines_is_compared_line_by_line_under_its_anchor() -> None:
    found = compare_texts([("page=1", "a\nb")], [("page=1", "a\nc")])
    assert found.rows == (("same", "page=1", "a"), ("removed", "page=1", "b"), ("added", "page=1", "c"))


def test_from_and_to_an_empty_text() -> None:
    assert [row[0] for row in compare_texts([], lines("a")).rows] == ["added"]
    assert [row[0] for row in compare_texts(lines("a"), []).rows] == ["removed"]


def cells(before: Sheet, after: Sheet) -> list[tuple[str, str | None, str | None]]:
    return [(c.cell, c.before, c.after) for c in compare_workbooks([before], [after]).cells]


def test_changed_cells_have_their_address() -> None:
    before, after = sheet("name,price", "bolt,1", "nut,2"), sheet("name,price", "bolt,1", "nut,3")
    assert cells(before, after) == [("B3", "2", "3")]


def test_a_row_put_in_shifts_the_others_without_changing_them() -> None:
    before = sheet("name,price", "bolt,1", "nut,2", "pin,3")
    after = sheet("name,price", "cap,9", "bolt,1", "nut,5", "pin,3")
    assert cells(before, after) == [("A2", None, "cap"), ("B2", None, "9"), ("B4", "2", "5")]


def test_a_row_taken_out_is_told_by_its_former_address() -> None:
    assert cells(sheet("n,p", "a,1", "b,2"), sheet("n,p", "b,2")) == [("A2", "a", None), ("B2", "1", None)]


def test_a_column_put_in_is_told_once() -> None:
    before, after = sheet("name,price", "bolt,1", "nut,2"), sheet("name,unit,price", "bolt,kg,1", "nut,kg,7")
    found = compare_workbooks([before], [after])
    assert [(c.cell, c.before, c.after) for c in found.cells] == [("C3", "2", "7")]
    assert found.notes == ("S: column B is new (unit).",)


def test_sheets_that_are_new_gone_or_renamed_are_told_in_a_note() -> None:
    before = [sheet("a", name="Old"), sheet("b", name="Gone")]
    found = compare_workbooks(before, [sheet("a", name="New"), sheet("c", name="More")])
    assert found.cells == ()
    assert found.notes == (
        "The sheet New was called Old.",
        "The sheet More is new (1 rows).",
        "The sheet Gone is gone (1 rows).",
    )


def test_many_differing_cells_are_cut_with_a_note() -> None:
    before = sheet(*(f"{number},a" for number in range(3000)))
    after = sheet(*(f"{number},b" for number in range(3000)))
    found = compare_workbooks([before], [after])
    assert len(found.cells) == 2000
    assert found.notes == ("The first 2000 cells are shown.",)


def test_a_page_put_in_shifts_the_others() -> None:
    found = compare_pages(["a", "b", "c"], ["a", "x", "b", "d"])
    assert [(p.number, p.before, p.after, p.differs) for p in found] == [
        (1, 1, 1, False),
        (2, None, 2, True),
        (3, 2, 3, False),
        (4, 3, 4, True),
    ]


def test_a_page_that_is_gone_keeps_its_former_number() -> None:
    found = compare_pages(["a", "b"], ["a"])
    assert [(p.number, p.before, p.after, p.differs) for p in found] == [(1, 1, 1, False), (2, 2, None, True)]


def test_plain_text_and_tables_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes('\ufeffa,"b, c"\r\n,\r\n1,"x\ny"\r\n'.encode())
    assert plain_lines(path)[0] == ("line=1", 'a,"b, c"')
    assert delimited_sheet(path, "x.CSV").rows == ((1, ("a", "b, c")), (3, ("1", "x\ny")))
