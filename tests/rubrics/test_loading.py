from __future__ import annotations

from pathlib import Path

import pytest

from core import BadInput
from rubrics import Importance, TomlDocument, load_rubric

TEXT = '''\
# A file with everything that could be taken for something else.
title = """
[[rows]]
name = "not this one"
"""
"quoted key" = 1
a.b.c = 2

[table]
x = 1
[table.inner]
y = 2

[[rows]]
id = "one"
name = "first"
[rows.more]
z = 1

[[rows]]
name = \'\'\'
[[rows]]
\'\'\'
list = [
  1,
  2,
]
[[rows.deep]]
w = 1
[[rows.deep]]
w = 2
'''


@pytest.mark.parametrize(
    ("loc", "line", "field"),
    [
        (("title",), 2, "title"),
        (("quoted key",), 6, "quoted key"),
        (("a", "b", "c"), 7, "a.b.c"),
        (("table", "x"), 10, "table.x"),
        (("table", "inner", "y"), 12, "table.inner.y"),
        (("rows", 0), 14, "rows[one]"),
        (("rows", 0, "name"), 16, "rows[one].name"),
        (("rows", 0, "more", "z"), 18, "rows[one].more.z"),
        (("rows", 1, "name"), 21, "rows[#2].name"),
        (("rows", 1, "list", 1), 24, "rows[#2].list[#2]"),
        (("rows", 1, "deep", 1, "w"), 31, "rows[#2].deep[#2].w"),
        (("rows", 1, "nothing"), 20, "rows[#2].nothing"),
        (("nothing",), None, "nothing"),
    ],
)
def test_lines_of_keys(tmp_path: Path, loc: tuple[str | int, ...], line: int | None, field: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(TEXT)
    document = TomlDocument(path)
    assert (document.line_of(loc), document.field(loc)) == (line, field)


def test_a_text_rubric_names_its_criteria_in_order(tmp_path: Path) -> None:
    path = tmp_path / "rubric.txt"
    path.write_bytes("\ufeffcritical - Contains 3 pages\r\n\r\nPitfall \u2013 Names the client\r\n".encode())
    rubric = load_rubric(path)
    assert [(item.id, item.importance, item.text) for item in rubric.criteria] == [
        ("c01", Importance.critical, "Contains 3 pages"),
        ("c02", Importance.pitfall, "Names the client"),
    ]


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"\.toml or a \.txt"):
        load_rubric(tmp_path / "rubric.docx")


@pytest.mark.parametrize(
    "content", ["criteria = [1, 2]", "criteria = {a = 1}", "[criteria]\nid = 1", "criteria = 3"]
)
def test_criteria_that_are_none_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rubric.toml"
    path.write_text(content)
    with pytest.raises(BadInput, match=r"rubric\.toml:1: field `criteria"):
        load_rubric(path)
