"""Text and facts of PDFs, delimited files, pictures, archives, pages, JSON and drawings."""

from __future__ import annotations

import ctypes
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import unpacking
from .openers import image_facts
from .outcome import clip, toolbox
from .segments import Segment
from .tables import delimited_rows
from .texts import PLAIN, document_text, open_dxf, open_pdf, read_json

FIRST_ROWS = 300
LAST_ROWS = 50
PROBED_PAGES = 60
PROBED_OBJECTS = 4000
ENTRY_BYTES, ENTRY_TEXT = 65_536, 400_000


def pdf(path: Path) -> tuple[list[Segment], dict[str, Any]]:
    """A PDF: pages, their text, metadata, and text that is drawn invisible, white or tiny."""
    segments = document_text(path, _no_book).segments
    document = open_pdf(path)
    try:
        sizes = Counter(f"{round(page.get_width())} x {round(page.get_height())} pt" for page in document)
        metadata = {key: clip(value, 200) for key, value in document.get_metadata_dict().items() if value}
        facts: dict[str, Any] = {"pages": len(document), "page_sizes": dict(sizes), "properties": metadata}
        unseen = [
            one
            for number in range(min(len(document), PROBED_PAGES))
            for one in _unseen(document[number], f"page={number + 1}")
        ]
    finally:
        document.close()
    facts["words"] = sum(len(segment.text.split()) for segment in segments)
    facts["pages_without_text"] = [segment.anchor for segment in segments if not segment.text.strip()][:40]
    return segments + unseen[:200], facts


def _no_book(path: Path) -> Any:
    raise ValueError(path)


def _unseen(page: Any, anchor: str) -> list[Segment]:
    raw = toolbox("pypdfium2.raw")
    textpage = page.get_textpage()
    found = []
    for index, item in enumerate(page.get_objects(filter=[raw.FPDF_PAGEOBJ_TEXT])):
        if index >= PROBED_OBJECTS:
            break
        hidden, suspect = _why_unseen(raw, item.raw)
        if hidden or suspect:
            text = _object_text(raw, item.raw, textpage.raw)
            if text.strip():
                found.append(Segment(anchor, text, hidden=hidden, suspect=suspect))
    return found


