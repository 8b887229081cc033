"""Prints a document as text. Request: {"path": ..., "pages": [numbers from 1] or null}. Exit code 3: cannot.

With `"window": [start, bytes]` it prints the text from character `start` on, at most so many bytes of it, and to
standard error the character after the last and how many there are.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import zipfile
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

Wanted = Callable[[int], bool]


def fail(why: str) -> None:
    """End with a reason for the model."""
    print(why, file=sys.stderr)
    raise SystemExit(3)


def pdf(path: str, wanted: Wanted) -> Iterator[str]:
    """Each page's text, in its layout."""
    pdfium = import_module("pypdfium2")
    document = pdfium.PdfDocument(path)
    for number in range(1, len(document) + 1):
        if wanted(number):
            text = document[number - 1].get_textpage().get_text_range().replace("\r\n", "\n").strip()
            yield f"--- page {number} of {len(document)} ---"
            yield text or "(no text on this page; view_image shows it)"


def docx(path: str, wanted: Wanted) -> Iterator[str]:
    """Headings, paragraphs and tables in their order; then headers and footers."""
    document = import_module("docx").Document(path)
    paragraph_type = import_module("docx.text.paragraph").Paragraph
    for block in document.iter_inner_content():
        if isinstance(block, paragraph_type):
            style = (block.style.name if block.style is not None else "") or ""
            if block.text.strip():
                level = style.removeprefix("Heading ")
                mark = "#" * int(level) + " " if style.startswith("Heading ") and level.isdigit() else ""
                yield mark + ("- " if style.startswith("List") else "") + block.text
        else:
            yield from table_rows([[cell.text for cell in row.cells] for row in block.rows])
    for section in document.sections:
        for name, part in (("header", section.header), ("footer", section.footer)):
            text = " / ".join(p.text for p in part.paragraphs if p.text.strip())
            if text:
                yield f"[{name}] {text}"


def table_rows(rows: list[list[str]]) -> Iterator[str]:
    """A table as lines with bars."""
    for row in rows:
        yield "| " + " | ".join(cell.replace("\n", " ") for cell in row) + " |"


def pptx(path: str, wanted: Wanted) -> Iterator[str]:
    """Each slide's text, tables and notes."""
    slides = list(import_module("pptx").Presentation(path).slides)
    for number, slide in enumerate(slides, start=1):
        if not wanted(number):
            continue
        hidden = " (hidden)" if slide._element.get("show") == "0" else ""
        yield f"--- slide {number} of {len(slides)}{hidden} ---"
        for shape in shapes_of(slide.shapes):
            if shape.has_text_frame and shape.text_frame.text.strip():
                yield shape.text_frame.text
            if getattr(shape, "has_table", False):
                yield from table_rows([[cell.text for cell in row.cells] for row in shape.table.rows])
            if shape.shape_type == 13:  # a picture
                yield f"[picture {shape.name}]"
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame.text.strip():
            yield f"[notes] {slide.notes_slide.notes_text_frame.text}"


def shapes_of(shapes: Any) -> Iterator[Any]:
    """All shapes, those in groups too."""
    for shape in shapes:
        if shape.shape_type == 6:  # a group
            yield from shapes_of(shape.shapes)
        else:
            yield shape


def xlsx(path: str, wanted: Wanted) -> Iterator[str]:
    """Each worksheet as rows; a formula is shown with its last calculated value."""
    openpyxl = import_module("openpyxl")
    formulas = openpyxl.load_workbook(path)
    values = openpyxl.load_workbook(path, data_only=True)
    for number, sheet in enumerate(formulas.worksheets, start=1):
        if not wanted(number):
            continue
        state = "" if sheet.sheet_state == "visible" else f", {sheet.sheet_state}"
        yield f"--- sheet {number} of {len(formulas.worksheets)}: {sheet.title} ({sheet.dimensions}{state}) ---"
        calculated = values[sheet.title]
        for row in sheet.iter_rows():
            cells = [cell_text(cell, calculated) for cell in row]
            if any(cells):
                yield f"{row[0].row}\t" + "\t".join(cells).rstrip("\t")


def cell_text(cell: Any, calculated: Any) -> str:
    """A cell's value; of a formula also what it came to."""
    if cell.value is None:
        return ""
    text = str(cell.value).replace("\t", " ").replace("\n", " ")
    if cell.data_type == "f":
        came_to = calculated[cell.coordinate].value
        return f"{text} -> {came_to if came_to is not None else '(not calculated)'}"
    return text


