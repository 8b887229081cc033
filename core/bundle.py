"""How the rows of a run travel: which rows of a table are the run's own, and each row as one line of JSON.

A room names its tables as `BundleTable`s; `upbench.bundle` writes them into one file and takes them in elsewhere.
Columns are read off the tables themselves, so that a new column travels by itself.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Boolean, Column, Connection, Float, Integer, LargeBinary, String, Table

Row = dict[str, Any]
MAX_PLAIN = 256 << 20
"""Bytes that a packed cell may unpack to."""

_LEVELS = (6, 9)


@dataclass(frozen=True)
class Landing:
    """What rows are told where they are taken in.

    Attributes:
        packs: Folder in which snapshots of packs are laid out. owner: Who takes them in.
    """

    packs: Path
    owner: str | None = None


def _nothing(_: Row) -> Iterable[str]:
    return ()


def _as_it_is(row: Row) -> Row:
    return row


def _lands_as_it_is(row: Row, _: Landing) -> Row:
    return row


@dataclass(frozen=True)
class BundleTable:
    """How the rows of one table travel.

    Attributes:
        table: With all its columns.
        belongs: Whose name `column` holds: the `run`'s; a `trial`'s, or a name that begins with it and a dot; or
            the value of a row of another table (`parent`: that table's name and column).
        order: Columns by which rows are sorted, so that equal runs make equal files.
        number: A column that only this database gives meaning to; it is counted anew on the way.
        key: The columns by which a row is known everywhere; default: the primary key.
        refers: Column -> name of the table whose `number` it holds.
        stays: Columns that never leave a project; `lands` gives them their values.
        few: The rows of a run are so few that they are sorted once more after `leaves`, which changes their order.
        early: May be written ahead of the rest: nobody looks at such rows before their run is there.
        leaves, lands: Change a row on its way out and in.
        blobs: The digests of the blobs that a row names. packed: Those of them that are unpacked without asking.
        check: Raises `ValueError` for a row that cannot be.
        absent: Writes what stands for the rows of a bundle that is older than the table: one for each row of
            the parent, which others know by the parent's own name.
    """

    table: Table
    belongs: Literal["run", "trial", "parent"]
    column: str
    order: tuple[str, ...]
    parent: tuple[str, str] = ("", "")
    number: str | None = None
    key: tuple[str, ...] = ()
    refers: Mapping[str, str] = field(default_factory=dict)
    stays: frozenset[str] = frozenset()
    few: bool = False
    early: bool = False
    leaves: Callable[[Row], Row] = _as_it_is
    lands: Callable[[Row, Landing], Row] = _lands_as_it_is
    blobs: Callable[[Row], Iterable[str]] = _nothing
    packed: Callable[[Row], Iterable[str]] = _nothing
    check: Callable[[Row], object] = _nothing
    absent: Callable[[Connection], object] | None = None

    @property
    def name(self) -> str:
        """The table's name."""
        return str(self.table.name)

    @property
    def columns(self) -> tuple[Column[Any], ...]:
        """The columns that travel."""
        return tuple(column for column in self.table.columns if column.name not in self.stays)

    @property
    def known_by(self) -> tuple[str, ...]:
        """The columns by which a row is known everywhere."""
        return self.key or tuple(column.name for column in self.table.primary_key)


def encode_row(table: BundleTable, row: Mapping[str, Any]) -> Row:
    """A row as JSON values; `decode_row` gives exactly the same row back."""
    return {column.name: _encode(row[column.name]) for column in table.columns}


def decode_row(table: BundleTable, body: Any) -> Row:
    """A row from JSON values. A column that the body lacks gets its default.

    Raises:
        ValueError: It holds a column that is not known here, or a value that the column cannot hold.
    """
    if not isinstance(body, dict):
        raise ValueError("not an object")
    columns = {column.name: column for column in table.columns}
    strange = sorted(set(body) - set(columns))
    if strange:
        raise ValueError(f"its column {strange[0]!r} is not known here: it is of a newer UpBench")
    row: Row = {}
    for name, column in columns.items():
        if name in body:
            row[name] = _decode(column, body[name])
        elif column.server_default is None and not column.nullable:
            raise ValueError(f"lacks the column {name!r}")
    try:
        table.check(row)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("holds something else than it should") from error
    return row


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _encode(value: Any) -> Any:
    """Text and bytes that hold JSON become readable where the very same can be made of it again."""
    if isinstance(value, str):
        found = _same_json(value)
        return value if found is None else {"json": found[0]}
    if isinstance(value, memoryview):
        value = bytes(value)
    if isinstance(value, bytes):
        return _encode_bytes(value)
    return value


def _encode_bytes(value: bytes) -> Row:
    plain, level = _plain(value)
    if plain is not None:
        try:
            text = plain.decode()
        except UnicodeDecodeError:
            text = ""
        found = _same_json(text)
        if found is not None:
            return {"json": found[0]} if level is None else {"json": found[0], "zlib": level}
    return {"base64": base64.b64encode(value).decode()}


def _plain(value: bytes) -> tuple[bytes | None, int | None]:
    """The bytes unpacked, and how to pack them again; None where that would not give the same bytes."""
    if value[:1] in (b"{", b"["):
        return value, None
    try:
        plain = inflate(value)
    except ValueError:
        return None, None
    for level in _LEVELS:
        if zlib.compress(plain, level) == value:
            return plain, level
    return None, None


def is_sha256(text: str) -> bool:
    """Whether it can be the name of a blob."""
    return len(text) == 64 and all(char in "0123456789abcdef" for char in text)


def inflate(value: bytes) -> bytes:
    """What zlib made of at most 256 MiB. Raises `ValueError`: it is damaged, no such thing, or unpacks to more."""
    machine = zlib.decompressobj()
    try:
        plain = machine.decompress(value, MAX_PLAIN)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not machine.eof or machine.unused_data:
        raise ValueError("cut short, or unpacks to too much")
    return plain


def _same_json(text: str) -> tuple[Any] | None:
    """The value, in a tuple, if `text` is an object or list and exactly what is written of it again."""
    if text[:1] not in ("{", "["):
        return None
    try:
        value = json.loads(text)
        return (value,) if _dump(value) == text else None
    except (ValueError, RecursionError):
        return None


def _decode(column: Column[Any], value: Any) -> Any:
    if value is None:
        if column.nullable:
            return None
        raise ValueError(f"column {column.name!r} is null")
    kind = column.type
    decoded: Any
    if isinstance(kind, LargeBinary):
        try:
            decoded = _decode_bytes(value)
        except ValueError as error:
            raise ValueError(f"column {column.name!r}: {error}") from error
    elif isinstance(kind, String):
        decoded = _dump(value["json"]) if _is_only(value, "json") else value
        right = isinstance(decoded, str)
        decoded = decoded if right else None
    elif isinstance(kind, Boolean):
        decoded = value if isinstance(value, bool) else None
    elif isinstance(kind, Integer):
        whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63
        decoded = value if whole else None
    elif isinstance(kind, Float):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        decoded = float(value) if number and math.isfinite(value) else None
    else:
        raise ValueError(f"column {column.name!r} is of a kind that does not travel")
    if decoded is None:
        raise ValueError(f"column {column.name!r} holds something else")
    return decoded


def _decode_bytes(value: Any) -> bytes | None:
    if _is_only(value, "json"):
        return _dump(value["json"]).encode()
    if _is_only(value, "json", "zlib"):
        return zlib.compress(_dump(value["json"]).encode(), value["zlib"]) if value["zlib"] in _LEVELS else None
    if not _is_only(value, "base64") or not isinstance(value["base64"], str):
        return None
    data = base64.b64decode(value["base64"], validate=True)
    _refuse_bomb(data)
    return data


def _refuse_bomb(data: bytes) -> None:
    """What readers will unpack without asking must not unpack to more than fits into memory."""
    machine = zlib.decompressobj()
    try:
        plain = machine.decompress(data, MAX_PLAIN)
    except zlib.error:
        return
    if len(plain) == MAX_PLAIN and not machine.eof:
        raise ValueError("a packed cell unpacks to too much")


def _is_only(value: Any, *names: str) -> bool:
    return isinstance(value, dict) and set(value) == set(names)
