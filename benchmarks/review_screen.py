"""From a key to what it paints on the grading page, in headless Chromium.

A submission of so many criteria is served on loopback and graded by keys. For each key the page takes the time
from the event (when the browser received the key) until its handlers are done, and until after the next frame has
been painted; the latter holds the wait for that frame, up to 17 ms at 60 Hz.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

from core import Database
from tests.grading.review.browser.served import Served, migrations

CRITERIA = 40
KEYS = ("j", "1", "j", "3", "k", "2", "Escape", "j", "n", "u")
_LISTEN = """
() => {
  window.times = [];
  let now = null;
  addEventListener("keydown", (event) => {
    const mine = { begun: event.timeStamp, handled: 0 };
    const painted = new MessageChannel();
    painted.port1.onmessage = () => window.times.push([mine.handled - mine.begun, performance.now() - mine.begun]);
    requestAnimationFrame(() => painted.port2.postMessage(0));
    now = mine;
  }, { capture: true });
  addEventListener("keydown", () => { now.handled = performance.now(); });
}
"""


def listen(page: Page) -> None:
    """Have the page time its keys from now on."""
    page.evaluate(_LISTEN)


def measure(page: Page, keys: Sequence[str]) -> list[tuple[float, float]]:
    """(handled, painted) of each key, milliseconds."""
    page.evaluate("window.times.length = 0")
    for count, key in enumerate(keys):
        page.keyboard.press(key)
        page.wait_for_function("(count) => window.times.length > count", arg=count, timeout=60_000)
    return [(float(handled), float(painted)) for handled, painted in page.evaluate("window.times")]


def criteria_of(count: int) -> list[tuple[str, str, str]]:
    """So many criteria of each importance, with a text as long as they are."""
    kinds = ("critical", "important", "optional", "pitfall")
    text = "Says for each region what it found, with a figure, its source, and the day on which it was looked up"
    return [(f"c-{n}", kinds[n % 4], f"{text} ({n})") for n in range(count)]


def run(browser: Browser, criteria: int, rounds: int, folder: Path) -> None:
    """Print one table."""
    database = Database(folder / "upbench.db", migrations())
    served = Served(folder, database)
    served.start()
    alias = served.publish(criteria=criteria_of(criteria))
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(60_000)
    served.sign_in(page)
    page.goto(f"{served.app}/review/{alias}")
    page.wait_for_selector(".card[aria-current]")
    page.wait_for_load_state("networkidle")
    listen(page)
    times = measure(page, KEYS * rounds)
    print(f"{len(times)} keys, {criteria} criteria; load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores")
    print("| | median ms | 95 % below |\n|---|---:|---:|")
    for name, column in (("handlers done", 0), ("painted", 1)):
        values = [row[column] for row in times]
        print(f"| {name} | {median(values):.1f} | {quantiles(values, n=20)[-1]:.1f} |")
    served.stop()
    database.close()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--criteria", type=int, default=CRITERIA)
    parser.add_argument("--rounds", type=int, default=10)
    chosen = parser.parse_args()
    path = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    if path is None:
        raise SystemExit("chromium is not on the PATH")
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        run(browser, chosen.criteria, chosen.rounds, Path(folder))
        browser.close()


if __name__ == "__main__":
    main()
