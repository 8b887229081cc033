"""Viewers: large files stay small in the page, every place can be taken and found again, by keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page

from tests.grading.review.browser.looks import Look, looking

PAGES = [
    {"number": n, "width": 600, "height": 800, "src": f"/p/{n}.png", "label": f"Page {n}"} for n in range(1, 201)
]
SHEETS = [
    {"name": "Data", "rows": 100_000, "columns": 80, "hidden": False},
    {"name": "Notes", "rows": 4, "columns": 2, "hidden": True},
]
LINES = [[f"line={n}", f"This is line {n} of the text"] for n in range(1, 20_001)]


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with looking() as made:
        yield made


def serious(tab: Page) -> list[str]:
    found = Axe().run(tab).response["violations"]
    return [each["id"] for each in found if each["impact"] in ("serious", "critical")]


def test_a_document_of_two_hundred_pages(tab: Page, origin: str) -> None:
    look = Look(tab, origin, "report.pdf", kind="pages", pages=PAGES)
    assert look.count(".v-page") <= 8
    assert look.call("viewer.anchor()")["anchor"] == "page=1"
    look.until("document.querySelectorAll('.v-word').length >= 10")
    assert serious(tab) == []
    assert look.call("viewer.go('page=150#0.1,0.5,0.3,0.1')")
    look.until("document.querySelector('[data-page=\"150\"] .v-mark')")
    assert look.count(".v-page") <= 8
    assert look.call("viewer.anchor()")["anchor"] == "page=150"
    assert not look.call("viewer.go('page=999')")
    look.call("viewer.focus()")
    tab.keyboard.press("PageDown")
    look.until("place.startsWith('Page 151')")
    look.call("viewer.search()")
    tab.keyboard.type("grey heron")
    tab.keyboard.press("Enter")
    look.until("document.querySelector('.v-found').textContent === 'Page 120: 1 of 1'")
    assert look.count("[data-page='120'] .v-mark") == 1
    tab.keyboard.press("Escape")
    found = look.call("viewer.anchor()")
    assert (found["anchor"].split("#")[0], found["text"]) == ("page=120", "grey heron"), (
        "what was found is evidence"
    )
    look.call("viewer.page(3)")
    assert look.call("viewer.anchor()")["anchor"] == "page=123"
    look.call("viewer.page(-3)")
    look.call("viewer.zoom(1), viewer.zoom(1)")
    look.until("place.startsWith('Page 120') || place.startsWith('Page 119')")
    assert look.count(".v-page") <= 8


def test_a_frame_is_drawn_by_keys_and_by_pointer_and_a_selection_is_a_quotation(tab: Page, origin: str) -> None:
    look = Look(tab, origin, "report.pdf", kind="pages", pages=PAGES[:3])
    look.until("document.querySelectorAll('[data-page=\"1\"] .v-word').length === 10")
    tab.get_by_role("button", name="Frame a place on the page").press("Enter")
    tab.keyboard.press("Shift+ArrowUp")
    tab.keyboard.press("Shift+ArrowLeft")
    tab.keyboard.press("ArrowDown")
    assert look.call("viewer.anchor()")["anchor"] == "page=1#0,0.02,0.98,0.98"
    tab.keyboard.press("Enter")
    assert look.taken[0]["anchor"] == "page=1#0,0.02,0.98,0.98"
    assert "word0" in look.taken[0]["text"]
    box = tab.locator("[data-page='1'] .v-surface").bounding_box()
    assert box is not None
    tab.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.2)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.4, steps=3)
    tab.mouse.up()
    x, y, w, h = (float(part) for part in look.taken[1]["anchor"].removeprefix("page=1#").split(","))
    assert (round(x, 1), round(y, 1), round(w, 1), round(h, 1)) == (0.5, 0.2, 0.2, 0.2)
    look.call("getSelection().selectAllChildren(document.querySelectorAll('[data-page=\"1\"] .v-word')[3])")
    quoted = look.call("viewer.anchor()")
    assert (quoted["kind"], quoted["text"]) == ("quote", "word3")
    assert quoted["anchor"].startswith("page=1#0.1,0.25,0.2,0.03")


def test_a_sheet_of_a_hundred_thousand_rows_by_keyboard(tab: Page, origin: str) -> None:
    look = Look(tab, origin, "figures.xlsx", kind="sheet", sheets=SHEETS)
    look.until("document.querySelector('.v-active')?.textContent === '1:1'")
    grid = tab.get_by_role("grid")
    assert (grid.get_attribute("aria-rowcount"), grid.get_attribute("aria-colcount")) == ("100001", "81")
    assert look.count("[role=gridcell]") < 1500
    assert serious(tab) == []
    assert look.count(".v-hidden") == 1
    assert look.count(".v-merged") == 1
    look.call("viewer.focus()")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        tab.keyboard.press(key)
    look.until("document.querySelector('.v-whole').textContent === 'C2  2:3'")
    tab.keyboard.press("Enter")
    assert look.taken == [{"kind": "region", "anchor": "Data!C2", "text": "2:3"}]
    tab.keyboard.press("Control+End")
    look.until("document.querySelector('.v-whole').textContent === 'CB100000  100000:80'")
    assert look.count("[role=gridcell]") < 1500
    active = grid.get_attribute("aria-activedescendant")
    assert tab.locator(f"#{active}").inner_text() == "100000:80"
    assert look.call("viewer.go('Data!A110')")
    look.until("document.querySelector('.v-active')?.textContent === '110:1'")
    look.until("document.querySelector('.v-merged')?.textContent === '50:2'")
    assert look.count(".v-merged") == 1, "it begins far above what is drawn"
    place = tab.locator(".v-body").bounding_box()
    assert place is not None
    tab.mouse.click(place["x"] + 200, place["y"] + 200)
    look.until("document.querySelector('.v-whole').textContent === 'B50  50:2'")
    assert look.call("viewer.go('Data!B500')")
    look.until("document.querySelector('.v-active')?.textContent === '500:2'")
    tab.get_by_role("button", name="Formulas instead of values").press("Enter")
    look.until("document.querySelector('.v-active')?.textContent === '=F500:2'")
    assert tab.get_by_role("tab").all_inner_texts() == ["Data", "Notes (hidden)"]
    look.call("viewer.page(1)")
    assert look.call("viewer.anchor()")["anchor"] == "Notes!A1"
    assert look.call("viewer.go(\"'Data'!B5\")")
    look.until("document.querySelector('.v-whole').textContent.endsWith('Comment: Ask again')")
    assert not look.call("viewer.go('Nowhere!C7')")


def test_a_text_of_twenty_thousand_lines(tab: Page, origin: str) -> None:
    look = Look(tab, origin, "log.txt", kind="text", segments=LINES)
    assert look.count(".v-line") < 150
    assert serious(tab) == []
    assert look.call("viewer.go('line=9040-9044')")
    assert look.count(".v-marked") == 5
    assert look.count(".v-line") < 150
    look.call("viewer.focus()")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    assert look.taken[0]["anchor"] == "line=9041"
    look.call("viewer.search()")
    tab.keyboard.type("line 15000 of")
    tab.keyboard.press("Enter")
    look.until("document.querySelector('.v-found').textContent === 'line=15000 (1 places)'")
    select = """() => {
      const [from, to] = [...document.querySelectorAll('.v-words-of')].slice(3, 6).filter((_, at) => at !== 1);
      getSelection().setBaseAndExtent(from.firstChild, 0, to.firstChild, 4);
      return from.closest('.v-line').querySelector('.v-anchor').textContent;
    }"""
    first = int(str(tab.evaluate(select)).removeprefix("line="))
    assert look.call("viewer.anchor()")["anchor"] == f"line={first}-{first + 2}"


def test_a_picture_is_framed_and_zoomed(tab: Page, origin: str) -> None:
    look = Look(tab, origin, "plan.png", kind="image", src="/p/1.png")
    look.until("place !== ''")
    tab.get_by_role("button", name="Frame a place on the picture").press("Enter")
    tab.keyboard.press("Shift+ArrowUp")
    tab.keyboard.press("Enter")
    assert look.taken[0]["anchor"] == "0,0,1,0.98"
    assert look.call("viewer.go('0.25,0.25,0.5,0.5')")
    look.call("viewer.zoom(1)")
    look.until("place.endsWith('150 %')")
    assert serious(tab) == []


def test_an_archive_is_a_tree_whose_entries_open_in_their_own_viewers(tab: Page, origin: str) -> None:
    names = ["a/b.txt", "a/c/d.pdf", "a/c/e.py"]
    entries = [[f"entry={name}", f"{name} (5 bytes)"] for name in names]
    entries += [["entry=a/c/e.py,line=1", "def farm():  # why"], ["entry=a/c/e.py,line=2", "    return 17"]]
    look = Look(tab, origin, "all.zip", kind="archive", segments=entries)
    look.call("viewer.focus()")
    tab.keyboard.press("ArrowDown")
    tab.get_by_role("button", name="Take the chosen entry as evidence").click()
    assert look.taken[0]["anchor"] == "entry=a/b.txt"
    assert look.call("viewer.go('entry=a/c/d.pdf,page=2#0.1,0.1,0.2,0.2')")
    look.until("document.querySelector('.v-entry [data-page=\"2\"] .v-mark')")
    assert look.call("viewer.anchor()")["anchor"] == "entry=a/c/d.pdf,page=2"
    assert tab.get_by_role("link", name="Download the entry").get_attribute("href") == "/p/download"
    assert serious(tab) == []
    look.call("viewer.focus()")
    tab.keyboard.press("Escape")
    assert look.call("document.activeElement.dataset.anchor") == "entry=a/c/d.pdf"
    assert look.count(".v-entry *") == 0
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    look.until("document.activeElement.closest('.v-entry') !== null")
    assert "It only leads elsewhere." in tab.inner_text(".v-entry"), "and yet its text is at hand"
    assert tab.locator(".v-entry .v-code-word").all_inner_texts() == ["def", "return"]
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    assert look.taken[1] == {"kind": "quote", "anchor": "entry=a/c/e.py,line=2", "text": "    return 17"}
    assert look.call("viewer.go('entry=a/c/e.py,line=1-2')")
    assert look.count(".v-entry .v-marked") == 2
    assert not look.call("viewer.go('entry=z.txt')")
    assert tab.locator("[role=treeitem][data-anchor]").count() == len(names), "lines are no entries"


def test_a_workbook_has_its_pages_and_its_text_beside(tab: Page, origin: str) -> None:
    text = [["Data!A1", "Words of a cell"], ["paragraph=2", "More words"]]
    both = Look(
        tab, origin, "b.xlsx", kind="sheet", sheets=SHEETS, pages=PAGES[:2], segments=text, flags=["Has macros"]
    )
    assert tab.get_by_role("group", name="How it is shown").locator("button").all_inner_texts() == [
        "Table",
        "Pages",
        "Text",
    ]
    assert "Has macros" in tab.inner_text("#host")
    assert both.call("viewer.go('page=2')")
    assert both.call("viewer.go('paragraph=2')")
    assert both.count("[role=grid]") == 0
    assert both.call("viewer.go('Data!B3')") is True


CODE = """# Sums
def total(rows):
    \"\"\"All of
    them\"\"\"
    return sum(rows) * 1.19  # 'tax'"""


