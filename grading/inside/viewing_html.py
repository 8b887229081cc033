"""A web page as it looks on a desktop and on a phone: its scripts run, in a sandbox without a network.

Only pictures of it, and its words where they stand, leave the sandbox.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .isolate import Died, answers
from .outcome import clip, toolbox
from .viewing_browser import FAILURES, Browser, chromium
from .viewing_pages import MAX_WORDS, write_page

LOAD_SECONDS = 10.0
SHOT_SECONDS = 90.0
ENCODE_SECONDS = 60.0
MAX_WIDTH = 4000
"""A page that is wider is cut off there."""


@dataclass(frozen=True)
class Look:
    """A screen: CSS pixels, pixels of the picture for each, how much of a page one picture holds, and how many."""

    name: str
    width: int
    height: int
    scale: int
    cut: int
    most: int
    mobile: bool


DESKTOP = Look("Desktop", 1280, 800, 1, 1600, 12, mobile=False)
PHONE = Look("Phone", 390, 844, 2, 1200, 8, mobile=True)


@dataclass(frozen=True)
class _Shot:
    label: str
    picture: bytes
    words: list[list[Any]]


@dataclass
class _Found:
    shots: list[_Shot] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    failed: str = ""


def write_shots(file: Path, out: Path, until: float) -> tuple[list[dict[str, Any]], list[str], dict[str, Any]]:
    """Pictures of a page below `out`, on both screens; what was drawn, what not and why, and what it tells."""
    until = min(until, time.monotonic() + SHOT_SECONDS)
    found = _shots(file, until, scripts=True)
    if found.failed and chromium():
        still = _shots(file, until, scripts=False)
        if not still.failed:
            still.notes.insert(
                0, f"shown as it is without its scripts, with which there is no picture: {found.failed}"
            )
            found = still
    if found.failed:
        found.notes.append(f"not all of its pictures could be made: {found.failed}")
    pages, more = _written(found.shots, out, until)
    return pages, [*dict.fromkeys([*found.notes, *more])], found.facts


def _shots(file: Path, until: float, *, scripts: bool) -> _Found:
    found = _Found()
    try:
        with Browser(until) as browser:
            browser.call("Emulation.setScriptExecutionDisabled", value=not scripts)
            for look in (DESKTOP, PHONE):
                shots, notes = _look(browser, file, look, found.facts)
                found.shots += shots
                found.notes += notes
    except FAILURES as failed:
        found.failed = clip(failed, 200) or "the browser failed"
    return found


def _look(browser: Browser, file: Path, look: Look, facts: dict[str, Any]) -> tuple[list[_Shot], list[str]]:
    notes = []
    screen = {"width": look.width, "height": look.height, "deviceScaleFactor": look.scale, "mobile": look.mobile}
    browser.call("Emulation.setDeviceMetricsOverride", **screen)
    if not browser.load(f"file://{file}", LOAD_SECONDS):
        notes.append(f"it went on loading for {LOAD_SECONDS:.0f} s: its pictures show what was there by then")
    for name, event in (("script_errors", "Runtime.exceptionThrown"), ("not_loaded", "Network.loadingFailed")):
        if count := browser.events[event]:
            facts[name] = max(count, facts.get(name, 0))
    if facts.get("not_loaded"):
        notes.append("its pictures are of this file alone, without what it asks for beside it or elsewhere")
    size = browser.call("Page.getLayoutMetrics")["cssContentSize"]
    wide, high = (max(1.0, float(size[name])) for name in ("width", "height"))
    wide = min(max(wide, look.width), MAX_WIDTH)
    # A phone shows the whole width of a page that was not made for it, small.
    scale = look.width / wide
    step = look.cut / scale
    count = math.ceil(high / step)
    if count > look.most:
        notes.append(f"the first {look.most} of {count} screens ({look.name})")
    boxes = _boxes(browser)
    shots = []
    for index in range(min(count, look.most)):
        top = index * step
        part = min(step, high - top)
        cut = {"x": 0, "y": top, "width": wide, "height": part, "scale": scale}
        picture = browser.taken("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=cut)
        label = look.name if count == 1 else f"{look.name} {index + 1}"
        shots.append(_Shot(label, picture, list(_words(boxes, top, wide, part))))
    return shots, notes


def _boxes(browser: Browser) -> list[tuple[str, list[float]]]:
    """Lines of text as they are laid out, with (x, y, width, height) in CSS pixels."""
    try:
        said = browser.call("DOMSnapshot.captureSnapshot", computedStyles=[])
        strings, page = said["strings"], said["documents"][0]
        texts, lines = page["layout"]["text"], page["textBoxes"]
        found = []
        placed = zip(lines["layoutIndex"], lines["bounds"], lines["start"], lines["length"], strict=True)
        for index, bounds, start, length in placed:
            text = strings[texts[index]] if texts[index] >= 0 else ""
            # Offsets count UTF-16 units.
            units = text.encode("utf-16-le", "surrogatepass")[2 * start : 2 * (start + length)]
            found.append((units.decode("utf-16-le", "replace"), [float(side) for side in bounds]))
        return found
    except FAILURES:
        return []  # a picture without its words is still one


def _words(boxes: list[tuple[str, list[float]]], top: float, wide: float, high: float) -> Iterator[list[Any]]:
    """[x, y, width, height, word] of what stands in a part of the page, in parts of that.

    A word's share of its line is that of its letters.
    """
    count = 0
    for text, (x, y, width, height) in boxes:
        if not top <= y + height / 2 < top + high or not text:
            continue
        at = 0
        for word in text.split():
            at = text.index(word, at)
            box = (
                (x + width * at / len(text)) / wide,
                (y - top) / high,
                width * len(word) / len(text) / wide,
                height / high,
            )
            at += len(word)
            if 0 <= box[0] < 1 and word.isprintable() and count < MAX_WORDS:
                count += 1
                left, upper = box[0], max(0.0, box[1])
                yield [
                    *(round(side, 4) for side in (left, upper, min(box[2], 1 - left), min(box[3], 1 - upper))),
                    word[:500],
                ]


def _written(shots: list[_Shot], out: Path, until: float) -> tuple[list[dict[str, Any]], list[str]]:
    def work() -> Iterator[dict[str, Any]]:
        pillow = toolbox("PIL.Image")
        for number, shot in enumerate(shots, start=1):
            image = pillow.open(io.BytesIO(shot.picture), formats=["PNG"])
            yield write_page(out, number, shot.label, image, shot.words)

    pages: list[dict[str, Any]] = []
    for answer in answers(work, ENCODE_SECONDS, until + ENCODE_SECONDS):
        if isinstance(answer, Died):
            return pages, [f"not all of its pictures could be kept: {answer.why}"]
        pages.append(answer)
    return pages, []
