"""What of a file is shown beside the criteria: its text, or its rows, as data for the page to write out."""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from pathlib import PurePosixPath
from typing import Any

from core import Blobs, Deliverable, Frozen, StoreFault, in_thread
from grading.render.texts import Rendering
from grading.review.content import FRAMES, IMAGES

MAX_BYTES = 400_000
MAX_ROWS, MAX_COLUMNS, MAX_LINES, MAX_FACT = 300, 40, 2000, 200
_SPOKEN = {"sheets": "sheets", "hidden": "hidden", "instruction_like": "seems to speak to whoever grades"}
_TABLES = {".csv": ",", ".tsv": "\t"}
_TEXTS = {".txt", ".md", ".json", ".xml", ".svg", ".py", ".js", ".css", ".yaml", ".yml", ".toml", ".sql", ".log"}
_RENDERED = {".docx", ".xlsx", ".pptx", ".pdf", ".odt", ".ods", ".ipynb", ".dxf", ".html", ".htm", ".zip"}

ReviewRenderer = Callable[[Deliverable], Awaitable[Rendering]]


class Preview(Frozen):
    """What the page writes out.

    Attributes:
        segments: (anchor, text) pairs. rows: Of a table, the first its header.
        facts: For people, one line each.
        problem: Why there is nothing, or what is left out.
    """

    segments: tuple[tuple[str, str], ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    facts: tuple[str, ...] = ()
    problem: str | None = None


def kind_of(file: Deliverable) -> str:
    """`image`, `frame`, `text` (also tables and renderings), or `none`."""
    suffix = PurePosixPath(file.path).suffix.lower()
    if file.media_type in IMAGES:
        return "image"
    if file.media_type in FRAMES:
        return "frame"
    return "text" if _is_plain(file) or suffix in _RENDERED else "none"


async def preview_of(file: Deliverable, blobs: Blobs, render: ReviewRenderer | None) -> Preview:
    """A file's preview: plain text as it is, documents as `render` reads them in a grading sandbox."""
    suffix = PurePosixPath(file.path).suffix.lower()
    if _is_plain(file):
        return await in_thread(_plain, file, blobs, _TABLES.get(suffix))
    if render is None:
        return Preview(problem="There is no sandbox here to read documents in; download it to look at it.")
    return _rendered(await render(file))


def _is_plain(file: Deliverable) -> bool:
    suffix = PurePosixPath(file.path).suffix.lower()
    text = file.media_type.startswith("text/") and file.media_type not in FRAMES
    return suffix in _TABLES or suffix in _TEXTS or (text and suffix not in _RENDERED)


def _plain(file: Deliverable, blobs: Blobs, delimiter: str | None) -> Preview:
    try:
        with blobs.fetch(file.sha256).open("rb") as stream:
            data = stream.read(MAX_BYTES)
    except StoreFault:
        return Preview(problem="The file cannot be read now; its bytes are missing or damaged, or far away.")
    text = data.decode("utf-8-sig", errors="replace")
    cut = "Only the beginning is shown." if file.size > MAX_BYTES else None
    if delimiter is None:
        lines = text.split("\n")
        cut = cut or ("Only the beginning is shown." if len(lines) > MAX_LINES else None)
        return Preview(segments=tuple((f"line={n}", t) for n, t in enumerate(lines[:MAX_LINES], 1)), problem=cut)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        rows = tuple(tuple(row[:MAX_COLUMNS]) for row in islice(reader, MAX_ROWS + 1))
        more = next(reader, None) is not None
    except csv.Error as error:
        return Preview(problem=f"Not a readable table: {error}")
    facts = (f"{text.count(chr(10))} lines",) if not cut else ()
    return Preview(rows=rows, facts=facts, problem=f"The first {MAX_ROWS} rows." if more else cut)


def _rendered(rendering: Rendering) -> Preview:
    problem = f"Could not be rendered: {rendering.problem}" if rendering.problem else None
    shown = rendering.segments[:MAX_LINES]
    if problem is None and (rendering.truncated or len(shown) < len(rendering.segments)):
        problem = "Only the beginning is shown."
    return Preview(segments=shown, facts=tuple(_facts(rendering.facts)), problem=problem)


def _facts(facts: dict[str, Any]) -> Iterator[str]:
    """Counts, sheets and what is hidden. Never a document's properties: they may name who made it."""
    for name, value in facts.items():
        if name in _SPOKEN and value:
            yield f"{_SPOKEN[name]}: {_short(value)}"
        elif isinstance(value, int) and not isinstance(value, bool) and value and name != "bytes":
            yield f"{value} {name.replace('_', ' ')}"


def _short(value: object) -> str:
    items = value if isinstance(value, list | tuple) else [value]
    names = (str(item.get("name", "")) if isinstance(item, dict) else str(item) for item in items)
    text = ", ".join(names)
    return text if len(text) <= MAX_FACT else text[: MAX_FACT - 1] + "\u2026"
