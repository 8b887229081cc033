"""The grading page for other keyboards, for who listens to it, and with many files."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.grading.review.browser.served import CRITERIA, DELIVERABLES, Served
from tests.grading.review.browser.test_grading import active, opened, saved, verdicts

_PRESS = """([key, code, more]) => document.activeElement.dispatchEvent(
  new KeyboardEvent("keydown", { key, code, bubbles: true, cancelable: true, ...more }))"""


@pytest.fixture
def desk(served: Served, tab: Page) -> Page:
    """Forty files, and one that was asked for and is not there."""
    more = {f"part-{number:02d}.txt": (b"A part.\n", "text/plain") for number in range(38)}
    alias = served.publish(deliverables={**DELIVERABLES, **more}, missing=("summary.pdf",))
    served.sign_in(tab)
    return opened(served, tab, alias)


def test_keys_work_on_keyboards_of_other_languages(desk: Page) -> None:
    def press(key: str, code: str, **more: bool) -> None:
        desk.evaluate(_PRESS, [key, code, more])

    press("&", "Digit1")  # French: digits need Shift
    press("\u043e", "KeyJ")  # Russian
    press("\u00e9", "Digit2")
    expect(active(desk).locator(".hint")).to_contain_text("A fail needs feedback")
    press("&", "Digit1")  # into the field: it is text there
    desk.keyboard.press("Escape")
    assert verdicts(desk)[:2] == ["pass", "fail"]
    press("\u041e", "KeyJ", shiftKey=True)  # a capital is another key
    expect(active(desk)).to_contain_text(CRITERIA[1][2])
    press("+", "Digit1")  # Czech: what stands there itself has an action
    assert verdicts(desk)[:2] == ["pass", "fail"]
    press("/", "Digit7", ctrlKey=True, altKey=True, modifierAltGraph=True)
    expect(desk.get_by_label("Search in leads.csv")).to_be_focused()


def test_who_listens_is_told_of_each_criterion_how_much_it_matters_and_what_was_said(desk: Page) -> None:
    cards = desk.get_by_role("article")
    expect(cards.nth(0)).to_have_accessible_description("1 \u25cf critical")
    desk.keyboard.press("1")
    saved(desk)
    expect(cards.nth(0)).to_have_accessible_description("1 \u25cf critical pass")
    expect(cards.nth(4)).to_have_accessible_description("5 \u26a0 pitfall pass = avoided")
    expect(cards.nth(5)).to_have_accessible_description("overall")


def test_of_many_files_what_is_lacking_comes_first_and_the_one_shown_stays_in_sight(desk: Page) -> None:
    files = desk.locator(".pane[data-pane=a] .pane-files")
    expect(files.get_by_text("Asked for and not handed in: summary.pdf")).to_be_in_viewport()
    assert files.evaluate("(box) => box.clientHeight / innerHeight") < 0.27
    for _ in range(30):
        desk.keyboard.press("f")
    here = files.locator(".file-row[aria-current]")
    expect(here).to_have_text("part-28.txt8 B")
    expect(here).to_be_in_viewport(ratio=0.9)
    row = files.get_by_role("button", name="part-30.txt")
    row.focus()
    desk.keyboard.press("Enter")
    expect(row).to_have_attribute("aria-current", "true")
    expect(row).to_be_focused()


def test_what_changed_is_gone_through_without_what_did_not(served: Served, tab: Page) -> None:
    before = {f"{name}.txt": (name.encode(), "text/plain") for name in "abcdef"}
    after = {**before, "c.txt": (b"C", "text/plain"), "e.txt": (b"E", "text/plain")}
    first = served.reviewed(served.publish(deliverables=before))
    echo = served.publish(deliverables=before, previous=first)
    served.sign_in(tab)
    page = opened(served, tab, served.publish(deliverables=after, previous=first))
    here = page.locator(".pane.active .file-row[aria-current]")
    page.keyboard.press("v")
    for name in ("c.txt", "e.txt", "c.txt"):
        expect(here).to_have_text(f"{name}changed")
        page.keyboard.press("f")
    page.keyboard.press("v")
    expect(here).to_contain_text("a.txt")
    page.route("**/changes", lambda route: route.fulfill(status=503), times=1)
    page = opened(served, tab, echo)
    page.keyboard.press("v")
    expect(page.locator(".earlier").first).to_contain_text("no file has changed since")
    for name in ("a.txt", "b.txt"):
        expect(here).to_have_text(f"{name}unchanged")
        page.keyboard.press("f")


def test_a_criterion_takes_no_more_evidence_than_the_server(desk: Page) -> None:
    desk.keyboard.press("f")
    for _ in range(21):
        desk.keyboard.press("f")
        desk.keyboard.press("e")
    expect(desk.locator("#toast")).to_contain_text("remove one first")
    saved(desk)
    expect(active(desk).locator(".chip")).to_have_count(20)
    expect(active(desk).locator(":scope > .error")).to_be_empty()
