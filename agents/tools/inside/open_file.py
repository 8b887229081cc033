"""Opens a file as what its name says. Request: {"path": ...}. Ends with exit code 0 when it opens."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from importlib import import_module


def fail(why: str) -> None:
    """End with a reason for the model."""
    print(why, file=sys.stderr)
    raise SystemExit(3)


def text(path: str) -> str:
    """The file as UTF-8."""
    with open(path, encoding="utf-8-sig") as stream:
        return stream.read()


def workbook(path: str) -> None:
    """Opens, and some cell of some sheet is filled."""
    book = import_module("openpyxl").load_workbook(path, read_only=True)
    rows = (row for sheet in book.worksheets for row in sheet.iter_rows(values_only=True))
    if not any(value is not None for row in rows for value in row):
        fail("the workbook has no filled cell")


def pdf(path: str) -> None:
    """Opens and has a page."""
    if len(import_module("pypdfium2").PdfDocument(path)) == 0:
        fail("the PDF has no page")


def slides(path: str) -> None:
    """Opens and has a slide."""
    if not len(import_module("pptx").Presentation(path).slides):
        fail("the presentation has no slide")


def image(path: str) -> None:
    """Decodes to its last row."""
    with import_module("PIL.Image").open(path) as found:
        found.load()


def archive(path: str) -> None:
    """Every entry has the bytes that its checksum promises."""
    with zipfile.ZipFile(path) as found:
        if bad := found.testzip():
            fail(f"the entry {bad} is damaged")


def main() -> None:
    """Answer the request."""
    path = json.load(sys.stdin)["path"]
    kind = os.path.splitext(path)[1].lower()
    if kind in (".xlsx", ".xlsm"):
        workbook(path)
    elif kind == ".docx":
        import_module("docx").Document(path)
    elif kind == ".pptx":
        slides(path)
    elif kind == ".pdf":
        pdf(path)
    elif kind in (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"):
        image(path)
    elif kind in (".odt", ".ods", ".odp"):
        import_module("odf.opendocument").load(path)
    elif kind == ".dxf":
        import_module("ezdxf").readfile(path)
    elif kind == ".zip":
        archive(path)
    elif kind in (".json", ".ipynb"):
        json.loads(text(path))
    elif kind in (".svg", ".xml"):
        etree = import_module("lxml.etree")
        etree.parse(path, etree.XMLParser(resolve_entities=False))
    elif kind in (".csv", ".tsv", ".txt", ".md", ".html", ".htm", ".py", ".css", ".js") and not text(path).strip():
        fail("there is nothing but blanks in it")


if __name__ == "__main__":
    main()
