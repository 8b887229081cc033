"""Writes a docx, pdf, xlsx or csv file. Request: the tool's arguments and {"kind": ..., "path": absolute}."""

from __future__ import annotations

import csv
import html
import json
import os
import re
import sys
from importlib import import_module
from typing import Any

HEADING = re.compile(r"(#{1,3}) +(.*)", re.DOTALL)


def table_of(text: str) -> list[list[str]] | None:
    """The cells of a paragraph whose every line begins with a bar; None when it is no table."""
    lines = [line.strip() for line in text.strip().splitlines()]
    if not lines or not all(line.startswith("|") for line in lines):
        return None
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rows = [row for row in rows if not all(re.fullmatch(r":?-{2,}:?", cell) for cell in row)]
    width = max((len(row) for row in rows), default=0)
    return [row + [""] * (width - len(row)) for row in rows] if rows else None


def docx(request: dict[str, Any]) -> None:
    """A Word document in the default styles."""
    document = import_module("docx").Document()
    if request.get("title"):
        document.add_heading(request["title"], 0)
    for text in request["paragraphs"]:
        if rows := table_of(text):
            table = document.add_table(rows=len(rows), cols=len(rows[0]), style="Table Grid")
            for cells, row in zip(table.rows, rows, strict=True):
                for cell, value in zip(cells.cells, row, strict=True):
                    cell.text = value
        elif match := HEADING.fullmatch(text):
            document.add_heading(match[2], len(match[1]))
        elif text.startswith("- "):
            document.add_paragraph(text[2:], style="List Bullet")
        else:
            document.add_paragraph(text)
    document.save(request["path"])


def pdf(request: dict[str, Any]) -> None:
    """A4 pages of flowing text, in a font of the sandbox that has more than Latin letters if there is one."""
    platypus = import_module("reportlab.platypus")
    styles = import_module("reportlab.lib.styles").getSampleStyleSheet()
    font = unicode_font()
    for style in styles.byName.values():
        if font and hasattr(style, "fontName"):
            style.fontName = font
    flow: list[Any] = []

    def add(text: str, style: str) -> None:
        flow.append(platypus.Paragraph(html.escape(text, quote=False).replace("\n", "<br/>"), styles[style]))
        flow.append(platypus.Spacer(1, 6))

    if request.get("title"):
        add(request["title"], "Title")
    for text in request["paragraphs"]:
        if rows := table_of(text):
            cells = [
                [platypus.Paragraph(html.escape(c, quote=False), styles["BodyText"]) for c in r] for r in rows
            ]
            grid = [("GRID", (0, 0), (-1, -1), 0.5, "#888888"), ("VALIGN", (0, 0), (-1, -1), "TOP")]
            flow += [platypus.Table(cells, style=grid, repeatRows=1), platypus.Spacer(1, 6)]
        elif match := HEADING.fullmatch(text):
            add(match[2], f"Heading{len(match[1])}")
        elif text.startswith("- "):
            add("\u2022 " + text[2:], "BodyText")
        else:
            add(text, "BodyText")
    title = request.get("title") or os.path.basename(request["path"])
    platypus.SimpleDocTemplate(request["path"], title=title).build(flow or [platypus.Spacer(1, 1)])


def unicode_font() -> str | None:
    """DejaVu Sans, which comes with matplotlib; None when it is not there."""
    try:
        folder = import_module("matplotlib").get_data_path()
        fonts, metrics = import_module("reportlab.pdfbase.ttfonts"), import_module("reportlab.pdfbase.pdfmetrics")
        metrics.registerFont(fonts.TTFont("DejaVuSans", os.path.join(folder, "fonts/ttf/DejaVuSans.ttf")))
    except (ImportError, OSError):
        return None
    return "DejaVuSans"


def xlsx(request: dict[str, Any]) -> None:
    """A workbook; the first row of each sheet stays in view."""
    book = import_module("openpyxl").Workbook()
    book.remove(book.active)
    for sheet in request["sheets"]:
        page = book.create_sheet(sheet["name"])
        for row in sheet["rows"]:
            page.append(row)
        page.freeze_panes = "A2"
        for column in page.columns:
            longest = max(len(str(cell.value)) if cell.value is not None else 0 for cell in column)
            page.column_dimensions[column[0].column_letter].width = min(max(longest + 2, 9), 60)
    book.save(request["path"])


def table(request: dict[str, Any]) -> None:
    """A CSV file in UTF-8."""
    with open(request["path"], "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(request["rows"])


def main() -> None:
    """Answer the request."""
    request = json.load(sys.stdin)
    os.makedirs(os.path.dirname(request["path"]), exist_ok=True)
    {"docx": docx, "pdf": pdf, "xlsx": xlsx, "csv": table}[request["kind"]](request)


if __name__ == "__main__":
    main()
