"""What is compared of a file: its lines, its cells.

Plain text and delimited tables are read as they are; of all else only what a grading sandbox made of it is used,
since the server never opens a document.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from core import Deliverable
from grading.compare.tables import MAX_ROWS, Sheet
from grading.compare.texts import MAX_LINES

MAX_BYTES = 24 << 20
MAX_COLUMNS = 400
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_TEXTS = {
    ".txt", ".md", ".json", ".jsonl", ".xml", ".py", ".js", ".ts", ".css", ".yaml", ".yml", ".toml", ".sql", ".log"
}  # fmt: skip


def is_delimited(path: str) -> bool:
    """Whether a file of this name is a table of plain text."""
    return PurePosixPath(path).suffix.lower() in _DELIMITERS


def is_plain(file: Deliverable) -> bool:
    """Whether a file is read as it is, without a sandbox."""
    suffix = PurePosixPath(file.path).suffix.lower()
    return suffix in _TEXTS or suffix in _DELIMITERS


def plain_lines(path: Path) -> tuple[tuple[str, str], ...]:
    """The lines of a text file with their anchors, at most 200,001 and of its first 24 MiB."""
    lines = _text(path).split("\n")[: MAX_LINES + 1]
    return tuple((f"line={number}", line.rstrip("\r")) for number, line in enumerate(lines, 1))


def delimited_sheet(path: Path, name: str) -> Sheet:
    """A csv or tsv file as a sheet without a name; `name` says which it is.

    A row is numbered as a spreadsheet would number it.

    Raises:
        csv.Error: It is no readable table.
    """
    delimiter = _DELIMITERS[PurePosixPath(name).suffix.lower()]
    rows: list[tuple[int, tuple[str, ...]]] = []
    for number, values in enumerate(csv.reader(io.StringIO(_text(path), newline=""), delimiter=delimiter), 1):
        if len(rows) > MAX_ROWS:
            break
        if kept := trimmed(values[:MAX_COLUMNS]):
            rows.append((number, kept))
    return Sheet("", tuple(rows))


def trimmed(values: Iterable[str]) -> tuple[str, ...]:
    """A row's values without the empty cells at its end."""
    kept = list(values)
    while kept and not kept[-1]:
        kept.pop()
    return tuple(kept)


def _text(path: Path) -> str:
    with path.open("rb") as stream:
        return stream.read(MAX_BYTES).decode("utf-8-sig", errors="replace")
