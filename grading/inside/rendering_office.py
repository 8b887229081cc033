"""Text and facts of docx, xlsx and pptx, with what a reader does not see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .files import guard
from .office import MC, W, docx_segments, open_docx, open_pptx, pptx_segments, slide_hidden
from .outcome import clip, toolbox
from .segments import Segment
from .tables import blank
from .values import Unknown, shown
from .workbooks import Book, formula_text, is_error

MAX_CELLS = 60_000
OFF = "stands off the slide"
_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"


def properties(core: Any) -> dict[str, str]:
    """The document's own metadata, as far as it is filled."""
    names = ("title", "author", "last_modified_by", "subject", "keywords", "comments", "description", "creator")
    return {name: clip(value, 200) for name in names if (value := getattr(core, name, None))}


def document(path: Path) -> tuple[list[Segment], dict[str, Any]]:
    """A docx."""
    guard(path)
    opened = open_docx(path)
    body = opened.element.body
    segments = list(docx_segments(path, everything=True))
    visible = [segment for segment in segments if not segment.hidden and not segment.suspect]
    alternatives = [element.get("descr") for element in body.iter() if element.get("descr")]
    facts = {
        "words": sum(len(segment.text.split()) for segment in visible if segment.part == "body"),
        "paragraphs": sum(1 for segment in visible if segment.anchor.startswith("paragraph=")),
        "tables": len(opened.tables),
        "headings": [clip(segment.text, 120) for segment in visible if segment.level][:60],
        "images": sum(1 for _ in body.iter(f"{_DRAWING}blip")),
        "comments": sum(1 for segment in segments if segment.part == "comment"),
        "insertions": sum(1 for _ in body.iter(f"{W}ins")),
        "deletions": sum(1 for _ in body.iter(f"{W}del")),
        "text_boxes": sum(1 for box in body.iter(f"{W}txbxContent") if not _fallback(box)),
        "properties": properties(opened.core_properties),
    }
    segments += [Segment("alternative text", text, "comment") for text in alternatives[:40] if text]
    return segments, facts


def _fallback(element: Any) -> bool:
    return any(ancestor.tag == f"{MC}Fallback" for ancestor in element.iterancestors())


def workbook(book: Book) -> tuple[list[Segment], dict[str, Any]]:
    """An xlsx: a segment a row, each cell with its address, its value and (in braces) its formula."""
    segments: list[Segment] = []
    sheets: list[dict[str, Any]] = []
    errors: list[str] = []
    cells = 0
    for sheet in book.values.worksheets:
        about, rows, wrong = _sheet(book, sheet, max(0, MAX_CELLS - cells))
        cells += int(about["cells"])
        segments += rows
        errors += wrong
        sheets.append(about)
    facts: dict[str, Any] = {
        "sheets": sheets,
        "formulas": sum(int(about["formulas"]) for about in sheets),
        "properties": properties(book.formulas.properties),
    }
    if errors:
        facts["errors"] = errors[:40]
    if book.unknown:
        facts["not_recalculated"] = [clip(why, 160) for why in list(book.unknown.values())[:20]]
    if cells > MAX_CELLS:
        facts["rows_left_out"] = True
    return segments, facts


