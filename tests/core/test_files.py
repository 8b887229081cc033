from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import (
    BadInput,
    Frozen,
    digest_tree,
    parse_model,
    read_bytes,
    read_json,
    read_jsonl,
    read_text,
    read_toml,
    safe_relative,
    write_atomic,
)


class Point(Frozen):
    x: int
    y: int


def test_wrong_files_are_named_with_line_and_mend(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"gone\.txt: no such file"):
        read_bytes(tmp_path / "gone.txt")
    with pytest.raises(BadInput, match="not a regular file"):
        read_bytes(tmp_path)
    latin = tmp_path / "latin.txt"
    latin.write_bytes(b"one\ntw\xf6\n")
    with pytest.raises(BadInput, match=r"latin\.txt:2: not UTF-8 text \(save the file as UTF-8\)"):
        read_text(latin)
    broken = tmp_path / "a.json"
    broken.write_text('{\n"a": }')
    with pytest.raises(BadInput, match=r"a\.json:2: not valid JSON"):
        read_json(broken)
    deep = tmp_path / "deep.json"
    deep.write_text("[" * 200_000)
    with pytest.raises(BadInput):
        read_json(deep)
    toml = tmp_path / "a.toml"
    toml.write_text("a = 1\nb = \n")
    with pytest.raises(BadInput, match="line 2"):
        read_toml(toml)
    lines = tmp_path / "a.jsonl"
    lines.write_text('{"a": 1}\n\n{"a"\n')
    with pytest.raises(BadInput, match=r"a\.jsonl:3"):
        list(read_jsonl(lines))


def test_size_is_asked_before_the_bytes_are_read(tmp_path: Path) -> None:
    huge = tmp_path / "huge.bin"
    with huge.open("wb") as stream:
        stream.truncate(2 << 30)
    with pytest.raises(BadInput, match="larger than 1000 bytes"):
        read_bytes(huge, max_bytes=1000)


def test_a_wrong_field_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"p\.json:3: field `y`"):
        parse_model(Point, {"x": 1, "y": "no"}, file=tmp_path / "p.json", line=3)
    with pytest.raises(BadInput, match="field `z`"):
        parse_model(Point, {"x": 1, "y": 2, "z": 3}, file=tmp_path / "p.json")
    assert parse_model(Point, {"x": 1, "y": 2}, file=tmp_path / "p.json") == Point(x=1, y=2)


@pytest.mark.parametrize("text", ["", ".", "/etc/passwd", "../x", "a/../../b", "a\\b", "a\nb", "a\x00b"])
def test_paths_that_leave_their_folder_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"folder|backslash"):
        safe_relative(text)


@given(st.text(min_size=1, max_size=40))
def test_a_safe_path_never_leaves_its_folder(text: str) -> None:
    try:
        path = safe_relative(text)
    except ValueError:
        return
    assert not path.is_absolute()
    assert ".." not in path.parts


def test_atomic_write_leaves_nothing_half_written(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.txt"
    write_atomic(target, "one")
    write_atomic(target, b"two")
    assert target.read_text() == "two"
    assert [path.name for path in target.parent.iterdir()] == ["file.txt"]


def test_digest_of_a_tree_sees_names_and_bytes_not_links(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        write_atomic(folder / "x" / "1.txt", "same")
    (second / "link").symlink_to("/etc/passwd")
    write_atomic(second / "x" / "__pycache__" / "1.cpython-311.pyc", "compiled")
    assert digest_tree(first) == digest_tree(second)
    write_atomic(second / "x" / "2.txt", "more")
    assert digest_tree(first) != digest_tree(second)
    assert digest_tree(tmp_path / "none") == digest_tree(tmp_path / "neither")
