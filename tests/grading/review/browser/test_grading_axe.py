"""Whether everybody can use the pages: axe finds nothing grave, and enlarged nothing lies beside the page."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

from tests.grading.review.browser.served import WAIT, Served

MS = WAIT * 1000
GRAVE = {"serious", "critical"}


def findings(tab: Page) -> list[tuple[str, list[str]]]:
    """What axe finds grave: (rule, the places)."""
    found: list[dict[str, Any]] = Axe().run(tab).response["violations"]
    return [
        (one["id"], [f"{node['target']}: {node['failureSummary']}" for node in one["nodes"]])
        for one in found
        if one["impact"] in GRAVE
    ]


@pytest.fixture
def desk(served: Served, tab: Page) -> Page:
    """Two submissions are up; the first one is open, in progress, with a fail that lacks its feedback."""
    expect.set_options(timeout=MS)
    tab.set_default_timeout(MS)
    served.publish(title="Later")
    alias = served.publish(missing=("*.pdf",))
    served.sign_in(tab)
    tab.goto(f"{served.app}/review/{alias}")
    expect(tab.locator(".card[aria-current]")).to_have_count(1)
    for key in ("1", "j", "2", "Escape"):
        tab.keyboard.press(key)
    expect(tab.locator(".pane-body")).not_to_contain_text(["Reading"])
    return tab


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_grading_page(desk: Page, scheme: Any) -> None:
    desk.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    desk.keyboard.press("e")
    assert desk.evaluate("document.getAnimations().length") == 0, "no word in passing moves for who wants it so"
    expect(desk.locator(".card[aria-current] .chip")).to_have_count(1)
    desk.keyboard.press("s")
    expect(desk.locator(".pane[data-pane=b]")).to_contain_text("Find farms")
    assert findings(desk) == []


@pytest.mark.parametrize(
    ("key", "dialog"), [("?", "keys"), ("Control+Enter", "sheet"), ("r", "snippets"), ("a", "absence")]
)
def test_its_windows(desk: Page, key: str, dialog: str) -> None:
    desk.keyboard.press(key)
    expect(desk.locator(f"#{dialog}")).to_be_visible()
    assert findings(desk) == []


def test_the_queue_and_the_page_after_the_lock(served: Served, desk: Page) -> None:
    for key in ("2", "c"):
        desk.keyboard.press(key)
    desk.keyboard.type("No source.")
    desk.keyboard.press("Escape")
    desk.keyboard.press("e")
    expect(desk.locator(".card[aria-current] .chip")).to_have_count(1)
    for key in ("n", "1", "n", "1", "n", "1", "n", "1"):
        desk.keyboard.press(key)
    desk.keyboard.press("Control+Enter")
    desk.locator("#sheet-stay").focus()
    desk.keyboard.press("Enter")
    expect(desk.locator("main")).to_contain_text("Locked. Your first verdicts stand")
    shown = desk.locator(".pane[data-pane=a]")
    expect(shown.locator(".pane-name")).to_be_visible()
    expect(shown.get_by_role("button", name="Take as evidence")).to_be_hidden()
    assert findings(desk) == []
    desk.keyboard.press("b")
    expect(shown).to_contain_text("Find farms")
    for key in ("j", "j", "Tab", "Enter"):  # the second criterion, and the place that its verdict points to
        desk.keyboard.press(key)
    expect(shown.locator(".file-row[aria-current]")).to_contain_text("leads.csv")
    desk.keyboard.press("f")
    expect(shown.locator(".file-row[aria-current]")).not_to_contain_text("leads.csv")
    desk.goto(served.app)
    expect(desk.locator("#take")).to_be_visible()
    assert findings(desk) == []


def test_enlarged_twice_nothing_lies_beside_the_page(served: Served, desk: Page) -> None:
    """1440 by 900 at 200 % is 720 by 450; at 400 % of 1280 it is 320 wide."""
    for width, height in ((720, 450), (320, 256)):
        desk.set_viewport_size({"width": width, "height": height})
        wide = desk.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, (width, wide)
        desk.locator(".brand").focus()
        submit = desk.locator("[data-do=submit]")
        submit.focus()
        expect(submit).to_be_in_viewport()
