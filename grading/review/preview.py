"""What of a file is shown beside the criteria, as data for the page to write out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, Literal, Protocol

from core import Blobs, Deliverable, Fault, Frozen, StoreFault, in_thread
from grading.render.entries import Entry
from grading.render.model import Kind, Rendered
from grading.review.content import MEDIA
from grading.review.sites import HTML

MAX_BYTES = 400_000
MAX_SEGMENTS, MAX_FACT = 5000, 200
WAIT_SECONDS = 8.0
HEAD_BYTES, _IN_A_ROW = 256, 16
_COUNTED = {
    name: (one, f"{one}s")
    for name, one in {
        "pages": "page", "slides": "slide", "words": "word", "paragraphs": "paragraph", "lines": "line",
        "rows": "row", "formulas": "formula", "tables": "table", "images": "picture", "pictures": "picture",
        "charts": "chart", "links": "link", "comments": "comment", "insertions": "tracked insertion",
        "deletions": "tracked deletion", "items": "item",
    }.items()
} | {
    "entries": ("entry", "entries"),
    "text_boxes": ("text box", "text boxes"),
    "slides_with_notes": ("slide with notes", "slides with notes"),
    "unpacked_bytes": ("byte unpacked", "bytes unpacked"),
}  # fmt: skip
"""What is told of a file by number; the other facts are for checks and judges."""
_TEXTS = {
    ".csv",
    ".tsv",
    ".txt",
    ".md",
    ".json",
    ".xml",
    ".py",
    ".js",
    ".css",
    ".yaml",
    ".yml",
    ".toml",
    ".sql",
    ".log",
}
_RENDERED = {".docx", ".xlsx", ".pptx", ".pdf", ".odt", ".ods", ".ipynb", ".dxf", ".html", ".htm", ".zip"}
FAILED = "It could not be rendered now; open it again in a moment, or download it."
UNREAD = "The file cannot be read now; its bytes are missing or damaged, or far away."
RENDERING = "It is being rendered; this takes some seconds."
NO_SANDBOX = "There is no sandbox here to read files in; download it to look at it."


class ReviewRenderer(Protocol):
    """What the app asks of whoever renders files."""

    async def within(self, file: Deliverable, seconds: float) -> Rendered | None:
        """The rendering, or None where it takes longer; then it goes on."""
        ...

    async def entry(self, archive: Deliverable, number: int, seconds: float) -> Entry | None:
        """An entry of an archive as a file, or None where it takes longer; then it goes on."""
        ...

    def ahead(self, files: Sequence[Deliverable]) -> None:
        """Render these beside other work."""
        ...


class PreviewPage(Frozen):
    """A page: its image's size in pixels, and where its two images are."""

    number: int
    width: int
    height: int
    label: str
    src: str
    small: str


class PreviewSheet(Frozen):
    """A worksheet; `cut`: it goes on beyond these rows and columns."""

    name: str
    rows: int
    columns: int
    hidden: bool
    cut: bool


class Preview(Frozen):
    """What the page writes out.

    Attributes:
        kind: `none`: nothing but the download. pending: It is being made: ask again; `status` says so.
        segments: (anchor, text) pairs. facts, flags: For people, one line each.
        problem: Why there is nothing, or what is left out.
        src: Of a picture, of sound, film and HTML. run: Of HTML with its scripts. download: Of the file as it was
            handed in.
    """

    kind: Kind | Literal["none"] = "none"
    pending: bool = False
    status: str = ""
    pages: tuple[PreviewPage, ...] = ()
    sheets: tuple[PreviewSheet, ...] = ()
    segments: tuple[tuple[str, str], ...] = ()
    facts: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    problem: str | None = None
    width: int | None = None
    height: int | None = None
    src: str | None = None
    run: str | None = None
    download: str = ""


class Addresses(Protocol):
    """Makes signed addresses on the content origin."""

    def image(self, sha256: str, name: str) -> str:
        """Of an image that was drawn here."""
        ...

    def file(self, file: Deliverable, *, inline: bool) -> str:
        """Of a file as it was handed in."""
        ...

    def page(self, file: Deliverable, *, run: bool) -> str:
        """Of a web page in a frame: without its scripts, or with them."""
        ...


async def preview_of(file: Deliverable, blobs: Blobs, render: ReviewRenderer | None, at: Addresses) -> Preview:
    """A file's preview. Waits some seconds for a rendering that is being made, and then says so."""
    try:
        rendered = None if render is None else await render.within(file, WAIT_SECONDS)
    except StoreFault:
        return Preview(problem=UNREAD, download=at.file(file, inline=False))
    except Fault:
        return Preview(problem=FAILED, download=at.file(file, inline=False))
    if rendered is not None:
        preview = preview_of_rendered(rendered, file, at)
        if preview.kind == "none" and not preview.segments:
            return preview.model_copy(update=await in_thread(_head, file, blobs))
        return preview
    shown = {"download": at.file(file, inline=False)}
    if render is not None:
        return Preview(pending=True, status=RENDERING, **shown)
    if _is_plain(file):
        return Preview(kind="text", **await in_thread(_plain, file, blobs), **shown)
    return Preview(problem=NO_SANDBOX, **shown)


async def entry_of(archive: Deliverable, number: int, render: ReviewRenderer | None) -> Deliverable | Preview:
    """An entry of an archive (from 0, as they are listed) as a file, or what is said in its place."""
    if render is None:
        return Preview(problem=NO_SANDBOX)
    try:
        found = await render.entry(archive, number, WAIT_SECONDS)
    except StoreFault:
        return Preview(problem=UNREAD)
    except Fault:
        return Preview(problem=FAILED)
    if found is None:
        return Preview(pending=True, status=RENDERING)
    return found.file or Preview(problem=_sentence([found.problem or FAILED]))


