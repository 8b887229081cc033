"""The text of docx, pptx and OpenDocument files, read from their XML: tables, headers, notes, tracked changes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .outcome import Broken, toolbox
from .segments import Segment

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
ODF_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
ODF_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_DELETED = {f"{W}del", f"{W}moveFrom", f"{MC}Fallback"}


def open_docx(path: Path) -> Any:
    """A python-docx document. Raises `Broken`."""
    docx = toolbox("docx")
    etree = toolbox("lxml.etree")
    try:
        return docx.Document(str(path))
    except (KeyError, ValueError, OSError, AttributeError, zipfile.BadZipFile, etree.LxmlError,
            toolbox("docx.opc.exceptions").OpcError) as error:  # fmt: skip
        raise Broken(f"the document cannot be opened: {error}") from error


def open_pptx(path: Path) -> Any:
    """A python-pptx presentation. Raises `Broken`."""
    pptx = toolbox("pptx")
    etree = toolbox("lxml.etree")
    try:
        return pptx.Presentation(str(path))
    except (KeyError, ValueError, OSError, AttributeError, zipfile.BadZipFile, etree.LxmlError,
            toolbox("pptx.exc").PythonPptxError) as error:  # fmt: skip
        raise Broken(f"the presentation cannot be opened: {error}") from error


def docx_segments(path: Path, *, everything: bool = False) -> Iterator[Segment]:
    """Paragraphs and table rows in reading order, then headers, footers and footnotes.

    With `everything`, hidden and deleted text and comments come too, said to be so.
    """
    document = open_docx(path)
    levels = _heading_levels(document)
    yield from _story(document.element.body, "body", levels, everything)
    seen: set[str] = set()
    for relation in document.part.rels.values():
        if relation.is_external:
            continue
        name = str(relation.target_part.partname)
        kind = relation.reltype.rsplit("/", 1)[-1]
        part = {"header": "header", "footer": "footer", "footnotes": "notes", "endnotes": "notes"}.get(kind)
        if kind == "comments" and everything:
            part = "comment"
        if part and name not in seen:
            seen.add(name)
            root = toolbox("lxml.etree").fromstring(relation.target_part.blob)
            yield from _story(root, part, {}, everything, prefix=f"{kind}:")


def _heading_levels(document: Any) -> dict[str, int]:
    """Style id -> level: `Title` 1, `Heading n` n, and styles with an outline level or based on one of those."""
    levels: dict[str, int] = {}
    styles = {element.get(f"{W}styleId"): element for element in document.styles.element.iter(f"{W}style")}

    def level(style_id: str | None, depth: int = 0) -> int:
        element = styles.get(style_id)
        if element is None or depth > 10:
            return 0
        name = element.find(f"{W}name")
        title = "" if name is None else (name.get(f"{W}val") or "").lower()
        if title == "title":
            return 1
        if title.startswith("heading ") and title[8:].isdigit():
            return int(title[8:])
        outline = element.find(f"{W}pPr/{W}outlineLvl")
        if outline is not None and (outline.get(f"{W}val") or "9").isdigit():
            value = int(outline.get(f"{W}val") or "9")
            return value + 1 if value < 9 else 0
        based = element.find(f"{W}basedOn")
        return 0 if based is None else level(based.get(f"{W}val"), depth + 1)

    for style_id in styles:
        if style_id and (found := level(style_id)):
            levels[style_id] = found
    return levels


def _story(root: Any, part: str, levels: dict[str, int], everything: bool, prefix: str = "") -> Iterator[Segment]:
    tables = paragraphs = 0
    for element in root.iter(f"{W}p", f"{W}tbl"):
        if _inside(element, root, f"{W}tbl") or _inside(element, root, f"{MC}Fallback"):
            continue
        if _inside(element, root, f"{W}p"):
            continue  # a text box: its text is read with the paragraph that holds it
        if element.tag == f"{W}tbl":
            tables += 1
            yield from _rows(element, f"{prefix}table={tables}", part, everything)
            continue
        paragraphs += 1
        anchor = f"{prefix}paragraph={paragraphs}"
        shown = run_text(element)
        if shown.strip():
            yield Segment(anchor, shown, part, level=_level(element, levels))
        if everything:
            yield from _unseen(element, anchor, part)


def _rows(table: Any, anchor: str, part: str, everything: bool) -> Iterator[Segment]:
    rows = [row for row in table.iter(f"{W}tr") if not _inside(row, table, f"{W}tbl")]
    for number, row in enumerate(rows, start=1):
        cells = [_cell(cell) for cell in row.iterchildren(f"{W}tc")]
        if any(cells):
            yield Segment(f"{anchor},row={number}", " | ".join(cells), part)
        if everything:
            for paragraph in row.iter(f"{W}p"):
                yield from _unseen(paragraph, f"{anchor},row={number}", part)


def _inside(element: Any, root: Any, tag: str) -> bool:
    for ancestor in element.iterancestors():
        if ancestor is root:
            return False
        if ancestor.tag == tag:
            return True
    return False


def _level(paragraph: Any, levels: dict[str, int]) -> int:
    outline = paragraph.find(f"{W}pPr/{W}outlineLvl")
    if outline is not None and (outline.get(f"{W}val") or "").isdigit() and int(outline.get(f"{W}val")) < 9:
        return int(outline.get(f"{W}val")) + 1
    style = paragraph.find(f"{W}pPr/{W}pStyle")
    return 0 if style is None else levels.get(style.get(f"{W}val"), 0)


def _cell(cell: Any) -> str:
    texts = [run_text(paragraph) for paragraph in cell.iter(f"{W}p")]
    return " ".join(" ".join(texts).split())


def _hidden_run(run: Any) -> bool:
    vanish = run.find(f"{W}rPr/{W}vanish")
    return vanish is not None and vanish.get(f"{W}val") not in {"0", "false", "off"}


def run_text(paragraph: Any) -> str:
    """The text that a reader sees of a paragraph: with insertions and text boxes, without deletions."""
    out: list[str] = []

    def walk(element: Any) -> None:
        for child in element:
            tag = child.tag
            if tag in _DELETED or (tag == f"{W}r" and _hidden_run(child)):
                continue
            if tag == f"{W}t":
                out.append(child.text or "")
            elif tag in {f"{W}tab", f"{W}ptab"}:
                out.append("\t")
            elif tag in {f"{W}br", f"{W}cr"}:
                out.append("\n")
            elif tag == f"{W}noBreakHyphen":
                out.append("-")
            elif tag == f"{W}txbxContent":
                out.append(" ")
                walk(child)
                out.append(" ")
            elif tag not in {f"{W}pPr", f"{W}rPr"}:
                walk(child)

    walk(paragraph)
    return "".join(out)


def _unseen(paragraph: Any, anchor: str, part: str) -> Iterator[Segment]:
    for run in paragraph.iter(f"{W}r"):
        text = "".join(node.text or "" for node in run.iter(f"{W}t", f"{W}delText"))
        if not text.strip():
            continue
        if _inside(run, paragraph, f"{W}del") or _inside(run, paragraph, f"{W}moveFrom"):
            yield Segment(anchor, text, part, hidden="deleted (tracked change)")
        elif _hidden_run(run):
            yield Segment(anchor, text, part, hidden="hidden text")
        else:
            colour = run.find(f"{W}rPr/{W}color")
            size = run.find(f"{W}rPr/{W}sz")
            if colour is not None and (colour.get(f"{W}val") or "").upper() in {"FFFFFF", "FEFEFE"}:
                yield Segment(anchor, text, part, suspect="white text")
            elif size is not None and (size.get(f"{W}val") or "99").isdigit() and int(size.get(f"{W}val")) <= 4:
                yield Segment(anchor, text, part, suspect="text of at most 2 points")


def slide_hidden(slide: Any) -> bool:
    """Whether a slide is left out of the show."""
    return slide._element.get("show") in {"0", "false"}


def pptx_segments(path: Path, *, everything: bool = False) -> Iterator[Segment]:
    """The shapes, tables and notes of each slide; hidden slides only with `everything`, said to be so."""
    for number, slide in enumerate(open_pptx(path).slides, start=1):
        hidden = "hidden slide" if slide_hidden(slide) else None
        if hidden and not everything:
            continue
        title = slide.shapes.title
        for shape in _shapes(slide.shapes):
            is_title = title is not None and shape.shape_id == title.shape_id
            for text in _shape_texts(shape):
                if text.strip():
                    yield Segment(f"slide={number}", text, hidden=hidden, level=1 if is_title else 0)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            notes = slide.notes_slide.notes_text_frame.text
            if notes.strip():
                yield Segment(f"slide={number},notes", notes, "notes", hidden=hidden)


def _shapes(shapes: Any) -> Iterator[Any]:
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _shapes(shape.shapes)
        else:
            yield shape


def _shape_texts(shape: Any) -> Iterator[str]:
    if getattr(shape, "has_text_frame", False):
        yield shape.text_frame.text.replace("\v", "\n")
    if getattr(shape, "has_table", False):
        for row in shape.table.rows:
            yield " | ".join(" ".join(cell.text.split()) for cell in row.cells)
    if getattr(shape, "has_chart", False) and shape.chart.has_title and shape.chart.chart_title.has_text_frame:
        yield shape.chart.chart_title.text_frame.text


def odf_root(path: Path) -> Any:
    """The root of an OpenDocument file's content. Raises `Broken`."""
    etree = toolbox("lxml.etree")
    try:
        with zipfile.ZipFile(path) as archive:
            data = archive.read("content.xml")
        return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))
    except (KeyError, OSError, ValueError, RuntimeError, zipfile.BadZipFile, etree.LxmlError) as error:
        raise Broken(f"the document cannot be opened: {error}") from error


def odf_segments(path: Path) -> Iterator[Segment]:
    """Paragraphs, headings and table rows of an OpenDocument text, sheet or presentation."""
    root = odf_root(path)
    paragraphs = rows = 0
    for element in root.iter(f"{ODF_TEXT}p", f"{ODF_TEXT}h", f"{ODF_TABLE}table-row"):
        if element.tag == f"{ODF_TABLE}table-row":
            rows += 1
            cells = [" ".join("".join(cell.itertext()).split()) for cell in element.iter(f"{ODF_TABLE}table-cell")]
            if any(cells):
                yield Segment(f"row={rows}", " | ".join(cells))
        elif not _inside(element, root, f"{ODF_TABLE}table-row"):
            paragraphs += 1
            text = "".join(element.itertext())
            level = element.get(f"{ODF_TEXT}outline-level") or "1"
            if text.strip():
                heading = int(level) if element.tag == f"{ODF_TEXT}h" and level.isdigit() else 0
                yield Segment(f"paragraph={paragraphs}", text, level=heading)
