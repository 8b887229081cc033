"""Rows as JSON: exactly the same row comes back, readable where that is possible, and nothing else is let in."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, MetaData, String, Table, Text

from core import BundleTable, decode_row, encode_row

TABLE = BundleTable(
    Table(
        "things",
        MetaData(),
        Column("id", String, primary_key=True),
        Column("words", Text),
        Column("number", Integer),
        Column("amount", Float),
        Column("truth", Boolean),
        Column("bytes", LargeBinary),
        Column("later", Integer, nullable=False, server_default="0"),
        Column("path", String),
    ),
    "run",
    "id",
    ("id",),
    stays=frozenset({"path"}),
)
TEXTS = st.text(st.characters(codec="utf-8"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
PLAIN = JSON.map(json.dumps) | JSON.map(lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False))
PACKED = st.builds(lambda text, level: zlib.compress(text.encode(), level), PLAIN, st.sampled_from([1, 6, 9]))
ROWS = st.fixed_dictionaries(
    {
        "id": TEXTS,
        "words": st.none() | TEXTS | PLAIN,
        "number": st.none() | st.integers(-(1 << 63) + 1, (1 << 63) - 1),
        "amount": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "truth": st.none() | st.booleans(),
        "bytes": st.none() | st.binary() | PLAIN.map(str.encode) | PACKED,
        "later": st.integers(0, 5),
        "path": TEXTS,
    }
)


@given(ROWS)
def test_what_goes_out_comes_back_the_same(row: dict[str, Any]) -> None:
    line = json.dumps(encode_row(TABLE, row), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    back = decode_row(TABLE, json.loads(line))
    assert back == {name: value for name, value in row.items() if name != "path"}
    assert [type(back[name]) for name in back] == [type(row[name]) for name in back]


def test_json_can_be_read() -> None:
    body = {"b": [1, 2.5, "\u00fc"], "a": None}
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    row = dict.fromkeys(TABLE.table.c.keys()) | {
        "id": "x",
        "words": text,
        "bytes": zlib.compress(text.encode(), 9),
    }
    encoded = encode_row(TABLE, row)
    assert encoded["words"] == {"json": body}
    assert encoded["bytes"] == {"json": body, "zlib": 9}
    assert encode_row(TABLE, row | {"words": '{"a": 1}'})["words"] == '{"a": 1}', "other blanks, other bytes"


def test_a_column_that_is_lacking_gets_its_default() -> None:
    assert decode_row(TABLE, {"id": "x"}) == {"id": "x"}
    with pytest.raises(ValueError, match="lacks the column 'id'"):
        decode_row(TABLE, {"words": "x"})


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", None),
        ("id", 3),
        ("words", {"json": 1, "more": 2}),
        ("words", ["x"]),
        ("number", True),
        ("number", 1.0),
        ("number", 1 << 63),
        ("number", "3"),
        ("amount", "1.5"),
        ("amount", True),
        ("truth", 1),
        ("bytes", "x"),
        ("bytes", {"base64": "no base64!"}),
        ("bytes", {"base64": 3}),
        ("bytes", {"json": {}, "zlib": 99}),
        ("later", None),
        ("path", "/etc"),
        ("mood", "good"),
    ],
)
def test_what_a_column_cannot_hold_is_refused(column: str, value: Any) -> None:
    with pytest.raises(ValueError, match=column):
        decode_row(TABLE, {"id": "x", column: value})


def test_bytes_that_unpack_to_more_than_memory_holds_are_refused() -> None:
    import base64

    bomb = zlib.compress(bytes(257 << 20), 1)
    with pytest.raises(ValueError, match="unpacks to too much"):
        decode_row(TABLE, {"id": "x", "bytes": {"base64": base64.b64encode(bomb).decode()}})
