"""Debian's Chromium, driven by Playwright: without a screen, and without the network that it would talk to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Request,
    Response,
    sync_playwright,
)

from tests.support import lacking

_ARGUMENTS = (
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# What stands in the console when a page is asked for that is refused on purpose, or the line is cut on purpose.
_EXPECTED = ("Failed to load resource",)
CHANGED, TIMES = "net::ERR_NETWORK_CHANGED", 20
LOADED = ("document", "script", "stylesheet")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for all tests of a module; each opens contexts of its own in it.

    Not of a session: while it is there Playwright has an event loop of its own in this thread, and asynchronous
    tests cannot run. Modules that use it have none.
    """
    path = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    if path is None:
        lacking("chromium", "not found")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=[*_ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        )
        plain = browser.new_context

        def new_context(**how: Any) -> BrowserContext:
            context = plain(**how)
            context.on("page", steady)
            return context

        browser.new_context = new_context  # type: ignore[method-assign]
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    """A tab of a fresh context; no script may have failed in it, nor tried what its policy forbids."""
    context = chromium.new_context()
    page = context.new_page()
    said = complaints(context)
    yield page
    context.close()
    assert not said, said


def steady(page: Page) -> None:
    """A tab goes to an address again, and reloads, when the machine's network changed under it.

    Chromium gives up what it is loading whenever an interface comes or goes, and other tests make some.
    """
    goto, reload = page.goto, page.reload
    page.goto = lambda url, **how: _steadily(page, partial(goto, url, **how))  # type: ignore[method-assign]
    page.reload = lambda **how: _steadily(page, partial(reload, **how))  # type: ignore[method-assign]


def _steadily(page: Page, load: Callable[[], Response | None]) -> Response | None:
    cut: list[str] = []

    def hear(request: Request) -> None:
        if request.failure == CHANGED and request.resource_type in LOADED:
            cut.append(request.url)

    page.on("requestfailed", hear)
    try:
        for _ in range(TIMES):
            cut.clear()
            try:
                answer = load()
            except Error as error:
                if CHANGED not in error.message:
                    raise
                continue
            if not cut:
                return answer
    finally:
        page.remove_listener("requestfailed", hear)
    raise AssertionError(f"the network never kept still while {page.url} was loaded")


def complaints(context: BrowserContext) -> list[str]:
    """What scripts of any page of a context fail with, or try against its policy, from now on."""
    said: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(_EXPECTED):
            said.append(message.text)

    context.on("console", hear)
    context.on("weberror", lambda error: said.append(str(error.error)))
    return said
