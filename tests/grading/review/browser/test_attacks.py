"""Hostile deliverables in a real browser: each is shown or refused with its reason, and nothing leaves."""

from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, Request, expect

from core import Database
from grading import Rendered, Renderer, Shelf
from grading.review.content import TYPES
from tests.grading.render.hostile import CASES
from tests.grading.render.rendering import Made
from tests.grading.review.browser.attacks import BARE, Elsewhere, attacks, elsewhere
from tests.grading.review.browser.served import CRITERIA, WAIT, Files, Served, migrations

NAMES = list(CASES)
TURNED = "invoice\u202efdp.exe"
"""Read as `invoiceexe.pdf` where nobody takes care."""
BLOCKED = "SecurityError"
# What of its attempts the page may say of itself: that a browser let it do something harmless.
SAID = {
    "cookie": BLOCKED, "setCookie": BLOCKED, "localStorage": BLOCKED, "sessionStorage": BLOCKED, "caches": BLOCKED,
    "indexedDB": BLOCKED, "parent": BLOCKED, "parentLocation": BLOCKED, "frameElement": "null", "top": BLOCKED,
    "popup": "null", "alert": "undefined", "origin": "null", "referrer": "", "fetch": "TypeError",
    "noCors": "TypeError", "app": "TypeError", "clipboard": "NotAllowedError",
}  # fmt: skip


class Site:
    """The app with a submission of hostile files and one of hostile pages, and somebody else's server."""

    def __init__(self, shelf: Shelf, other: Elsewhere) -> None:
        folder = shelf.blobs.root.parent
        self.database = Database(folder / "review.db", migrations())
        self.served = Served(folder, self.database, render=Renderer(None, shelf, scratch=folder))
        self.other = other
        self.pages = attacks(other.origin, self.served.app)
        for data, _ in self.pages.values():
            sha256 = self.served.blobs.put_bytes(data)
            if shelf.claim(sha256, ".html", "here", "me"):
                text = (("text=1", "A list of farms"),)
                shelf.keep(Rendered(sha256=sha256, suffix=".html", kind="html", segments=text), "here", "me", 1.0)
        files = {name: (case.data, mimetypes.guess_type(name)[0] or "x/x") for name, case in CASES.items()}
        self.served.start()
        files[TURNED] = (b"MZ", "application/octet-stream")
        self.files, self.web = self._publish(files, "Files"), self._publish(self.pages, "Pages")

    def _publish(self, files: Files, title: str) -> str:
        return self.served.publish(deliverables=files, title=title)

    def close(self) -> None:
        self.served.stop()
        self.database.close()


@pytest.fixture(scope="module")
def site(render: Made, shelf: Shelf) -> Iterator[Site]:
    """Rendered before there is a browser: while there is one, nothing asynchronous runs in this thread."""
    render({name: case.data for name, case in CASES.items()})
    with elsewhere() as other:
        made = Site(shelf, other)
        yield made
        made.close()


class Visit:
    """A reviewer's tab; what it is asked for from anywhere but the two origins is noted."""

    def __init__(self, site: Site, page: Page, alias: str) -> None:
        self.site, self.page, self.asked = site, page, list[str]()
        self.said = list[str]()
        page.on("response", lambda answer: self._note(answer.request))
        page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.address = f"{site.served.app}/review/{alias}"
        page.goto(self.address)
        page.wait_for_selector(".file-row")

    def _note(self, request: Request) -> None:
        if not request.url.startswith((self.site.served.app, self.site.served.at.content, "data:", "blob:")):
            self.asked.append(request.url)

    def open(self, at: int) -> None:
        self.page.locator(".pane[data-pane=a] .file-row").nth(at).click()
        self.page.wait_for_selector(".pane[data-pane=a] .host:not([aria-busy]) > *")

    def web(self, name: str) -> FrameLocator:
        """A page, as it is read."""
        self.open(list(self.site.pages).index(name))
        inside = self.page.frame_locator(".v-frame iframe").frame_locator("#page")
        inside.locator("h1").wait_for()
        return inside

    def run(self, name: str) -> FrameLocator:
        """A page with its scripts."""
        self.web(name)
        self.page.get_by_role("button", name="Run its scripts").click()
        self.page.get_by_role("button", name="Run them").click()
        self.page.wait_for_selector(f"iframe[title='{name}, with its scripts']")
        self.page.mouse.move(1, 1)
        return self.page.frame_locator(".v-frame iframe")

    def unharmed(self, *, ran: bool = False) -> None:
        """The page is where it was and works; nobody was asked for anything, nothing was kept.

        A page that `ran` may have opened a connection without a word on it: no policy of a page forbids that.
        """
        if ran:
            self.site.other.heard[:] = [line for line in self.site.other.heard if line != BARE]
        assert self.page.url == self.address
        assert len(self.page.context.pages) == 1
        assert (self.site.other.heard, self.asked, self.said) == ([], [], [])
        assert {cookie["domain"] for cookie in self.page.context.cookies()} == {"127.0.0.1"}
        assert self.page.locator(".card:not(.overall)").count() == len(CRITERIA)


@pytest.fixture(scope="module")
def context(site: Site, chromium: Browser) -> Iterator[BrowserContext]:
    """Signed in. Not of `tab`: what these pages try is forbidden, and stands in the console."""
    made = chromium.new_context()
    made.set_default_timeout(WAIT * 1000)
    expect.set_options(timeout=WAIT * 1000)
    page = made.new_page()
    site.served.sign_in(page)
    page.close()
    yield made
    made.close()