@pytest.mark.parametrize("look_of", ["light", "dark"])
def test_code_is_coloured_and_stays_what_it_is(tab: Page, origin: str, look_of: Literal["light", "dark"]) -> None:
    tab.emulate_media(color_scheme=look_of)
    lines = CODE.split("\n")
    look = Look(
        tab, origin, "sum.py", kind="text", segments=[[f"line={n}", one] for n, one in enumerate(lines, 1)]
    )
    assert tab.locator(".v-words-of").all_text_contents() == lines
    kinds = {
        name: tab.locator(f".v-code-{name}").all_text_contents() for name in ("comment", "text", "number", "word")
    }
    assert kinds == {
        "comment": ["# Sums", "# 'tax'"], "text": ['"""All of', '    them"""'], "number": ["1.19"],
        "word": ["def", "return"],
    }  # fmt: skip
    assert look.call("viewer.go('line=2-5')")
    assert serious(tab) == [], "contrast, also of what is marked"


def test_nothing_to_show_is_said(tab: Page, origin: str) -> None:
    look = Look(tab, origin, "x.bin", kind="none", problem="It is encrypted.")
    assert "It is encrypted." in tab.inner_text("#host")
    assert "Download it" in tab.inner_text("#host")
    assert look.call("viewer.anchor()")["anchor"] is None
    assert look.call("[viewer.go('line=1'), viewer.search(), viewer.page(1) ?? null]") == [False, False, None]


