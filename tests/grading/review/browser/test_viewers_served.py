"""Viewers on the grading page: pictures and sound come from the content origin, words and cells from the app."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core import Blobs, Database
from grading import RENDER_MIGRATIONS, Rendered, Renderer, Shelf
from grading.render.model import DrawnPage, DrawnSheet, Picture
from tests.grading.render.made import wav
from tests.grading.review.browser.looks import png
from tests.grading.review.browser.served import WAIT, Served, migrations

WORDS = [[0.1, 0.2, 0.3, 0.05, "Hello"], [0.45, 0.2, 0.3, 0.05, "farms"]]
SITE = b"""<!doctype html><link rel="stylesheet" href="look/site.css"><p>Farms</p><img src="3-plan.png">
<script src="look/site.js"></script>
<script>
fetch("look/data.json").then((a) => a.json()).then(({ farms }) => document.body.append(farms + " told"));
</script>"""
FILES = {
    "1-report.pdf": (b"%PDF-", "application/pdf"),
    "2-table.csv": (b"a,b", "text/csv"),
    "3-plan.png": (png(120, 160), "image/png"),
    "4-call.wav": (wav(1.5), "audio/wav"),
    "5-site.html": (SITE, "text/html"),
    "look/site.css": (b"@import 'more.css'; p { background: url(../3-plan.png) }", "text/css"),
    "look/more.css": (b"p { color: rgb(1, 2, 3) }", "text/css"),
    "look/site.js": (b"document.body.append('Ran beside')", "text/javascript"),
    "look/data.json": (b'{"farms": 17}', "application/json"),
}


def shelved(shelf: Shelf, blobs: Blobs, name: str, **more: object) -> None:
    rendered = Rendered.model_validate(
        {"sha256": blobs.put_bytes(FILES[name][0]), "suffix": name[-4:].replace("html", ".html")} | more
    )
    assert shelf.claim(rendered.sha256, rendered.suffix, "here", "me")
    shelf.keep(rendered, "here", "me", 1.0)


@pytest.fixture
def rendered(tmp_path: Path) -> Iterator[Served]:
    database = Database(tmp_path / "upbench.db", [*migrations(), *RENDER_MIGRATIONS])
    blobs = Blobs(tmp_path / "blobs")
    shelf = Shelf(database, blobs)
    picture = blobs.put_bytes(png(120, 160))
    words = blobs.put_bytes(json.dumps(WORDS).encode())
    pages = [
        DrawnPage(number=n, width=120, height=160, label=f"Page {n}", image=picture, small=picture, words=words)
        for n in range(1, 13)
    ]
    chunk = {"rows": [["farm", "web"], ["Acker", "acker.example"], ["sum", "2"]], "formulas": [[3, 2, "=1+1"]]}
    sheet = DrawnSheet(
        name="", rows=3, columns=2, cells=6, hidden=False, cut=False, merged=(), hidden_rows=(), hidden_columns=(),
        chunks={0: blobs.put_bytes(json.dumps(chunk).encode())}, comments=(),
    )  # fmt: skip
    shelved(shelf, blobs, "1-report.pdf", kind="pages", pages=tuple(pages), segments=(("page=1", "Hello farms"),))
    shelved(shelf, blobs, "2-table.csv", kind="sheet", sheets=(sheet,))
    shelved(shelf, blobs, "3-plan.png", kind="image", picture=Picture(width=120, height=160, image=picture))
    shelved(shelf, blobs, "4-call.wav", kind="audio", facts={"seconds": 1.5})
    shelved(shelf, blobs, "5-site.html", kind="html", segments=(("text=1", "Farms"),))
    one = Served(tmp_path, database, render=Renderer(None, shelf, scratch=tmp_path))
    one.start()
    yield one
    one.stop()
    database.close()


def test_every_kind_of_file_is_shown_on_the_page_and_taken_as_evidence(rendered: Served, tab: Page) -> None:
    tab.set_default_timeout(WAIT * 1000)
    expect.set_options(timeout=WAIT * 1000)
    alias = rendered.publish(deliverables=FILES)
    rendered.sign_in(tab)
    tab.goto(f"{rendered.app}/review/{alias}")
    tab.locator(".file-row", has_text="1-report.pdf").click()
    picture = tab.locator("[data-page='1'] img")
    expect(picture).to_be_visible()
    tab.wait_for_function("() => document.querySelector('[data-page=\"1\"] img').naturalWidth === 120")
    expect(tab.locator("[data-page='1'] .v-word")).to_have_count(2)
    tab.keyboard.press("]")
    tab.keyboard.press("e")
    expect(tab.get_by_role("button", name="Go to 1-report.pdf · page=2")).to_be_visible()
    tab.keyboard.press("f")
    expect(tab.get_by_role("gridcell", name="acker.example")).to_be_visible()
    tab.keyboard.press("f")
    tab.wait_for_function("() => document.querySelector('.v-image img')?.naturalWidth === 120")
    tab.keyboard.press("f")
    tab.wait_for_function("() => document.querySelector('audio')?.duration > 1")
    tab.keyboard.press("f")
    frame = tab.frame_locator("iframe").frame_locator("#page")
    expect(frame.get_by_text("Farms")).to_be_visible()
    assert frame.owner.get_attribute("sandbox") == "allow-same-origin", "nothing in it runs"
    expect(frame.get_by_text("Farms")).to_have_css("color", "rgb(1, 2, 3)")
    expect(frame.locator("img")).to_have_css("width", "120px")
    frame.get_by_text("Farms").click(click_count=3)
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("button", name="Run its scripts")).to_be_focused()
    tab.keyboard.press("e")
    tab.keyboard.press("F")
    tab.get_by_role("button", name="Go to 5-site.html · text=1").click()
    expect(frame.get_by_text("Farms")).to_be_visible()
    chosen = "() => document.querySelector('.pane-name').textContent"
    tab.wait_for_function(f"() => ({chosen})() === '5-site.html'")
    tab.get_by_role("button", name="Run its scripts").click()
    tab.get_by_role("button", name="Run them").click()
    ran = tab.frame_locator("iframe")
    expect(ran.get_by_text("Farms")).to_have_css("color", "rgb(1, 2, 3)")
    expect(ran.locator("img")).to_have_css("width", "120px")
    expect(ran.locator("body")).to_contain_text("Ran beside")
    expect(ran.locator("body")).to_contain_text("17 told")
    assert tab.locator("iframe").get_attribute("sandbox") == "allow-scripts", "of no origin"