@pytest.fixture
def visit(site: Site, context: BrowserContext) -> Iterator[Callable[[str], Visit]]:
    page = context.new_page()
    yield lambda alias: Visit(site, page, alias)
    page.close()


def test_every_hostile_file_is_shown_or_refused_with_its_reason(visit: Callable[[str], Visit], site: Site) -> None:
    seen = visit(site.files)
    for at, (name, case) in enumerate(CASES.items()):
        seen.open(at)
        shown = seen.page.inner_text(".pane[data-pane=a] .pane-body")
        if case.problem is not None:
            assert case.problem in shown, name
        if case.flag is not None:
            assert case.flag in shown, name
        assert "could not be shown" not in shown, name
        assert seen.page.url == seen.address, name
    assert "invoice\ufffdfdp.exe" in seen.page.locator(".pane[data-pane=a] .file-row .path").all_inner_texts()
    seen.unharmed()


def test_whatever_is_asked_for_by_its_address_is_inert(visit: Callable[[str], Visit], site: Site) -> None:
    seen = visit(site.files)
    ask = seen.page.context.request
    for at, name in enumerate(NAMES):
        for how in ("show", "download"):
            answer = ask.get(f"{site.served.app}/review/{site.files}/deliverables/{at}/{how}")
            assert answer.url.startswith(site.served.at.content + "/"), name
            headers = answer.headers
            assert "set-cookie" not in headers
            assert headers["x-content-type-options"] == "nosniff"
            policy = headers["content-security-policy"]
            if "/read/" in answer.url:
                assert site.other.origin not in answer.text()
                assert CASES[name].data not in answer.body(), "a page of ours, with nothing of it"
                assert "unsafe-inline'; img" in policy
                assert f"script-src {site.served.at.content}/reader.mjs;" in policy
                continue
            assert policy.startswith("sandbox; default-src 'none'"), name
            inline = headers["content-disposition"] == "inline"
            assert inline == (headers["content-type"] in TYPES - {"text/html"}), name
            assert how == "show" or not inline
    seen.unharmed()


def test_that_server_hears_a_page_that_is_not_kept_from_it(chromium: Browser, site: Site) -> None:
    page = chromium.new_page()
    page.set_content(site.pages["markup.html"][0].decode())
    for _ in range(600):
        if any("/img" in line for line in site.other.heard):
            break
        page.wait_for_timeout(100)
    assert any("/img" in line for line in site.other.heard)
    page.close()
    site.other.settle()


def test_a_page_that_is_read_asks_for_nothing_and_leads_nowhere(visit: Callable[[str], Visit], site: Site) -> None:
    seen = visit(site.web)
    inside = seen.web("markup.html")
    assert inside.locator("script, link, iframe, object, embed, meta[http-equiv]").count() == 0
    (base,) = inside.locator("base").all()
    assert str(base.get_attribute("href")).startswith(f"{site.served.at.content}/f/"), "ours: what lies beside it"
    for what in ("#link", "#top", "#popup", "#send", "#send-top"):
        inside.locator(what).click()
    inside.locator("#link").click(button="middle")
    assert inside.locator("#said").inner_text() == "", "no script ran"
    seen.page.keyboard.press("Escape")
    expect(seen.page.get_by_role("button", name="Run its scripts")).to_be_focused()
    seen.page.get_by_role("button", name="Search").click()
    seen.page.keyboard.type("list of")
    seen.page.keyboard.press("Enter")
    expect(seen.page.locator(".v-found")).to_have_text("1 of 1")
    for name in ("refresh.html", "frames.html", "endless.html"):
        seen.web(name)
    seen.unharmed()


def test_a_page_that_runs_has_no_origin_and_reaches_nobody(visit: Callable[[str], Visit], site: Site) -> None:
    seen = visit(site.web)
    inside = seen.run("scripts.html")
    expect(inside.locator("#said")).to_contain_text('"clipboard"')
    expect(inside.locator("#said")).to_contain_text('"app"')
    said = json.loads(inside.locator("#said").inner_text())
    assert {name: said.get(name) for name in SAID} == SAID
    seen.page.locator(".card").first.click()
    seen.page.keyboard.press("e")
    assert "forged" not in seen.page.inner_text("#main"), "it is not listened to"
    inside.locator("#go").dispatch_event("click")
    seen.page.get_by_role("button", name="End its scripts").click()
    seen.page.frame_locator(".v-frame iframe").frame_locator("#page").locator("h1").wait_for()
    seen.unharmed(ran=True)


def test_a_page_that_takes_the_keyboard_is_ended(visit: Callable[[str], Visit], site: Site) -> None:
    seen = visit(site.web)
    seen.page.locator(".card textarea").first.evaluate(
        "node => node.closest('.card').querySelector('[value=fail]').click()"
    )
    field = seen.page.locator(".card[aria-current] textarea").first
    seen.run("thief.html")
    field.focus()
    seen.page.keyboard.type("What somebody writes", delay=20)
    expect(seen.page.locator(".v-frame-says")).to_contain_text("were ended")
    expect(field).to_be_focused()
    seen.unharmed(ran=True)


def test_a_page_that_never_ends_holds_up_nothing(visit: Callable[[str], Visit], site: Site) -> None:
    seen = visit(site.web)
    seen.run("endless.html")
    seen.page.locator(".card").first.click()
    seen.page.keyboard.press("j")
    expect(seen.page.locator(".card").nth(1)).to_have_attribute("aria-current", re.compile("true|step"))
    seen.page.get_by_role("button", name="End its scripts").click()
    seen.web("refresh.html")
    seen.unharmed(ran=True)
