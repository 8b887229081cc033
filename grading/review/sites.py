"""Web pages of several files: what lies beside a page in the same submission, under signed addresses of its own.

A site is a blob, `{path: [sha256, media type]}`; its digest stands in a token, so that relative addresses of a
page lead to files of that submission and to nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from core import Blobs, Deliverable
from grading.render.model import suffix_of

HTML = "text/html"
PAGES = {".html": HTML, ".htm": HTML}
# What a page may ask for while it is read, and what besides when its scripts run.
LOOKS = {
    ".css": "text/css", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif",
    ".webp": "image/webp", ".avif": "image/avif", ".ico": "image/x-icon", ".svg": "image/svg+xml",
    ".woff": "font/woff", ".woff2": "font/woff2", ".ttf": "font/ttf", ".otf": "font/otf",
    ".mp3": "audio/mpeg", ".wav": "audio/wav", ".ogg": "audio/ogg", ".mp4": "video/mp4", ".webm": "video/webm",
}  # fmt: skip
WORKS = {
    ".js": "text/javascript", ".mjs": "text/javascript", ".json": "application/json", ".csv": "text/csv",
    ".txt": "text/plain", ".wasm": "application/wasm", **PAGES,
}  # fmt: skip


def site_of(blobs: Blobs, page: Deliverable, files: Sequence[Deliverable]) -> str | None:
    """The digest of the site that a page is part of; None: nothing lies beside it. Blocks, raises `StoreFault`."""
    types = LOOKS | WORKS
    found = {file.path: [file.sha256, types[suffix_of(file)]] for file in files if suffix_of(file) in types}
    if found.keys() <= {page.path}:
        return None
    return blobs.put_bytes(json.dumps(found, sort_keys=True).encode())


def member(blobs: Blobs, site: str, path: str, *, run: bool) -> dict[str, Any] | None:
    """What is served for a path of a site: `sha`, `type` (empty: a download), `name`. Blocks, raises `StoreFault`.

    Args:
        blobs: Where the site lies.
        site: Its digest.
        path: As it stands in the submission.
        run: Whether scripts run in it; else pages and scripts are downloads.
    """
    found = json.loads(blobs.get_bytes(site)).get(path)
    if found is None:
        return None
    sha256, kind = found
    shown = run or kind in LOOKS.values()
    return {"sha": sha256, "type": kind if shown else "", "name": path.rsplit("/", 1)[-1]}