def opendocument(path: str, wanted: Wanted) -> Iterator[str]:
    """Text of odt, ods and odp files."""
    document = import_module("odf.opendocument").load(path)
    extract = import_module("odf.teletype").extractText
    text, table = import_module("odf.text"), import_module("odf.table")
    if path.lower().endswith(".ods"):
        for number, sheet in enumerate(document.getElementsByType(table.Table), start=1):
            if wanted(number):
                yield f"--- sheet {number}: {sheet.getAttribute('name')} ---"
                for row in sheet.getElementsByType(table.TableRow):
                    yield "\t".join(extract(cell) for cell in row.getElementsByType(table.TableCell))
        return
    for kind in (text.H, text.P):
        for element in document.getElementsByType(kind):
            yield extract(element)


def html(path: str, wanted: Wanted) -> Iterator[str]:
    """The text of a page, with the addresses of its links."""
    soup = import_module("bs4").BeautifulSoup(decoded(path), "lxml")
    for element in soup(["script", "style"]):
        element.decompose()
    for link in soup.find_all("a", href=True):
        link.append(f" [{link['href']}]")
    yield from (line for line in soup.get_text("\n").splitlines() if line.strip())


def table(path: str, wanted: Wanted) -> Iterator[str]:
    """A csv or tsv file as it is, and how it seems to be separated."""
    text = decoded(path)
    first = text.splitlines()[:1]
    if first:
        separator = max(",;\t|", key=first[0].count)
        rows = list(csv.reader(io.StringIO(text), delimiter=separator))
        widths = sorted({len(row) for row in rows if row})
        yield f"[{len(rows)} rows; separator {separator!r}; columns in a row: {widths[:10]}]"
    yield text


def notebook(path: str, wanted: Wanted) -> Iterator[str]:
    """The cells of a notebook, with the text of their outputs."""
    for number, cell in enumerate(json.loads(decoded(path)).get("cells", []), start=1):
        yield f"--- cell {number}: {cell.get('cell_type')} ---"
        yield "".join(cell.get("source", []))
        for output in cell.get("outputs", []):
            text = output.get("text") or output.get("data", {}).get("text/plain") or []
            yield "[output] " + "".join(text)


def archive(path: str, wanted: Wanted) -> Iterator[str]:
    """What a zip file holds."""
    with zipfile.ZipFile(path) as found:
        for entry in found.infolist():
            yield f"{entry.file_size:>12}  {entry.filename}"


def image(path: str, wanted: Wanted) -> Iterator[str]:
    """An image's facts."""
    with import_module("PIL.Image").open(path) as picture:
        yield f"[image: {picture.format}, {picture.width} x {picture.height} px, mode {picture.mode}; no text]"


def decoded(path: str) -> str:
    """The text of a file in whatever encoding it seems to have."""
    with open(path, "rb") as stream:
        data = stream.read(64 << 20)
    for encoding in ("utf-8-sig", "utf-16") if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig",):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    if b"\0" in data[:4096]:
        fail(f"it is a binary file ({len(data)} bytes) of no kind that can be read as text")
    best = import_module("charset_normalizer").from_bytes(data).best()
    return f"[encoding: {best.encoding if best else 'latin-1'}]\n" + (
        str(best) if best else data.decode("latin-1")
    )


def plain(path: str, wanted: Wanted) -> Iterator[str]:
    """Any other file, as text."""
    yield decoded(path)


READERS: dict[str, Callable[[str, Wanted], Iterator[str]]] = {
    **dict.fromkeys((".pdf",), pdf),
    **dict.fromkeys((".docx", ".docm"), docx),
    **dict.fromkeys((".pptx", ".pptm"), pptx),
    **dict.fromkeys((".xlsx", ".xlsm"), xlsx),
    **dict.fromkeys((".odt", ".ods", ".odp"), opendocument),
    **dict.fromkeys((".html", ".htm", ".xhtml"), html),
    **dict.fromkeys((".csv", ".tsv"), table),
    **dict.fromkeys((".ipynb",), notebook),
    **dict.fromkeys((".zip",), archive),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"), image),
}


def window(lines: list[str], start: int, most: int) -> None:
    """Print a part of the text."""
    text = "\n".join(lines)
    part = text[start : start + most].encode("utf-8", "replace")[:most].decode("utf-8", "ignore")
    sys.stdout.write(part)
    print(min(start, len(text)) + len(part), len(text), file=sys.stderr)


def main() -> None:
    """Answer the request."""
    request = json.load(sys.stdin)
    path, pages = request["path"], request.get("pages")
    if not os.path.exists(path):
        fail("there is no such file")
    if not os.path.isfile(path):
        fail("it is not a file")
    if os.path.getsize(path) == 0:
        fail("it is empty")
    reader = READERS.get(os.path.splitext(path)[1].lower(), plain)
    lines = reader(path, lambda number: pages is None or number in pages)
    if request.get("window"):
        window(list(lines), *request["window"])
        return
    printed = False
    for line in lines:
        sys.stdout.write(line + "\n")
        printed = True
    if not printed:
        print("(no text)" if pages is None else "(it has no such pages)")


if __name__ == "__main__":
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, "utf-8", errors="replace")
    main()
