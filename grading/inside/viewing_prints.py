"""Markdown and notebooks as they look to whoever reads them: made into a page of ours, and printed by Chromium.

No script runs in it and nothing is loaded: what such a file says in HTML of its own is at most looked at.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .files import read_text, suffix
from .isolate import Died, answers
from .outcome import Broken, clip, toolbox
from .viewing_browser import FAILURES, Browser

MARKDOWN = {".md", ".markdown"}
NOTEBOOKS = {".ipynb"}
PRINTED = MARKDOWN | NOTEBOOKS
PRINT_SECONDS, PARSE_SECONDS = 90.0, 60.0
MAX_CHARS, MAX_PICTURE, MAX_PART = 2_000_000, 8 << 20, 3 << 20
PICTURES = {"image/png", "image/jpeg", "image/gif"}
_SPOKEN_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_HEAD = """<!doctype html><html><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<style>
body { font: 11pt/1.5 "Liberation Sans", "DejaVu Sans", sans-serif; color: #111; overflow-wrap: anywhere; }
pre, code { font-family: "Liberation Mono", "DejaVu Sans Mono", monospace; font-size: 9.5pt; }
pre { background: #f4f4f4; padding: 8px; white-space: pre-wrap; }
.out { background: #fff; border-left: 3px solid #ccc; }
.bad { border-left-color: #b00; }
table { border-collapse: collapse; } td, th { border: 1px solid #999; padding: 3px 7px; text-align: left; }
blockquote { border-left: 3px solid #bbb; margin-left: 0; padding-left: 12px; color: #333; }
img { max-width: 100%; } h1, h2, h3 { line-height: 1.2; break-after: avoid; }
</style></head><body>
"""
_PAPER = {
    "paperWidth": 8.27, "paperHeight": 11.69, "marginTop": 0.6, "marginBottom": 0.6, "marginLeft": 0.7,
    "marginRight": 0.7, "printBackground": True,
}  # fmt: skip


def to_print(file: Path, until: float) -> tuple[Path | None, str]:
    """The file as a PDF in a folder of its own, or None and why not."""
    folder = Path(tempfile.mkdtemp(prefix="print-"))
    page, made = folder / "page.html", folder / "page.pdf"

    def work() -> Iterator[bool]:
        body = _notebook(file) if suffix(file) in NOTEBOOKS else _markdown(read_text(file))
        page.write_text(f"{_HEAD}{body}</body></html>", encoding="utf-8", errors="replace")
        yield True

    for answer in answers(work, PARSE_SECONDS, until):
        if isinstance(answer, Died):
            return None, answer.why
        break
    try:
        with Browser(min(until, time.monotonic() + PRINT_SECONDS)) as browser:
            browser.call("Emulation.setScriptExecutionDisabled", value=True)
            browser.load(f"file://{page}", PRINT_SECONDS)
            made.write_bytes(browser.taken("Page.printToPDF", seconds=PRINT_SECONDS, **_PAPER))
    except FAILURES as failed:
        return None, clip(failed, 300)
    return made, ""


def _markdown(text: str) -> str:
    told: str = toolbox("markdown").markdown(
        text[:MAX_CHARS], extensions=["tables", "fenced_code", "sane_lists", "footnotes"]
    )
    return told


def _notebook(file: Path) -> str:
    """Cells with what they gave: texts, tables, pictures; nothing of them is carried out."""
    try:
        body = json.loads(read_text(file))
        cells = list(body["cells"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Broken("it is no notebook") from error
    return "\n".join(part for cell in cells if isinstance(cell, dict) for part in _cell(cell))


def _cell(cell: dict[str, Any]) -> Iterator[str]:
    source = _text(cell.get("source"))
    if cell.get("cell_type") == "markdown":
        yield _markdown(source)
        return
    yield f"<pre><code>{html.escape(source)}</code></pre>"
    for output in cell.get("outputs") or ():
        if isinstance(output, dict):
            yield _output(output)


def _output(output: dict[str, Any]) -> str:
    if output.get("output_type") == "error":
        said = "\n".join(map(str, output.get("traceback") or ())) or str(output.get("evalue", ""))
        return f'<pre class="out bad">{_plain(said)}</pre>'
    data = output.get("data")
    if not isinstance(data, dict):
        return f'<pre class="out">{_plain(_text(output.get("text")))}</pre>'
    for kind in PICTURES & data.keys():
        if picture := _picture(kind, _text(data[kind])):
            return picture
    if "text/html" in data:
        return f"<div>{_text(data['text/html'])[:MAX_PART]}</div>"
    if "text/markdown" in data:
        return _markdown(_text(data["text/markdown"]))
    return f'<pre class="out">{_plain(_text(data.get("text/plain")))}</pre>'


def _picture(kind: str, text: str) -> str:
    try:
        data = base64.b64decode(text)
    except (binascii.Error, ValueError):
        return ""
    if len(data) > MAX_PICTURE:
        return '<p class="out">(a picture that is too large)</p>'
    return f'<p><img src="data:{kind};base64,{base64.b64encode(data).decode()}"></p>'


def _text(value: Any) -> str:
    text = "".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    return text[: MAX_CHARS * 8]


def _plain(text: str) -> str:
    return html.escape(_SPOKEN_COLOURS.sub("", text)[:MAX_PART])
