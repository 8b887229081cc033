"""The pages of a PDF as images in two widths, with their words and where they stand."""

from __future__ import annotations

import ctypes
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .isolate import Died, answers
from .outcome import Broken, clip, toolbox
from .texts import open_pdf

MAX_PAGES = 500
PAGE_SECONDS = 60.0
# A page that kills its child is left out; after so many the rest is.
MAX_DEATHS = 5
WIDTH, SMALL_WIDTH = 1400, 220
MAX_HEIGHT = 4000
QUALITY = 80
MAX_WORDS = 20_000
MAX_CHARS = 200_000


def write_pages(pdf: Path, out: Path, until: float) -> tuple[list[dict[str, Any]], list[str]]:
    """Draw the pages of `pdf` below `out`; what was drawn, and what was not and why."""
    pages: list[dict[str, Any]] = []
    notes: list[str] = []
    total, number, deaths = None, 1, 0
    while total is None or number <= min(total, MAX_PAGES):
        for answer in answers(_work(pdf, out, number), PAGE_SECONDS, until):
            if isinstance(answer, Died):
                deaths += 1
                notes.append(f"page {number} could not be drawn: {answer.why}")
                break
            if "total" in answer:
                total = int(answer["total"])
                continue
            if "problem" in answer:
                notes.append(f"page {number} could not be drawn: {answer['problem']}")
            else:
                pages.append(answer)
            number += 1
        else:
            break
        number += 1
        if total is None or deaths >= MAX_DEATHS or time.monotonic() >= until:
            break
    if total is not None and len(pages) < total:
        notes.append(f"{len(pages)} of its {total} pages are shown")
    return pages, notes[:20]


def _work(pdf: Path, out: Path, first: int) -> Callable[[], Iterator[dict[str, Any]]]:
    def work() -> Iterator[dict[str, Any]]:
        pdfium = toolbox("pypdfium2")
        try:
            document = open_pdf(pdf)
        except Broken as error:
            yield {"total": 0, "problem": clip(error)}
            return
        _fill_in_forms(document, pdfium)
        yield {"total": len(document)}
        for number in range(first, min(len(document), MAX_PAGES) + 1):
            try:
                yield _draw(document, number, out)
            except (pdfium.PdfiumError, ValueError, OSError, MemoryError) as error:
                yield {"problem": clip(f"{type(error).__name__}: {error}", 200)}

    return work


def _fill_in_forms(document: Any, pdfium: Any) -> None:
    """What stands in form fields is drawn only so. No script runs: this library has no engine for them."""
    try:
        document.init_forms()
    except pdfium.PdfiumError:
        return


def _draw(document: Any, number: int, out: Path) -> dict[str, Any]:
    page = document[number - 1]
    try:
        wide, high = page.get_size()
        if not (wide > 0 and high > 0):
            raise ValueError("the page has no size")
        scale = min(WIDTH / wide, MAX_HEIGHT / high)
        image = page.render(scale=scale).to_pil()
        return write_page(out, number, f"Page {number}", image, _words(page))
    finally:
        page.close()


def write_page(out: Path, number: int, label: str, image: Any, words: list[list[Any]]) -> dict[str, Any]:
    """Write a picture of Pillow's in two widths, and its words, below `out`; what is told of the page."""
    image = image.convert("RGB")
    name = f"page-{number:04d}"
    image.save(out / f"{name}.webp", "WEBP", quality=QUALITY, method=2)
    small = image.reduce(3) if image.width >= SMALL_WIDTH * 4 else image.copy()
    small.thumbnail((SMALL_WIDTH, SMALL_WIDTH * 2))
    small.save(out / f"{name}.small.webp", "WEBP", quality=70, method=2)
    (out / f"{name}.json").write_text(json.dumps(words, ensure_ascii=False), encoding="utf-8")
    drawn = {"number": number, "width": image.width, "height": image.height, "label": label}
    return drawn | {"image": f"{name}.webp", "small": f"{name}.small.webp", "words": f"{name}.json"}


def _words(page: Any) -> list[list[Any]]:
    """[x, y, width, height, word] in reading order, in parts of the page's size as it is drawn."""
    raw = toolbox("pypdfium2.raw")
    text = page.get_textpage()
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    found: list[list[Any]] = []
    word, box = "", (0.0, 0.0, 0.0, 0.0)
    for index in range(min(text.count_chars(), MAX_CHARS)):
        code = raw.FPDFText_GetUnicode(text.raw, index)
        char = chr(code) if 32 < code < 0x110000 and not 0xD800 <= code < 0xE000 else " "
        if char.isspace() or not char.isprintable():
            if word:
                found.append([*_placed(page, raw, box), word])
            word = ""
            if len(found) >= MAX_WORDS:
                break
            continue
        raw.FPDFText_GetCharBox(text.raw, index, left, right, bottom, top)
        if not word:
            box = left.value, bottom.value, right.value, top.value
        word = (word + char)[:500]
        box = min(box[0], left.value), min(box[1], bottom.value), max(box[2], right.value), max(box[3], top.value)
    if word and len(found) < MAX_WORDS:
        found.append([*_placed(page, raw, box), word])
    text.close()
    return found


GRID = 100_000


def _placed(page: Any, raw: Any, box: tuple[float, float, float, float]) -> list[float]:
    """A box in points of the page as [x, y, width, height] of what is drawn, turned and cropped as that is."""
    across, down = ctypes.c_int(), ctypes.c_int()
    corners = []
    for at in ((box[0], box[1]), (box[2], box[3])):
        raw.FPDF_PageToDevice(page.raw, 0, 0, GRID, GRID, 0, *at, across, down)
        corners.append((across.value / GRID, down.value / GRID))
    xs, ys = zip(*corners, strict=True)
    x, y = (min(1.0, max(0.0, value)) for value in (min(xs), min(ys)))
    wide, high = (min(1.0, max(0.0, value)) for value in (max(xs) - x, max(ys) - y))
    return [round(value, 4) for value in (x, y, wide, high)]
