"""The grading page, by keyboard alone: nothing here moves or presses a mouse."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from grading import Evaluation, Evidence
from grading.review.drafts import Draft
from grading.review.snippets import Snippet, keep_snippets, snippets_of
from rubrics import Verdict
from tests.grading.review.browser.boxes import eventually
from tests.grading.review.browser.served import CRITERIA, DELIVERABLES, WAIT, Served
from tests.grading.review.test_changes_between import Renderer

MS = WAIT * 1000


@pytest.fixture
def desk(served: Served, tab: Page) -> Page:
    """A submission, opened by whoever is signed in."""
    alias = served.publish()
    served.sign_in(tab)
    return opened(served, tab, alias)


def opened(served: Served, tab: Page, alias: str) -> Page:
    expect.set_options(timeout=MS)
    tab.set_default_timeout(MS)
    tab.goto(f"{served.app}/review/{alias}")
    expect(active(tab)).to_have_count(1)
    return tab


def active(tab: Page) -> Any:
    return tab.locator(".card[aria-current]")


def verdicts(tab: Page) -> list[str]:
    """Of every card, the overall judgement last."""
    found = tab.locator(".card").evaluate_all("cards => cards.map((card) => card.dataset.verdict)")
    return [str(one) for one in found]


def saved(tab: Page) -> None:
    expect(tab.locator("#status")).to_have_text(re.compile(r"^Saved \d"))


def of_people(served: Served, attempt: str) -> Evaluation:
    return next(e for e in served.book.verdicts_of(attempt) if e.grader_kind == "human")


def test_a_whole_review_and_on_to_the_next(served: Served, tab: Page) -> None:
    served.publish(title="A")
    served.publish(title="B")
    expect.set_options(timeout=MS)
    tab.set_default_timeout(MS)
    served.sign_in(tab)
    tab.keyboard.press("n")
    expect(active(tab)).to_have_count(1)
    first = tab.title()
    for key in ("1", "j", "2"):
        tab.keyboard.press(key)
    expect(tab.locator(".card[aria-current] .hint")).to_have_text(re.compile("A fail needs feedback"))
    tab.keyboard.type("No row has a source.")
    tab.keyboard.press("Escape")
    tab.keyboard.press("f")
    expect(tab.locator(".pane.active .pane-name")).to_have_text("notes.md")
    expect(tab.locator(".pane.active .pane-body")).to_contain_text("Both keep cattle")
    for key in ("e", "n", "3", "n", "1", "n", "1", "j", "2"):
        tab.keyboard.press(key)
    assert verdicts(tab) == ["pass", "fail", "cannot_judge", "pass", "pass", "fail"]
    tab.keyboard.press("Control+Enter")
    expect(tab.locator("#sheet-summary")).to_contain_text("3 pass, 1 fail, 1 cannot be judged")
    for _ in range(10):
        if tab.evaluate("document.activeElement.id") == "sheet-submit":
            break
        tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    expect(tab.locator(".top-title h1")).not_to_have_text(first)
    assert verdicts(tab) == [""] * 6
    assert "/review/" in tab.url
    assert tab.title() != first
    (attempt,) = served.settled
    evaluation = of_people(served, attempt)
    given = {one.criterion: one for one in evaluation.verdicts}
    assert [one.verdict for one in evaluation.verdicts][:3] == [
        Verdict.passed,
        Verdict.failed,
        Verdict.cannot_judge,
    ]
    assert given["sources"].feedback == "No row has a source."
    assert [one.file for one in given["sources"].evidence] == ["notes.md"]
    assert evaluation.judgement == "fail"
    tab.keyboard.press("1")
    saved(tab)
    tab.reload()
    assert verdicts(tab)[0] == "pass"


def test_no_letter_does_anything_while_somebody_types(desk: Page) -> None:
    desk.keyboard.press("c")
    written = "j1 k2 n3 e c b u g r s v ? [ ] f / + - o a"
    desk.keyboard.type(written)
    assert verdicts(desk) == [""] * 6
    assert desk.locator(".card[aria-current] .feedback").input_value() == written
    assert desk.locator("dialog[open]").count() == 0
    assert desk.locator(".stage.split").count() == 0
    desk.keyboard.press("Escape")
    desk.keyboard.press("2")
    assert verdicts(desk)[0] == "fail"
    saved(desk)


def test_no_two_actions_share_a_key_whatever_is_chosen(desk: Page) -> None:
    table = desk.evaluate("import('/static/keys.mjs').then(({ ACTIONS, QUEUE }) => [ACTIONS, QUEUE])")
    for actions in table:
        keys = [key for action in actions for key in action["keys"]]
        assert len(set(keys)) == len(keys)
        assert len({action["name"] for action in actions}) == len(actions)
    names = [action["name"] for action in table[0] if not action.get("fixed")]
    bindings = desk.evaluate(
        """async (names) => {
            const { bindingsFrom } = await import('/static/keys.mjs');
            const all = [];
            const choose = (a, b) => all.push(bindingsFrom({ [a]: 'j', [b]: 'k', next: 'x' }));
            for (const a of names) for (const b of names) choose(a, b);
            all.push(bindingsFrom({ next: 'Tab', previous: null, nobody: 'q', leave: 'q' }), bindingsFrom(null));
            return all;
        }""",
        names,
    )
    for binding in bindings:
        keys = [key for action in binding.values() for key in action]
        assert len(set(keys)) == len(keys), binding
        assert "Tab" not in keys
        assert binding["leave"] == ["Escape"]


def test_every_action_that_has_a_key_is_in_the_help_and_reached_without_it(desk: Page) -> None:
    desk.keyboard.press("?")
    shown = desk.locator("#keys-table dd").all_inner_texts()
    table = desk.evaluate("import('/static/keys.mjs').then((keys) => keys.ACTIONS)")
    assert shown == [action["says"] for action in table]
    desk.keyboard.press("Escape")
    buttons = set(desk.locator("[data-do]").evaluate_all("all => all.map((one) => one.dataset.do)"))
    radios_and_fields = {"pass", "fail", "cannot_judge", "feedback", "leave"}
    tabs_and_lists = {"file_back", "brief", "other", "compare"}
    tools_of_viewers = {"page", "page_back", "search", "larger", "smaller", "fit"}
    rest = {action["name"] for action in table} - buttons
    assert rest == radios_and_fields | tabs_and_lists | tools_of_viewers


def test_keys_are_changed_and_stay_changed(served: Served, desk: Page) -> None:
    desk.keyboard.press("?")
    desk.locator("[data-action=next]").focus()
    desk.keyboard.press("Enter")
    desk.keyboard.press("k")
    expect(desk.locator("#keys-problem")).to_contain_text("k is taken")
    desk.locator("[data-action=next]").focus()
    desk.keyboard.press("Enter")
    desk.keyboard.press("w")
    expect(desk.locator("[data-action=next]")).to_have_text("w")
    desk.reload()
    expect(active(desk)).to_have_attribute("data-number", "1")
    desk.keyboard.press("j")
    expect(active(desk)).to_have_attribute("data-number", "1")
    desk.keyboard.press("w")
    expect(active(desk)).to_have_attribute("data-number", "2")
    desk.keyboard.press("?")
    desk.locator("#keys-off").focus()
    desk.keyboard.press("Space")
    desk.keyboard.press("Escape")
    desk.keyboard.press("1")
    assert verdicts(desk) == [""] * 6
    assert served.app in desk.url


def test_what_is_open_or_odd_is_said_before_submitting(desk: Page) -> None:
    for key in ("2", "Escape", "j", "1"):
        desk.keyboard.press(key)
    desk.keyboard.press("Control+Enter")
    summary = desk.locator("#sheet-summary")
    for words in (
        "Without a verdict: 3, 4, 5",
        "Fail without feedback: 1",
        "overall judgement is lacking",
        "not opened",
    ):
        expect(summary).to_contain_text(words)
    expect(desk.locator("#sheet-submit")).to_be_disabled()
    desk.keyboard.press("Enter")
    expect(active(desk)).to_have_attribute("data-number", "3")
    desk.keyboard.press("g")
    desk.keyboard.press("6")
    expect(active(desk)).to_have_attribute("data-criterion", "")
    desk.keyboard.press("1")
    desk.keyboard.press("Control+Enter")
    expect(summary).to_contain_text("accept the work although a critical or important criterion fails: 1")
    expect(summary).to_contain_text("Fail without evidence: 1")


def test_undo_absence_and_evidence_that_leads_back(desk: Page) -> None:
    desk.keyboard.press("f")
    expect(desk.locator(".pane.active .pane-body")).to_contain_text("Both keep cattle")
    desk.keyboard.press("e")
    chips = desk.locator(".card[aria-current] .chip-go")
    expect(chips).to_have_count(1)
    desk.keyboard.press("f")
    expect(desk.locator(".pane.active .pane-name")).to_have_text("leads.csv")
    chips.first.focus()
    desk.keyboard.press("Enter")
    expect(desk.locator(".pane.active .pane-name")).to_have_text("notes.md")
    desk.keyboard.press("a")
    desk.keyboard.type("searched for a price")
    desk.keyboard.press("Tab")
    desk.keyboard.press("Enter")
    expect(chips).to_have_count(2)
    expect(chips.nth(1)).to_contain_text("searched for a price")
    desk.keyboard.press("u")
    expect(chips).to_have_count(1)
    desk.keyboard.press("1")
    desk.keyboard.press("u")
    assert verdicts(desk)[0] == ""
    saved(desk)
    desk.reload()
    expect(chips).to_have_count(1)


def test_two_sides_are_kept_and_widened_by_keys(desk: Page) -> None:
    desk.keyboard.press("s")
    right = desk.locator(".pane[data-pane=b]")
    expect(right).to_contain_text("Find farms that may need pumps")
    divider = desk.locator("[data-divider=panes]")
    divider.focus()
    before = float(divider.get_attribute("aria-valuenow") or 0)
    narrow = right.bounding_box()
    desk.keyboard.press("ArrowLeft")
    desk.keyboard.press("ArrowLeft")
    assert float(divider.get_attribute("aria-valuenow") or 0) == before - 4
    wide = right.bounding_box()
    assert narrow is not None
    assert wide is not None
    assert wide["width"] > narrow["width"]
    desk.reload()
    expect(right).to_be_visible()
    expect(divider).to_have_attribute("aria-valuenow", f"{before - 4:g}")
    desk.keyboard.press("o")
    expect(right).to_have_class(re.compile("active"))
    desk.keyboard.press("b")
    expect(right.locator("[role=tab][aria-selected=true]")).to_contain_text("Deliverables")
    desk.keyboard.press("s")
    expect(right).to_be_hidden()


def test_a_comment_kept_before_the_others_were_read_is_put_beside_them(served: Served, desk: Page) -> None:
    keep_snippets(served.database, "local", [Snippet(id="old", text="Written last week.")])
    held: list[Route] = []
    desk.route("**/api/snippets", lambda route: held.append(route) if not held else route.continue_())
    desk.keyboard.press("c")
    desk.keyboard.type("Written now.")
    desk.keyboard.press("Escape")
    desk.keyboard.press("r")
    expect(desk.locator("#snippets-add")).to_be_visible()
    desk.locator("#snippets-add").focus()
    desk.keyboard.press("Enter")
    eventually(lambda: bool(held), desk)
    held[0].continue_()
    expect(desk.locator("#snippets-list li")).to_have_text(["Written now.", "Written last week."])
    eventually(lambda: len(snippets_of(served.database, "local")) == 2, desk)


def test_own_comments_are_kept_found_and_used_again(served: Served, desk: Page) -> None:
    for text in ("The source is missing.", "The sum does not add up."):
        desk.keyboard.press("c")
        desk.keyboard.press("Control+A")
        desk.keyboard.type(text)
        desk.keyboard.press("Escape")
        desk.keyboard.press("r")
        expect(desk.locator("#snippets-add")).to_be_visible()  # what is not shown yet cannot have the focus
        desk.locator("#snippets-add").focus()
        desk.keyboard.press("Enter")
        expect(desk.locator("#snippets-list")).to_contain_text(text)
        desk.keyboard.press("Escape")
        expect(desk.locator("#snippets-add")).to_be_hidden()
    other = opened(served, desk, served.publish(title="Another"))
    other.keyboard.press("r")
    expect(other.locator("#snippets-list li")).to_have_count(2)
    other.keyboard.type("sour")
    expect(other.locator("#snippets-list li")).to_have_count(1)
    other.keyboard.press("Enter")
    assert other.locator(".card[aria-current] .feedback").input_value() == "The source is missing."
    other.keyboard.press("Escape")
    saved(other)


def test_a_reworked_submission_shows_own_earlier_verdicts_and_fills_in_none(served: Served, tab: Page) -> None:
    desk = served.desk()
    first = served.publish()
    for name, _importance, _text in CRITERIA:
        evidence = (Evidence(kind="region", file="leads.csv" if name == "rows" else "notes.md", anchor="line=3"),)
        desk.save(first, name, 0, Draft(verdict=Verdict.failed, feedback=f"Not yet: {name}", evidence=evidence))
    desk.judge(first, 0, "fail")
    attempt = desk.lock(first)
    reworked = {**DELIVERABLES, "notes.md": (b"# Notes\n\nThe list holds three farms.\n", "text/markdown")}
    second = served.publish(deliverables=reworked, previous=attempt)
    served.sign_in(tab)
    page = opened(served, tab, second)
    assert verdicts(page) == [""] * 6
    earlier = page.locator(".earlier summary")
    expect(earlier.first).to_contain_text(
        "Your verdict on the previous submission: Fail · what you cited is unchanged"
    )
    expect(earlier.nth(1)).not_to_contain_text("unchanged")
    page.keyboard.press("v")
    expect(page.locator("[role=tab][aria-selected=true]")).to_have_text("Changes")
    page.keyboard.press("f")
    expect(page.locator(".pane.active .pane-body")).to_contain_text("The list holds three farms.")
    expect(page.locator(".pane.active .pane-body")).to_contain_text("The list holds two farms.")
    page.keyboard.press("v")
    expect(page.locator("[role=tab][aria-selected=true]")).to_contain_text("Deliverables")


def test_what_was_saved_elsewhere_in_between_is_shown_and_decided_by_the_person(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    page = opened(served, tab, alias)
    served.desk().save(alias, "rows", 0, Draft(verdict=Verdict.cannot_judge, feedback="From elsewhere"))
    page.keyboard.press("1")
    expect(page.locator("#conflict")).to_be_visible()
    expect(page.locator("#conflict-there")).to_contain_text("From elsewhere")
    page.keyboard.press("Escape")
    expect(page.locator("#conflict")).to_be_visible()
    page.locator("#conflict-take").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#conflict")).to_be_hidden()
    assert verdicts(page)[0] == "cannot_judge"
    assert page.locator(".card[aria-current] .feedback").input_value() == "From elsewhere"
    page.keyboard.press("1")
    saved(page)
    revision, there = served.desk().open(alias).drafts["rows"]
    assert (revision, there.verdict) == (2, Verdict.passed)


def test_without_a_connection_grading_goes_on_and_says_so(served: Served, desk: Page) -> None:
    desk.context.set_offline(True)
    for key in ("1", "j", "1", "j", "3"):
        desk.keyboard.press(key)
    expect(desk.locator("#banner")).to_contain_text("No connection: 3 changes are kept")
    assert verdicts(desk)[:3] == ["pass", "pass", "cannot_judge"]
    desk.context.set_offline(False)
    expect(desk.locator("#banner")).to_be_hidden()
    saved(desk)
    desk.reload()
    assert verdicts(desk)[:3] == ["pass", "pass", "cannot_judge"]
    assert served.app in desk.url


def test_nothing_to_review_and_nothing_there_are_pages(served: Served, tab: Page) -> None:
    served.sign_in(tab)
    expect(tab.locator("main")).to_contain_text("Nothing is up for review")
    tab.goto(f"{served.app}/review/0123456789abcdef")
    expect(tab.locator("main")).to_contain_text("No such review")


def test_what_is_done_is_announced(desk: Page) -> None:
    desk.keyboard.press("j")
    desk.keyboard.press("1")
    expect(desk.locator("#live")).to_contain_text(f"criterion 2 of {len(CRITERIA)}: pass, saved")


def test_what_changed_is_waited_for_and_renamed_files_and_echoes_are_said(served: Served, tab: Page) -> None:
    served.stop()
    renderer = Renderer(served.blobs)
    served.render = renderer
    served.start()
    before = {"letter.docx": (b"abcdef", "text/plain"), "old.txt": (b"The same.\n", "text/plain")}
    after = {"letter.docx": (b"abXdef", "text/plain"), "new.txt": (b"The same.\n", "text/plain")}
    alias = served.publish(deliverables=after, previous=served.reviewed(served.publish(deliverables=before)))
    echo = served.publish(deliverables=after, previous=served.reviewed(served.publish(deliverables=after)))
    served.sign_in(tab)
    page = opened(served, tab, alias)
    expect(page.locator(".file-row")).to_have_count(2)
    renderer.slow = True
    page.keyboard.press("v")
    rows, shown = page.locator(".file-row"), page.locator(".pane.active .pane-body")
    expect(rows).to_contain_text(["changed", "renamed from old.txt"])
    expect(shown).to_have_text("Reading …")
    renderer.slow = False
    expect(shown.get_by_role("button", name="Pages")).to_be_visible()
    page.keyboard.press("f")
    expect(shown).to_contain_text("The same file under another name.")
    page = opened(served, tab, echo)
    page.keyboard.press("v")
    expect(page.locator(".pane.active .pane-files")).to_contain_text("Nothing differs from the submission before.")
    expect(rows).to_contain_text(["unchanged", "unchanged"])
