"""`fetch_page`: a page of the web, fetched outside the sandbox under the run's policy and read inside it."""

from __future__ import annotations

import asyncio
import codecs
import hashlib
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import Field

from agents.tools.base import Outcome, Tool, ToolContext, error
from agents.tools.commands import run_inside, why
from core import Frozen
from sandbox import NotReached

if TYPE_CHECKING:  # it costs start-up time
    from sandbox import Page

FOLDER = "/job/.pages"
WINDOW_BYTES = 14 * 1024
"""Of a page's text in one answer: less than any tool may say, so that nothing is cut out of its middle."""

_SUFFIXES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "application/json": ".json",
    "text/csv": ".csv",
    "text/markdown": ".md",
    "text/xml": ".xml",
    "application/xml": ".xml",
    "application/zip": ".zip",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
}
_TEXT = ("text/", "application/xhtml", "application/xml", "application/json")


class FetchPageArguments(Frozen):
    """Arguments of `fetch_page`."""

    url: str = Field(min_length=1, max_length=8000, description="An http:// or https:// address.")
    start: int = Field(
        default=0, ge=0, le=10**9, description="To read on in a long page: the number that the last answer named."
    )


async def _run(arguments: FetchPageArguments, context: ToolContext) -> Outcome:
    known = context.pages.get(arguments.url) if arguments.start else None
    if known is not None:
        return await _read(known, arguments.start, f"{arguments.url}, as it was fetched", context)
    if context.fetch is None:
        return error("There is no network.")
    try:
        async with asyncio.timeout(max(context.seconds_left, 1.0)):
            page = await context.fetch.fetch(arguments.url)
    except (NotReached, TimeoutError) as problem:
        reason = problem.reason if isinstance(problem, NotReached) else "there was no time left"
        return error(f"{arguments.url[:300]} was not fetched: {reason}")
    return await _told(page, arguments, context)


async def _told(page: Page, arguments: FetchPageArguments, context: ToolContext) -> Outcome:
    """Save the page in the sandbox, and say what it says."""
    path = f"{FOLDER}/{_name(page)}"
    moved = f" (you asked for {page.url})" if page.final_url != page.url else ""
    head = f"{page.final_url}{moved}: {page.media_type or 'unknown type'}, {len(page.body)} bytes"
    failed = page.status >= 400
    if failed:
        head = f"HTTP {page.status} from {head}"
    if not page.body:
        return Outcome(f"{head}; the page is empty.", is_error=failed)
    try:
        await context.sandbox.write(path, _readable(page))
    except OSError as problem:
        return error(f"{head}; it could not be saved as {path}: {problem.strerror}")
    outcome = await _read(path, arguments.start, f"{head}; saved as {path}", context)
    facts = {"page": {"url": arguments.url, "path": path}}
    return Outcome(outcome.text, is_error=failed or outcome.is_error, facts=facts)


async def _read(path: str, start: int, head: str, context: ToolContext) -> Outcome:
    """The page's text from `start` on. It is read inside: what others wrote is never parsed by the harness."""
    request = {"path": path, "pages": None, "window": [start, WINDOW_BYTES]}
    result = await run_inside(context, "read_document", request)
    if result.exit_code != 0:
        return Outcome(f"{head}\n(It cannot be shown as text: {why(result)})")
    rest = re.fullmatch(r"(\d{1,12}) (\d{1,12})", result.stderr.text.strip().rpartition("\n")[2])
    end, total = (int(rest[1]), int(rest[2])) if rest else (0, 0)
    text = f"{head}\n\n{result.stdout.text.strip()}"
    if end < total:
        text += f"\n\n[{total - end} more characters; to read on, call fetch_page with start={end}]"
    return Outcome(text)


def _name(page: Page) -> str:
    """The same file for the same page."""
    last = PurePosixPath(urlsplit(page.final_url).path)
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", last.stem)[:40].strip("-.") or "page"
    suffix = _SUFFIXES.get(page.media_type) or (
        last.suffix if re.fullmatch(r"\.\w{1,6}", last.suffix, re.A) else ""
    )
    if not suffix and page.media_type.startswith("text/"):
        suffix = ".txt"
    return f"{plain}-{hashlib.sha256(page.final_url.encode()).hexdigest()[:8]}{suffix}"


def _readable(page: Page) -> bytes:
    """The body, as UTF-8 where the server says that it is text in another encoding."""
    if not page.charset or not page.media_type.startswith(_TEXT):
        return page.body
    try:
        codec = codecs.lookup(page.charset)
        if codec.name == "utf-8":
            return page.body
        return page.body.decode(page.charset, "replace").encode("utf-8", "replace")
    except (LookupError, ValueError):  # no such encoding, or one that makes no text
        return page.body


FETCH_PAGE = Tool(
    name="fetch_page",
    description=(
        "Fetch a page of the web and read it as text: html, pdf, office files, csv, json, any text. The file is "
        "saved below /job/.pages for your other tools. What cannot be reached from here is said."
    ),
    arguments=FetchPageArguments,
    run=_run,
)