def test_what_changed_in_lines_cells_and_pages(tab: Page, origin: str) -> None:
    tab.emulate_media(reduced_motion="reduce")
    tab.goto(origin)
    tab.evaluate("""async () => {
      const { openChanges } = await import("/static/viewers/changes.mjs");
      const { Api } = await import("/static/api.mjs");
      const change = { path: "a.docx", change: "changed" };
      const of = { api: new Api("a"), change, index: 0, file: { name: "a.docx" } };
      window.viewer = await openChanges(document.getElementById("host"), of);
    }""")
    assert tab.locator(".v-line").count() < 150
    tab.evaluate("viewer.page(1)")
    tab.locator("ins", has_text="New words").wait_for()
    assert tab.locator("del").all_inner_texts() == ["Old words"]
    assert serious(tab) == []
    tab.get_by_role("button", name="Cells").press("Enter")
    assert "Data!B2" in tab.inner_text("#host")
    tab.get_by_role("button", name="Pages", exact=True).press("Enter")
    assert tab.locator(".v-pair").count() == 1, "only what differs"
    assert tab.get_by_role("button", name="Turn from one version").count() == 0, "nothing moves by itself here"
    tab.evaluate("viewer.focus()")
    tab.keyboard.press(" ")
    assert tab.inner_text(".v-which") == "Before"
    tab.keyboard.press(" ")
    assert tab.inner_text(".v-which") == "Now"
    tab.get_by_role("button", name="Also the pages that are the same").press("Enter")
    tab.get_by_label("Page 1, the same").wait_for()