def preview_of_rendered(rendered: Rendered, file: Deliverable, at: Addresses) -> Preview:
    """What the page writes out of a rendering."""
    shown = rendered.segments[:MAX_SEGMENTS]
    notes = list(rendered.notes)
    if rendered.truncated or len(shown) < len(rendered.segments):
        notes.append("only a part of it is shown" if rendered.kind == "text" else "as text, only a part is shown")
    if rendered.problem:
        notes.insert(0, f"could not be rendered: {rendered.problem}")
    picture = rendered.picture
    nothing = rendered.problem and not (rendered.pages or rendered.sheets or picture)
    return Preview(
        kind="none" if nothing and rendered.kind != "html" else _shown_as(rendered),
        pages=tuple(
            PreviewPage(
                number=page.number,
                width=page.width,
                height=page.height,
                label=page.label,
                src=at.image(page.image, f"page-{page.number}"),
                small=at.image(page.small, f"page-{page.number}-small"),
            )
            for page in rendered.pages
        ),
        sheets=tuple(
            PreviewSheet(name=one.name, rows=one.rows, columns=one.columns, hidden=one.hidden, cut=one.cut)
            for one in rendered.sheets
        ),
        segments=shown,
        facts=tuple(_facts(rendered.facts)),
        flags=(*rendered.flags, *_seen_flags(rendered.facts)),
        problem=_sentence(notes),
        width=picture.width if picture else None,
        height=picture.height if picture else None,
        src=_source(rendered, file, at),
        run=at.page(file, run=True) if rendered.kind == "html" else None,
        download=at.file(file, inline=False),
    )


def _shown_as(rendered: Rendered) -> Kind | Literal["none"]:
    """The kind for which there is something to show: without pages or a picture, the text."""
    lacking = (rendered.kind == "pages" and not rendered.pages) or (
        rendered.kind == "image" and rendered.picture is None
    )
    if lacking:
        return "text" if rendered.segments else "none"
    return rendered.kind


def _source(rendered: Rendered, file: Deliverable, at: Addresses) -> str | None:
    if rendered.kind == "image" and rendered.picture is not None:
        return at.image(rendered.picture.image, "picture")
    if rendered.kind == "html":
        return at.page(file, run=False)
    plays = rendered.kind in {"audio", "video"} and rendered.suffix in MEDIA and rendered.problem is None
    return at.file(file, inline=True) if plays else None


def _sentence(notes: list[str]) -> str | None:
    text = "; ".join(notes).rstrip(".")
    return f"{text[0].upper()}{text[1:]}." if text else None


def _is_plain(file: Deliverable) -> bool:
    suffix = PurePosixPath(file.path).suffix.lower()
    text = file.media_type.startswith("text/") and file.media_type != HTML
    return suffix in _TEXTS or (text and suffix not in _RENDERED)


def _plain(file: Deliverable, blobs: Blobs) -> dict[str, Any]:
    """A text as it is, where there is no sandbox: nothing of it is parsed."""
    try:
        with blobs.fetch(file.sha256).open("rb") as stream:
            data = stream.read(MAX_BYTES)
    except StoreFault:
        return {"problem": UNREAD}
    lines = data.decode("utf-8-sig", errors="replace").split("\n")
    cut = file.size > MAX_BYTES or len(lines) > MAX_SEGMENTS
    segments = tuple((f"line={number}", text) for number, text in enumerate(lines[:MAX_SEGMENTS], 1))
    return {"segments": segments, "problem": "Only the beginning is shown." if cut else None}


def _head(file: Deliverable, blobs: Blobs) -> dict[str, Any]:
    """Of what nobody can render: its first bytes, as numbers and as letters, its size and its digest."""
    facts = (f"{file.size:,} {'byte' if file.size == 1 else 'bytes'}", f"SHA-256 {file.sha256}")
    try:
        with blobs.fetch(file.sha256).open("rb") as stream:
            data = stream.read(HEAD_BYTES)
    except StoreFault:
        return {"facts": facts}
    rows = [data[at : at + _IN_A_ROW] for at in range(0, len(data), _IN_A_ROW)]
    lines = (f"{row.hex(' '):<47}  {''.join(chr(b) if 32 <= b < 127 else '.' for b in row)}" for row in rows)
    segments = tuple((f"byte={number * _IN_A_ROW}", line) for number, line in enumerate(lines))
    return {"segments": segments, "facts": facts}


def _facts(facts: dict[str, Any]) -> Iterator[str]:
    """Counts, sizes and sheets. Never a document's properties: they may name who made it."""
    if isinstance(facts.get("width"), int) and isinstance(facts.get("height"), int):
        yield f"{facts['width']:,} \u00d7 {facts['height']:,} pixels"
    for name, value in facts.items():
        if name == "seconds":
            yield f"{int(value) // 60}:{int(value) % 60:02d} long"
        elif name == "sheets" and value:
            yield f"sheets: {_short(value)}"
        elif name in _COUNTED and isinstance(value, int) and value:
            yield f"{value:,} {_COUNTED[name][value != 1]}"


def _seen_flags(facts: dict[str, Any]) -> Iterator[str]:
    for name, sees in (("hidden_count", "does not see"), ("suspicious_count", "may not see")):
        if facts.get(name):
            yield f"{facts[name]} {'passage' if facts[name] == 1 else 'passages'} that a reader {sees}"
    if facts.get("instruction_like"):
        yield "seems to speak to whoever grades"


def _short(value: object) -> str:
    items = value if isinstance(value, list | tuple) else [value]
    names = (str(item.get("name", "")) if isinstance(item, dict) else str(item) for item in items)
    text = ", ".join(names)
    return text if len(text) <= MAX_FACT else text[: MAX_FACT - 1] + "\u2026"
