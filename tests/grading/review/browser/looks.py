"""Viewers of files in a page of their own, with a server behind them that has documents of any size."""

from __future__ import annotations

import asyncio
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from playwright.sync_api import Page
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from grading.review.guard import HostGuard, app_headers, host_of
from grading.review.routes.parts import HERE
from tests.support import free_port

WAIT = 60.0
ADDRESS = "/api/reviews/a/deliverables/0"
SHELL = """<!doctype html><html lang="en"><title>Files</title><meta name="csrf" content="">
<link rel="stylesheet" href="/static/review.css"><link rel="stylesheet" href="/static/viewers.css">
<link rel="stylesheet" href="/shell.css"><div id="live" class="hidden" role="status"></div>
<main><h1 class="hidden">A file</h1><div id="host"></div></main></html>"""
_OPEN = """async ([rendering, file]) => {
  const { openViewer } = await import("/static/viewers/open.mjs");
  window.taken = [];
  window.place = "";
  window.viewer = await openViewer(document.getElementById("host"), rendering, {
    address: "/api/reviews/a/deliverables/0", file, capture: true,
    onCapture: (evidence) => window.taken.push(evidence), onPlace: ({ text }) => { window.place = text; },
  });
}"""


def png(width: int, height: int) -> bytes:
    """A grey picture."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + b"\xc8" * width for _ in range(height))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


PICTURE = png(60, 80)


async def _picture(_request: Request) -> Response:
    return Response(PICTURE, media_type="image/png")


async def _words(request: Request) -> Response:
    """Ten words a page; page 120 alone speaks of a heron."""
    number = int(request.query_params["page"])
    said = [f"word{at}" for at in range(8)] + (["grey", "heron"] if number == 120 else ["end", f"p{number}"])
    return JSONResponse({"words": [[0.1, 0.1 + at * 0.05, 0.2, 0.03, word] for at, word in enumerate(said)]})


async def _sheet(request: Request) -> Response:
    """Row r, column c holds `r:c`; row 3 is hidden, A1 to B1 and B50 to C150 are merged."""
    asked = request.query_params
    row, column = int(asked["row"]), int(asked["column"])
    sign = "=F" if asked["formulas"] == "1" else ""
    rows = [
        [f"{sign}{r + 1}:{c + 1}" for c in range(column, column + int(asked["columns"]))]
        for r in range(row, row + int(asked["rows"]))
    ]
    hidden, merged = ([3], [[1, 1, 1, 2], [50, 2, 150, 3]]) if row == 0 else ([], [])
    marks = {"merged": merged, "hidden_rows": hidden, "comments": [[5, 2, "Ask again"]]}
    return JSONResponse({"rows": rows, "row": row, "column": column, **marks})


async def _changes(_request: Request) -> Response:
    lines = [["same", f"line={n}", f"Line {n}"] for n in range(1, 3001)]
    lines[2000:2000] = [["removed", "line=2001", "Old words"], ["added", "line=2001", "New words"]]
    cells = [{"sheet": "Data", "cell": "B2", "before": "1", "after": "2"}]
    pages = [{"number": n, "before": "/p/1.png", "after": "/p/2.png", "differs": n == 2} for n in (1, 2, 3)]
    return JSONResponse({"text": lines, "cells": cells, "pages": pages, "problem": None})


async def _entry(request: Request) -> Response:
    """A document of two pages; entry 2 is not known here."""
    if request.path_params["entry"] == "2":
        return JSONResponse({"kind": "none", "problem": "It only leads elsewhere."})
    pages = [{"number": n, "width": 60, "height": 80, "src": "/p/1.png", "label": f"Page {n}"} for n in (1, 2)]
    return JSONResponse({"kind": "pages", "pages": pages, "download": "/p/download"})


async def _shell(_request: Request) -> Response:
    return HTMLResponse(SHELL)


async def _css(_request: Request) -> Response:
    return Response("#host { height: 600px; width: 900px; }", media_type="text/css")


@contextmanager
def looking() -> Iterator[str]:
    """The origin of a server with the app's own headers and modules."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    routes: list[Any] = [
        Route("/", _shell),
        Route("/shell.css", _css),
        Route("/p/{name}", _picture),
        Route(f"{ADDRESS}/text", _words),
        Route(f"{ADDRESS}/sheet", _sheet),
        Route(f"{ADDRESS}/entries/{{entry}}", _entry),
        Route(f"{ADDRESS}/entries/{{entry}}/text", _words),
        Route("/api/reviews/a/changes/0", _changes),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    guard = Middleware(HostGuard, host=host_of(origin), headers=app_headers(origin))
    app = Starlette(routes=routes, middleware=[guard])
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", access_log=False, lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
        assert thread.is_alive(), "the server does not start"
    yield origin
    server.should_exit = True
    thread.join(WAIT)


class Look:
    """A viewer in a tab."""

    def __init__(self, tab: Page, origin: str, name: str, **rendering: Any) -> None:
        self.tab = tab
        tab.goto(origin)
        empty: dict[str, Any] = {
            "pages": [],
            "sheets": [],
            "segments": [],
            "facts": [],
            "flags": [],
            "problem": None,
            "src": None,
        }
        tab.evaluate(_OPEN, [empty | rendering, {"name": name, "size": 1, "media_type": ""}])

    def call(self, expression: str) -> Any:
        """Something of the page."""
        return self.tab.evaluate(expression)

    def until(self, expression: str) -> None:
        """Wait until an expression is true."""
        self.tab.wait_for_function(f"() => {expression}", timeout=WAIT * 1000)

    def count(self, selector: str) -> int:
        """How many nodes there are."""
        return self.tab.locator(selector).count()

    @property
    def taken(self) -> list[dict[str, Any]]:
        """What was captured."""
        found: list[dict[str, Any]] = self.call("taken")
        return found