def _sheet(book: Book, sheet: Any, room: int) -> tuple[dict[str, Any], list[Segment], list[str]]:
    with_formulas = book.formulas[sheet.title]._cells
    state = None if sheet.sheet_state == "visible" else "hidden sheet"
    rows: dict[int, list[tuple[str, str]]] = {}
    errors: list[str] = []
    comments: list[Segment] = []
    suspects: list[Segment] = []
    count = formulas = widest = 0
    for (row, column), cell in sorted(sheet._cells.items()):
        source = with_formulas.get((row, column))
        formula = formula_text(source) if source is not None and source.data_type == "f" else ""
        why = book.unknown.get((sheet.title, row, column))
        value = Unknown(why) if why else cell.value
        if source is not None and source.comment is not None:
            comments.append(Segment(f"{sheet.title}!{cell.coordinate},comment", source.comment.text, "comment"))
        if blank(value) and not formula:
            continue
        count, formulas, widest = count + 1, formulas + bool(formula), max(widest, column)
        if source is not None and _white(source):
            suspects.append(Segment(f"{sheet.title}!{cell.coordinate}", shown_or(value), suspect="white text"))
        if is_error(value):
            errors.append(f"{sheet.title}!{cell.coordinate} {value}")
        if count <= room:
            text = shown_or(value)
            rows.setdefault(row, []).append((cell.coordinate, f"{text} {{{formula}}}" if formula else text))
    hidden_rows = {row for row, dimension in sheet.row_dimensions.items() if dimension.hidden}
    segments = list(_rows(sheet.title, rows, state, hidden_rows)) + comments + suspects[:100]
    hidden_columns = [name for name, dimension in sheet.column_dimensions.items() if dimension.hidden]
    about: dict[str, Any] = {"name": sheet.title, "cells": count, "formulas": formulas, "columns": widest}
    about |= {"rows": max(rows, default=0), "state": sheet.sheet_state}
    if hidden_rows:
        about["hidden_rows"] = len(hidden_rows)
    if hidden_columns:
        about["hidden_columns"] = hidden_columns[:20]
    return about, segments, errors


def shown_or(value: Any) -> str:
    """A cell's value as text, also where it could not be worked out."""
    return "(value unknown)" if isinstance(value, Unknown) else shown(value)


def _white(cell: Any) -> bool:
    colour = cell.font.color if cell.has_style and cell.font else None
    rgb = colour.rgb if colour is not None and colour.type == "rgb" else None
    return rgb in {"FFFFFFFF", "00FFFFFF"} and cell.fill.fill_type is None


def _rows(
    title: str, rows: dict[int, list[tuple[str, str]]], state: str | None, hidden: set[int]
) -> Iterator[Segment]:
    for row, cells in rows.items():
        why = state or ("hidden row" if row in hidden else None)
        yield Segment(f"{title}!{cells[0][0]}", " | ".join(f"{at}: {text}" for at, text in cells), hidden=why)


def presentation(path: Path) -> tuple[list[Segment], dict[str, Any]]:
    """A pptx: slides, notes, hidden slides, and shapes that stand off their slide."""
    guard(path)
    opened = open_pptx(path)
    slides = list(opened.slides)
    segments = list(pptx_segments(path, everything=True))
    pictures = charts = 0
    for number, slide in enumerate(slides, start=1):
        for shape in slide.shapes:
            pictures += shape.shape_type == toolbox("pptx.enum.shapes").MSO_SHAPE_TYPE.PICTURE
            charts += bool(getattr(shape, "has_chart", False))
            if _off(shape, opened) and getattr(shape, "has_text_frame", False) and shape.text_frame.text.strip():
                segments.append(Segment(f"slide={number}", shape.text_frame.text, hidden=OFF))
            alternative = shape._element.xpath(".//p:cNvPr/@descr")
            segments += [
                Segment(f"slide={number},alternative text", text, "comment") for text in alternative if text
            ]
    facts = {
        "slides": len(slides),
        "hidden_slides": [number for number, slide in enumerate(slides, start=1) if slide_hidden(slide)],
        "titles": [clip(segment.text, 120) for segment in segments if segment.level and not segment.hidden][:60],
        "slides_with_notes": sum(1 for segment in segments if segment.part == "notes"),
        "pictures": pictures,
        "charts": charts,
        "words": sum(len(one.text.split()) for one in segments if one.part == "body" and not one.hidden),
        "properties": properties(opened.core_properties),
    }
    return segments, facts


def _off(shape: Any, deck: Any) -> bool:
    if shape.left is None or shape.top is None or shape.width is None or shape.height is None:
        return False
    beyond = shape.left >= deck.slide_width or shape.top >= deck.slide_height
    return bool(beyond or shape.left + shape.width <= 0 or shape.top + shape.height <= 0)