def _object_text(raw: Any, item: Any, textpage: Any) -> str:
    size = raw.FPDFTextObj_GetText(item, textpage, None, 0)
    buffer = (ctypes.c_ushort * max(1, size // 2))()
    raw.FPDFTextObj_GetText(item, textpage, buffer, size)
    return bytes(buffer).decode("utf-16-le", "replace").rstrip("\0")


def _why_unseen(raw: Any, item: Any) -> tuple[str | None, str | None]:
    """Why a piece of text is certainly not seen, and why it may not be (white, on who knows what)."""
    if raw.FPDFTextObj_GetTextRenderMode(item) == raw.FPDF_TEXTRENDERMODE_INVISIBLE:
        return "invisible text", None
    size = ctypes.c_float()
    matrix = raw.FS_MATRIX()
    if raw.FPDFTextObj_GetFontSize(item, size) and raw.FPDFPageObj_GetMatrix(item, matrix):
        drawn = size.value * max(abs(matrix.a), abs(matrix.b), abs(matrix.c), abs(matrix.d))
        if 0 < drawn < 2:
            return "text smaller than 2 points", None
    parts = [ctypes.c_uint() for _ in range(4)]
    if raw.FPDFPageObj_GetFillColor(item, *parts):
        red, green, blue, alpha = (part.value for part in parts)
        if alpha == 0:
            return "transparent text", None
        if min(red, green, blue) >= 252:
            return None, "white text"
    return None, None


def delimited(path: Path) -> tuple[list[Segment], dict[str, Any]]:
    """A csv or tsv: its first and last rows, and counts over all of them."""
    first: list[Segment] = []
    last: list[Segment] = []
    widths: Counter[int] = Counter()
    header: list[str] = []
    filled: Counter[int] = Counter()
    rows = 0
    for number, record in enumerate(delimited_rows(path), start=1):
        if not any(value.strip() for value in record):
            continue
        rows += 1
        widths[len(record)] += 1
        filled.update(column for column, value in enumerate(record) if value.strip())
        segment = Segment(f"line={number}", " | ".join(record))
        if rows == 1:
            header = record
        if rows <= FIRST_ROWS:
            first.append(segment)
        else:
            last.append(segment)
            del last[:-LAST_ROWS]
    left_out = rows - len(first) - len(last)
    if left_out > 0:
        first.append(Segment("", f"[... {left_out} rows left out here ...]"))
    facts: dict[str, Any] = {"rows": rows, "columns": [clip(title, 80) for title in header[:200]]}
    blanks = {clip(title, 80): rows - filled[column] for column, title in enumerate(header[:200])}
    facts["blank_cells"] = {title: count for title, count in blanks.items() if count}
    if len(widths) > 1:
        facts["fields_a_row"] = {str(width): count for width, count in widths.most_common(10)}
    if left_out > 0:
        facts["rows_left_out"] = left_out
    return first + last, facts


def image(path: Path) -> dict[str, Any]:
    """Format, size and metadata of a picture."""
    name, width, height = image_facts(path)
    facts: dict[str, Any] = {"format": name, "width": width, "height": height}
    pillow = toolbox("PIL.Image")
    with pillow.open(path) as opened:
        facts |= {"mode": opened.mode, "frames": int(getattr(opened, "n_frames", 1))}
        tags = toolbox("PIL.ExifTags").TAGS
        exif = {str(tags.get(key, key)): clip(value, 120) for key, value in list(opened.getexif().items())[:40]}
        if dpi := opened.info.get("dpi"):
            facts["dpi"] = [round(float(value), 1) for value in dpi]
        colours = opened.convert("RGB").resize((64, 64)).getcolors(4096)
        facts["distinct_colours_at_64_px"] = len(colours or ())
    if exif:
        facts["exif"] = exif
    return facts


def archive(path: Path) -> tuple[list[Segment], dict[str, Any]]:
    """The entries of a zip, and the text of those that are plain text; nothing is unpacked to a disk."""
    with zipfile.ZipFile(path) as opened:
        entries = unpacking.entries(opened)
        segments = [
            Segment(f"entry={entry.filename}", f"{entry.filename} ({entry.file_size} bytes)")
            for entry in entries[: unpacking.LISTED_ENTRIES]
        ]
        segments += _entry_texts(opened, entries)
    odd = {
        "links": sum(1 for entry in entries if unpacking.is_link(entry)),
        "entries_that_lead_outside": sum(1 for entry in entries if _leads_outside(entry.filename)),
        "entries_of_the_same_name": len(entries) - len({entry.filename.casefold() for entry in entries}),
        "entries_not_listed": max(0, len(entries) - unpacking.LISTED_ENTRIES),
    }
    facts = {"entries": len(entries), "unpacked_bytes": sum(entry.file_size for entry in entries)}
    return segments, facts | {name: count for name, count in odd.items() if count}


def _leads_outside(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or parts[0] == "" or ":" in parts[0]


def _entry_texts(opened: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> Iterator[Segment]:
    room = ENTRY_TEXT
    for entry in entries[: unpacking.LISTED_ENTRIES]:
        kind = Path(entry.filename).suffix.lower()
        if kind not in PLAIN | {".csv", ".tsv", ".html", ".htm", ".xml"} or unpacking.is_link(entry):
            continue
        try:
            with opened.open(entry) as stream:
                data = stream.read(min(ENTRY_BYTES, room))
        except unpacking.DAMAGED:
            continue  # it is listed, and cannot be read
        room -= len(data)
        if b"\0" not in data:
            for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), start=1):
                yield Segment(f"entry={entry.filename},line={number}", line)
        if room <= 0:
            return


def page(text: str) -> dict[str, Any]:
    """Title, counts, and the elements of an HTML page that are not shown."""
    soup = toolbox("bs4").BeautifulSoup(text, "html.parser")
    unseen = []
    for element in soup.find_all(style=True):
        style = str(element["style"]).replace(" ", "").lower()
        signs = ("display:none", "visibility:hidden", "opacity:0;", "font-size:0", "font-size:1px", "color:#fff;")
        if any(sign in f"{style};" for sign in signs) and element.get_text(strip=True):
            unseen.append({"why": "hidden by its style", "text": clip(element.get_text(" ", strip=True))})
    for element in soup.find_all(hidden=True):
        if element.get_text(strip=True):
            unseen.append({"why": "hidden element", "text": clip(element.get_text(" ", strip=True))})
    comments = soup.find_all(string=lambda node: isinstance(node, toolbox("bs4").Comment))
    unseen += [{"why": "HTML comment", "text": clip(str(one))} for one in comments if str(one).strip()]
    names = {"links": "a", "images": "img", "scripts": "script", "forms": "form", "tables": "table"}
    facts: dict[str, Any] = {what: len(soup.find_all(tag)) for what, tag in names.items()}
    return facts | {"title": clip(soup.title.get_text(), 200) if soup.title else "", "unseen": unseen[:100]}


def json_facts(path: Path) -> dict[str, Any]:
    """What kind of JSON it is."""
    value = read_json(path)
    facts: dict[str, Any] = {"type": type(value).__name__}
    if isinstance(value, dict):
        facts["keys"] = [clip(key, 80) for key in list(value)[:60]]
    if isinstance(value, list):
        facts["items"] = len(value)
        if value and isinstance(value[0], dict):
            facts["keys_of_the_first"] = [clip(key, 80) for key in list(value[0])[:60]]
    return facts


def drawing(path: Path) -> dict[str, Any]:
    """Layers, entities and extent of a DXF drawing."""
    opened = open_dxf(path)
    space = opened.modelspace()
    kinds = Counter(entity.dxftype() for entity in space)
    layers = Counter(str(entity.dxf.get("layer", "0")) for entity in space)
    return {"entities": dict(kinds.most_common(30)), "layers": dict(layers.most_common(60)), "units": opened.units}
