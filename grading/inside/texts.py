"""The text of a document as segments, each with an anchor by which a reader finds it again.

What a reader does not see is left out: deleted (tracked) text, hidden runs, hidden slides, hidden worksheets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .files import guard, read_text, suffix
from .office import docx_segments, odf_segments, pptx_segments
from .outcome import Broken, Unjudgeable, toolbox
from .segments import Segment
from .tables import DELIMITED, delimited_rows, sheet_grid
from .values import Unknown, shown
from .workbooks import XLSX, Book

PLAIN = {
    ".txt", ".md", ".markdown", ".rst", ".json", ".jsonl", ".ndjson", ".py", ".js", ".ts", ".css", ".sql", ".sh",
    ".r", ".java", ".c", ".cpp", ".h", ".go", ".rs", ".rb", ".php", ".yaml", ".yml", ".toml", ".ini", ".cfg",
    ".log", ".tex", ".srt", ".vtt", ".ics", ".jsx", ".tsx", ".bib",
}  # fmt: skip
HTML = {".html", ".htm", ".xhtml"}
XML = {".xml", ".svg"}
MAX_PDF_PAGES = 2000


@dataclass
class DocumentText:
    """A text with the anchors of its parts."""

    segments: list[Segment]

    @property
    def whole(self) -> str:
        """Everything, a segment a line."""
        return "\n".join(segment.text for segment in self.segments)

    @property
    def body(self) -> str:
        """Without headers, footers, footnotes and speaker's notes."""
        return "\n".join(segment.text for segment in self.segments if segment.part == "body")

    def anchor_at(self, offset: int) -> str | None:
        """The anchor of the segment that holds the character at `offset` of `whole`."""
        position = 0
        for segment in self.segments:
            position += len(segment.text) + 1
            if offset < position:
                return segment.anchor
        return None


def document_text(path: Path, book: Callable[[Path], Book]) -> DocumentText:
    """The text of a file of any kind that has one; `book` opens a workbook.

    Raises:
        Broken: It cannot be opened, or is of a kind without text. Unjudgeable: It is too large to be read.
    """
    guard(path)
    kind = suffix(path)
    if kind in XLSX:
        return DocumentText(list(_sheets(book(path))))
    if kind in DELIMITED:
        rows = enumerate(delimited_rows(path), start=1)
        return DocumentText([Segment(f"line={number}", " | ".join(row)) for number, row in rows if any(row)])
    readers: dict[str, Callable[[Path], Iterator[Segment]]] = {
        ".docx": docx_segments, ".docm": docx_segments, ".pptx": pptx_segments, ".pptm": pptx_segments,
        ".pdf": _pdf, ".ipynb": _notebook, ".odt": odf_segments, ".ods": odf_segments, ".odp": odf_segments,
        ".dxf": _dxf,
    }  # fmt: skip
    if kind in readers:
        return DocumentText(list(readers[kind](path)))
    if kind in HTML:
        return DocumentText(list(html_segments(read_text(path))))
    if kind in XML:
        return DocumentText(list(_xml(path)))
    if kind in PLAIN:
        return DocumentText(lines(read_text(path)))
    try:
        return DocumentText(lines(read_text(path)))
    except Broken:
        raise Broken(f"a {kind or 'nameless'} file has no text that can be read") from None


def lines(text: str) -> list[Segment]:
    """The lines of a text, anchored by number."""
    return [Segment(f"line={number}", line) for number, line in enumerate(text.splitlines(), start=1)]


def _sheets(book: Book) -> Iterator[Segment]:
    for sheet in book.values.worksheets:
        if sheet.sheet_state != "visible":
            continue
        grid = sheet_grid(book, sheet)
        for row, cells in grid.rows.items():
            known = [shown(value) for value in cells.values() if not isinstance(value, Unknown)]
            yield Segment(grid.anchor(row, min(cells)), " | ".join(known))


def open_pdf(path: Path) -> Any:
    """A pypdfium2 document. Raises `Broken` (encrypted, damaged)."""
    pdfium = toolbox("pypdfium2")
    try:
        return pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        raise Broken(f"the PDF cannot be opened: {error}") from error


