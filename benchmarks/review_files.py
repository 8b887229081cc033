"""From a key to what it shows in a large document and a large sheet on the grading page, in headless Chromium.

A document of 200 pages and a table of 100,000 rows are rendered once, in a sandbox, and served here. For a page
the time is from the key until its picture is decoded and the next frame painted, over pages that were never there
before; for the sheet, and for verdicts given while both are in sight, until after the frame that follows the key
(as in `review_screen`). Each holds the wait for that frame, up to 17 ms.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.rendering import ROWS, pdf
from benchmarks.review_screen import CRITERIA, KEYS, criteria_of, listen, measure
from core import Blobs, Database, Deliverable
from grading import RENDER_MIGRATIONS, Renderer, Shelf
from sandbox import provider
from tests.grading.review.browser.served import Files, Served, migrations

PAGES, TIMES = 200, 40
_LISTEN = """
() => {
  window.shown = [];
  addEventListener("keydown", (event) => {
    requestAnimationFrame(async () => {
      const top = document.querySelector(".v-pages .v-body")?.getBoundingClientRect().top;
      const pictures = [...document.querySelectorAll(".v-page img")];
      const seen = pictures.find((one) => one.getBoundingClientRect().bottom > top + 20);
      await seen?.decode().catch(() => {});
      requestAnimationFrame(() => {
        const painted = new MessageChannel();
        painted.port1.onmessage = () => window.shown.push(performance.now() - event.timeStamp);
        painted.port2.postMessage(0);
      });
    });
  }, { capture: true });
}
"""


def pictures(page: Page, pressed: list[str]) -> list[float]:
    """Milliseconds of each key until the page of a document that it leads to is seen."""
    page.evaluate("window.shown.length = 0")
    for count, key in enumerate(pressed):
        page.keyboard.press(key)
        page.wait_for_function("(count) => window.shown.length > count", arg=count, timeout=60_000)
    return [float(took) for took in page.evaluate("window.shown")]


def painted(page: Page, pressed: Sequence[str]) -> list[float]:
    """Milliseconds of each key until the next frame."""
    return [took for _, took in measure(page, pressed)]


def render(folder: Path, files: Files) -> Shelf:
    """Have the files rendered."""
    shelf = Shelf(Database(folder / "shelf.db", RENDER_MIGRATIONS), Blobs(folder / "blobs"))

    async def all_of_them() -> None:
        renderer = Renderer(provider("bwrap", folder / "state"), shelf, scratch=folder)
        for path, (data, media_type) in files.items():
            sha256 = shelf.blobs.put_bytes(data)
            file = Deliverable(path=path, size=len(data), media_type=media_type, sha256=sha256)
            found = await renderer.rendering_of(file)
            assert found.pages or found.sheets, found.problem
        await renderer.close()

    asyncio.run(all_of_them())
    return shelf


def jumps(page: Page) -> list[float]:
    """Pages far from each other, by their number."""
    took = []
    for at in range(TIMES):
        page.locator(".v-number").fill(str(1 + (at * 67 + 31) % PAGES))
        took += pictures(page, ["Enter"])
    return took


def run(browser: Browser, served: Served, alias: str) -> None:
    """Print one table."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(60_000)
    served.sign_in(page)
    page.goto(f"{served.app}/review/{alias}")
    page.wait_for_selector("[data-page='1'] img")
    page.evaluate(_LISTEN)
    listen(page)
    found = {
        "the next page of 200, until it is seen": pictures(page, ["]"] * TIMES),
        "a page far away, not there before": jumps(page),
    }
    page.locator(".pane[data-pane=a] [data-do=split]").click()
    page.locator(".pane[data-pane=b] [data-tab=deliverables]").click()
    page.locator(".pane[data-pane=b] .file-row").nth(1).click()
    page.locator("[role=grid]").focus()
    page.wait_for_function("document.querySelector('.v-active')?.textContent === 'Id'")
    found |= {
        "100,000 rows: the next row": painted(page, ["ArrowDown"] * TIMES),
        "the next screen of them": painted(page, ["PageDown"] * TIMES),
        "the last, and back to the first": painted(page, ["Control+End", "Control+Home"] * (TIMES // 2)),
    }
    page.locator(".card").first.click()
    found["a verdict or another criterion, both files in sight"] = painted(page, KEYS * (TIMES // len(KEYS)))
    print(f"load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores; {TIMES} keys each")
    print("| | median ms | 95 % below |\n|---|---:|---:|")
    for what, took in found.items():
        print(f"| {what} | {median(took):.1f} | {quantiles(took, n=20)[-1]:.1f} |")


def main() -> None:
    """Print the figures."""
    path = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    if path is None:
        raise SystemExit("chromium is not on the PATH")
    table = "Id,Name,Amount\n" + "".join(f"{n},Name {n},{n / 2}\n" for n in range(1, ROWS))
    files = {"1.pdf": (pdf(PAGES), "application/pdf"), "2.csv": (table.encode(), "text/csv")}
    with TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        with ThreadPoolExecutor(1) as aside:  # this thread has the browser's loop
            shelf = aside.submit(render, folder, files).result()
        database = Database(folder / "upbench.db", migrations())
        served = Served(folder, database, render=Renderer(None, shelf, scratch=folder))
        served.start()
        alias = served.publish(deliverables=files, criteria=criteria_of(CRITERIA))
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        run(browser, served, alias)
        browser.close()
        served.stop()
        database.close()


if __name__ == "__main__":
    main()
