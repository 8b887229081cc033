"""What rendering costs, and how quickly what is rendered is shown.

Prints seconds a page of a document of many pages, and the time in which the server answers a request for a page
image, for the words of a page and for a window of a large sheet. Times are medians; the shares are of the second
that a person would call waiting.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from starlette.testclient import TestClient

from core import Blobs, Database, Deliverable
from grading import RENDER_MIGRATIONS, Rendered, Renderer, Secrets, Shelf, create_content_app
from grading.render.windows import sheet_window, words_of
from grading.review.content import signed_image
from sandbox import provider

PAGES, ROWS, TIMES = 60, 100_000, 40
AT = "http://localhost:9"


def pdf(pages: int) -> bytes:
    """A document of so many pages, each with forty lines."""
    from tests.grading.render.made import pdf as made

    return made(*(f"Page {number} of a document of many pages" for number in range(1, pages + 1)))


async def rendered(shelf: Shelf, folder: Path, path: str, data: bytes) -> tuple[Rendered, float]:
    """The file's rendering, and the seconds that it took."""
    file = Deliverable(path=path, size=len(data), media_type="application/pdf", sha256=shelf.blobs.put_bytes(data))
    renderer = Renderer(provider("bwrap", folder / "state"), shelf, scratch=folder)
    began = time.perf_counter()
    found = await renderer.rendering_of(file)
    return found, time.perf_counter() - began


def median(what: Callable[[], object]) -> float:
    """Milliseconds of a call."""
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        what()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def main() -> None:
    """Print the figures."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        shelf = Shelf(Database(folder / "records.db", RENDER_MIGRATIONS), Blobs(folder / "blobs"))
        document, seconds = asyncio.run(rendered(shelf, folder, "document.pdf", pdf(PAGES)))
        print(f"a document of {PAGES} pages: {seconds:.1f} s, {seconds / PAGES * 1000:.0f} ms a page")
        rows = "Id,Name,Amount\n" + "".join(f"{n},Name {n},{n / 2}\n" for n in range(1, ROWS))
        table, seconds = asyncio.run(rendered(shelf, folder, "table.csv", rows.encode()))
        print(f"a table of {ROWS} rows: {seconds:.1f} s")
        secrets = Secrets(b"s" * 32, b"c" * 32)
        app = create_content_app(shelf.blobs, secrets, app_origin="http://127.0.0.1:9", content_origin=AT)
        path = signed_image(secrets, document.pages[0].image)
        with TestClient(app, base_url=AT) as client:
            shown = {
                "a page image, with its request": median(lambda: client.get(path)),
                "the words of a page": median(lambda: words_of(shelf.blobs, document.pages[0])),
                "a window of 200 x 50 cells": median(
                    lambda: sheet_window(shelf.blobs, table.sheets[0], ROWS // 2, 0, 200, 50)
                ),
            }
        for what, took in shown.items():
            print(f"{what}: {took:.1f} ms ({took / 300:.0%} of the 300 ms that it may take)")


if __name__ == "__main__":
    main()