def _pdf(path: Path) -> Iterator[Segment]:
    document = open_pdf(path)
    try:
        if len(document) > MAX_PDF_PAGES:
            raise Unjudgeable(f"the PDF has {len(document)} pages, more than are read here")
        for number, page in enumerate(document, start=1):
            text = page.get_textpage().get_text_bounded().replace("\r\n", "\n")
            yield Segment(f"page={number}", text.replace("\ufffe", "-").replace("\u0002", "-"))
    finally:
        document.close()


def html_segments(text: str) -> Iterator[Segment]:
    """The visible text of an HTML document, block by block."""
    soup = toolbox("bs4").BeautifulSoup(text, "lxml")
    for hidden in soup(["script", "style", "template", "noscript"]):
        hidden.decompose()
    for element in soup.find_all(hidden=True):
        element.decompose()
    for element in soup.find_all(style=True):
        if not element.decomposed and "display:none" in str(element["style"]).replace(" ", "").lower():
            element.decompose()
    blocks = {"p", "div", "li", "td", "th", "h1", "h2", "h3", "h4", "h5", "h6", "title", "tr", "section",
              "article", "dt", "dd", "br", "header", "footer", "main", "nav", "ul", "ol", "table",
              "blockquote", "pre", "figcaption", "caption", "option",
              "button", "label", "aside", "form", "body", "head"}  # fmt: skip
    for element in soup.find_all(blocks):
        element.insert_before("\x1e")
        element.insert_after("\x1e")
    for number, chunk in enumerate(soup.get_text().split("\x1e"), start=1):
        if chunk.strip():
            yield Segment(f"block={number}", " ".join(chunk.split()))


def _xml(path: Path) -> Iterator[Segment]:
    for number, element in enumerate(parse_xml(path).iter(), start=1):
        text = (element.text or "").strip() if isinstance(element.tag, str) else ""
        if text:
            yield Segment(f"element={number}", text)


def parse_xml(path: Path) -> Any:
    """The root element of an XML file; no entity or address is ever resolved. Raises `Broken`."""
    etree = toolbox("lxml.etree")
    try:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
        return etree.parse(str(path), parser).getroot()
    except (etree.XMLSyntaxError, OSError) as error:
        raise Broken(f"not well-formed XML: {error}") from error


def read_json(path: Path) -> Any:
    """A JSON file (a list of values for JSON lines). Raises `Broken`."""
    text = read_text(path)
    try:
        if suffix(path) in {".jsonl", ".ndjson"}:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise Broken(f"not valid JSON: {error}") from error


def _notebook(path: Path) -> Iterator[Segment]:
    data = read_json(path)
    cells = data.get("cells") if isinstance(data, dict) else None
    if not isinstance(cells, list):
        raise Broken("the notebook has no list of cells")
    for number, cell in enumerate(cells, start=1):
        if not isinstance(cell, dict):
            raise Broken(f"cell {number} of the notebook is no object")
        source = cell.get("source", "")
        yield Segment(f"cell={number}", "".join(source) if isinstance(source, list) else str(source))
        for output in cell.get("outputs") or []:
            text = output.get("text") or (output.get("data") or {}).get("text/plain") or ""
            if text:
                yield Segment(f"cell={number},output", "".join(text) if isinstance(text, list) else str(text))


def _dxf(path: Path) -> Iterator[Segment]:
    for number, entity in enumerate(open_dxf(path).modelspace().query("TEXT MTEXT"), start=1):
        text = entity.plain_text()
        if text.strip():
            yield Segment(f"text={number}", text)


def open_dxf(path: Path) -> Any:
    """An ezdxf drawing. Raises `Broken`."""
    ezdxf = toolbox("ezdxf")
    try:
        return ezdxf.readfile(str(path))
    except (ezdxf.DXFError, OSError, UnicodeError) as error:
        raise Broken(f"the drawing cannot be opened: {error}") from error
