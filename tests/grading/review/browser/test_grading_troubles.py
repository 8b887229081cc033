"""The grading page where something goes wrong: the server, the line, the session, the account, the lease."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import select, update

from core import Database
from grading import PEOPLE_MIGRATIONS, People, ReviewDesk, Role
from grading.adjudication.tickets import decide, tickets
from grading.people.accounts import Account
from grading.review.drafts import Draft
from grading.tables import REVIEW_ACTIVITY, REVIEW_SLOTS
from rubrics import Verdict
from tests.grading.people.support import quick_passwords
from tests.grading.review.browser.boxes import eventually
from tests.grading.review.browser.served import Served, migrations
from tests.grading.review.browser.test_grading import active, opened, saved, verdicts

_LOOKED_AT_AGAIN = "document.dispatchEvent(new Event('visibilitychange'))"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Served]:
    """The app of people with accounts."""
    database = Database(tmp_path / "upbench.db", [*migrations(), *PEOPLE_MIGRATIONS])
    one = Served(tmp_path, database, people=People(database, passwords=quick_passwords()))
    one.start()
    yield one
    one.stop()
    database.close()


def people(place: Served) -> People:
    assert place.people is not None
    return place.people


def come_in(place: Served, tab: Page, account: Account) -> str:
    """Sign somebody in; returns the key of the session."""
    key = people(place).sessions.begin(account.person)
    tab.context.clear_cookies()
    tab.context.add_cookies([{"name": "upbench_review", "value": key, "url": place.app, "sameSite": "Strict"}])
    return key


def banner(tab: Page) -> Any:
    return expect(tab.locator("#banner"))


def test_the_server_dies_at_every_step_of_a_review(served: Served, tab: Page) -> None:
    criteria = [("rows", "critical", "Holds 17 rows"), ("tone", "important", "Speaks plainly")]
    for title in ("A", "B"):
        served.publish(title=title, criteria=criteria)
    served.sign_in(tab)
    page = opened(served, tab, served.desk().take_next() or "")
    title = page.title()
    expect(page.locator(".pane-body").first).to_contain_text("Acker")
    steps = (("1",), ("j", "2"), tuple("No word is plain."), ("Escape", "e"), ("j", "2"))
    for keys in steps:
        served.stop()
        for key in keys:
            page.keyboard.press(key)
        banner(page).to_contain_text("No connection")
        served.start()
        page.evaluate("dispatchEvent(new Event('focus'))")  # or else it tries again after a while
        saved(page)
        banner(page).to_be_hidden()
    assert verdicts(page) == ["pass", "fail", "fail"]
    page.keyboard.press("Control+Enter")
    expect(page.locator("#sheet-summary")).to_contain_text("1 pass, 1 fail")
    served.stop()
    page.locator("#sheet-submit").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#sheet-error")).to_contain_text("cannot be reached")
    served.start()
    lost: list[int] = []

    def lose(route: Route) -> None:
        lost.append(route.fetch().status)
        route.abort()

    page.route("**/lock", lose, times=1)
    page.keyboard.press("Enter")
    expect(page.locator("#sheet-error")).to_contain_text("cannot be reached")
    assert lost == [200], "it is locked, and the page does not know"
    page.keyboard.press("Enter")
    expect(page.locator(".top-title h1")).not_to_have_text(title)
    (attempt,) = served.settled
    (evaluation,) = (one for one in served.book.verdicts_of(attempt) if one.grader_kind == "human")
    given = {one.criterion: one for one in evaluation.verdicts}
    assert (given["rows"].verdict, given["tone"].verdict) == (Verdict.passed, Verdict.failed)
    assert given["tone"].feedback == "No word is plain."
    assert [one.file for one in given["tone"].evidence] == ["leads.csv"]
    assert evaluation.judgement == "fail"


def test_a_review_is_submitted_once_whatever_is_pressed_meanwhile(served: Served, tab: Page) -> None:
    for title in ("A", "B", "C"):
        served.publish(title=title, criteria=[("rows", "critical", "Holds 17 rows")])
    served.sign_in(tab)
    page = opened(served, tab, served.desk().take_next() or "")
    first = page.title()
    for key in ("1", "j", "1"):
        page.keyboard.press(key)
    held: list[Route] = []
    page.route("**/lock", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks what it is given
    page.keyboard.press("Control+Enter")
    page.locator("#sheet-submit").focus()
    for _ in range(3):
        page.keyboard.press("Enter")
    eventually(lambda: bool(held), page)
    answer = held[0].fetch()
    with page.expect_response("**/lease"):  # which says as well that it is locked, before the answer is here
        page.evaluate(_LOOKED_AT_AGAIN)
    held[0].fulfill(response=answer)
    expect(page.locator(".top-title h1")).not_to_have_text(first)
    expect(active(page)).to_have_count(1)
    assert len(held) == 1
    assert len(served.settled) == 1
    assert served.desk().counts() == {"open": 1, "claimed": 1, "locked": 1}


def test_what_is_given_back_stays_given_back_and_its_time_is_kept(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    page = opened(served, tab, alias)
    page.keyboard.press("1")
    saved(page)
    held: list[Route] = []
    page.route("**/lease", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks what it is given
    page.evaluate(_LOOKED_AT_AGAIN)
    eventually(lambda: bool(held), page)
    page.locator("[data-do=release]").focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(100)
    held[0].continue_()
    expect(page.locator("#take")).to_be_visible()
    assert served.desk().counts() == {"open": 1, "claimed": 0, "locked": 0}

    def timed() -> list[str]:
        with served.database.read() as connection:
            return list(connection.execute(select(REVIEW_ACTIVITY.c.slot).distinct()).scalars())

    eventually(lambda: timed() == [alias], page)


def test_without_a_connection_nothing_is_given_back_and_the_page_stays(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    page = opened(served, tab, alias)
    page.keyboard.press("1")
    saved(page)
    page.context.set_offline(True)
    page.locator("[data-do=release]").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_contain_text("not given back")
    page.context.set_offline(False)
    assert served.desk().counts() == {"open": 0, "claimed": 1, "locked": 0}
    other = opened(served, page.context.new_page(), alias)
    page.keyboard.press("Enter")
    for one in (page, other):  # one that stayed would take it again
        expect(one.locator("#take")).to_be_visible()
    assert served.desk().counts() == {"open": 1, "claimed": 0, "locked": 0}


def test_what_was_given_back_elsewhere_and_is_somebody_elses_now_is_said(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    page = opened(served, tab, alias)
    page.keyboard.press("1")
    saved(page)
    served.desk().release(alias)
    ReviewDesk(served.book, "somebody").lease(alias)
    page.keyboard.press("j")
    page.keyboard.press("3")
    expect(page.locator("#status")).to_have_text(
        "This review is no longer yours: 1 change is kept in this browser"
    )
    page.evaluate(_LOOKED_AT_AGAIN)
    banner(page).to_contain_text("not yours any more: it was given back in another window, or withdrawn")
    expect(page.locator(".card > .error:not(:empty)")).to_have_count(0)


def test_a_lease_that_somebody_else_has_is_said_and_taken_again(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    page = opened(served, tab, alias)
    page.keyboard.press("1")
    saved(page)

    def give(reviewer: str | None, state: str) -> None:
        values = {"reviewer": reviewer, "state": state, "expires": None}
        with served.database.write() as connection:
            connection.execute(update(REVIEW_SLOTS).where(REVIEW_SLOTS.c.alias == alias).values(**values))

    give("somebody", "claimed")
    page.evaluate(_LOOKED_AT_AGAIN)
    banner(page).to_contain_text("somebody else has it now")
    page.keyboard.press("j")
    page.keyboard.press("2")
    saved(page)
    banner(page).to_contain_text("somebody else has it now")
    give(None, "open")
    page.get_by_role("button", name="Take it again").focus()
    page.keyboard.press("Enter")
    banner(page).to_be_hidden()
    assert served.desk().open(alias).state == "claimed"
    assert verdicts(page)[:2] == ["pass", "fail"]


def test_a_session_that_ends_and_an_account_that_is_closed_cost_nothing(place: Served, tab: Page) -> None:
    ada = people(place).add("ada", by="operator", roles=[Role.reviewer])
    bob = people(place).add("bob", by="operator", roles=[Role.reviewer])
    alias = place.publish()
    key = come_in(place, tab, ada)
    page = opened(place, tab, alias)
    people(place).sessions.end(key)
    page.keyboard.press("1")
    banner(page).to_contain_text("Signed out: 1 change is kept in this browser")
    come_in(place, page, bob)
    page.evaluate("dispatchEvent(new Event('focus'))")
    banner(page).to_contain_text("Somebody else is signed in here")
    key = come_in(place, page, ada)
    page.evaluate("dispatchEvent(new Event('focus'))")
    saved(page)
    banner(page).to_be_hidden()
    people(place).sessions.end(key)  # and with nothing to save it is the lease that hears of it
    page.evaluate(_LOOKED_AT_AGAIN)
    banner(page).to_contain_text("You have signed out. Changes are kept")
    come_in(place, page, ada)
    page.evaluate(_LOOKED_AT_AGAIN)
    banner(page).to_be_hidden()
    people(place).close(ada.id, by="operator")
    page.evaluate(_LOOKED_AT_AGAIN)
    banner(page).to_contain_text("Your account is closed")
    page.keyboard.press("j")
    page.keyboard.press("3")
    banner(page).to_contain_text("1 change is kept in this browser")
    people(place).reopen(ada.id, by="operator")
    come_in(place, page, ada)
    page.evaluate("dispatchEvent(new Event('focus'))")
    saved(page)
    page.reload()
    assert verdicts(page)[:2] == ["pass", "cannot_judge"]


def test_an_hour_without_a_line_loses_nothing(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    tab.clock.install(time=datetime.now(UTC))
    page = opened(served, tab, alias)
    page.keyboard.press("1")
    saved(page)
    page.context.set_offline(True)
    page.keyboard.press("j")
    page.keyboard.press("2")
    page.keyboard.type("Names no source.")
    page.clock.fast_forward(3_600_000)
    banner(page).to_contain_text("this review may be given to somebody else soon")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("3")
    expect(page.locator("#status")).to_contain_text("No connection: 2 changes are kept")
    page.context.set_offline(False)
    saved(page)
    banner(page).to_be_hidden()
    drafts = served.desk().open(alias).drafts
    assert [drafts[name][1].verdict for name in ("rows", "sources", "tone")] == [
        Verdict.passed,
        Verdict.failed,
        Verdict.cannot_judge,
    ]
    assert drafts["sources"][1].feedback == "Names no source."


def test_two_tabs_show_the_same_review_and_both_hear_of_the_lock(served: Served, tab: Page) -> None:
    alias = served.publish(criteria=[("rows", "critical", "Holds 17 rows"), ("tone", "important", "Is plain")])
    served.sign_in(tab)
    page, other = opened(served, tab, alias), opened(served, tab.context.new_page(), alias)
    page.keyboard.press("1")
    saved(page)
    expect(other.locator(".card").first).to_have_attribute("data-verdict", "pass")
    for key in ("j", "2"):
        other.keyboard.press(key)
    other.keyboard.type("Not plain.")
    expect(page.locator(".card .feedback").nth(1)).to_have_value("Not plain.")
    saved(other)
    for key in ("j", "j", "2"):
        page.keyboard.press(key)
    saved(page)
    page.keyboard.press("Control+Enter")
    page.locator("#sheet-stay").focus()
    page.keyboard.press("Enter")
    for one in (page, other):
        expect(one.locator("main")).to_contain_text("Locked. Your first verdicts stand")
    assert len(served.settled) == 1


def test_a_conflict_is_decided_however_often_it_is_left(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    page = opened(served, tab, alias)
    served.desk().save(alias, "rows", 0, Draft(verdict=Verdict.cannot_judge, feedback="From elsewhere"))
    page.keyboard.press("1")
    expect(page.locator("#conflict")).to_be_visible()
    for _ in range(4):
        page.keyboard.press("Escape")
    expect(page.locator("#conflict")).to_be_visible()
    page.locator("#conflict-keep").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#conflict")).to_be_hidden()
    saved(page)
    assert served.desk().open(alias).drafts["rows"][1].verdict is Verdict.passed


def test_a_ticket_on_a_criterion_is_sent_when_it_can_be_and_a_void_is_said(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    page = opened(served, tab, alias)
    page.keyboard.press("j")
    page.keyboard.press("t")
    expect(page.locator("#ticket-about")).to_contain_text("Criterion 2: Names a source")
    page.keyboard.type("It asks for two things.")
    page.context.set_offline(True)
    page.locator("#ticket-send").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#ticket-error")).to_contain_text("nothing is sent")
    page.context.set_offline(False)

    def sent() -> bool:
        if page.locator("#ticket").is_visible():
            page.keyboard.press("Enter")
        return page.locator("#ticket").is_hidden()

    eventually(sent, page)  # a browser takes a moment to find out that there is a line again
    expect(active(page)).to_be_focused()
    with served.database.write() as connection:
        (ticket,) = tickets(connection)
        assert (ticket.criterion.id, ticket.text) == ("sources", "It asks for two things.")
        decide(connection, ticket.alias, "lead", "void", "It does.")
    page.evaluate(_LOOKED_AT_AGAIN)
    expect(page.locator(".card").nth(1)).to_contain_text("counts for nobody any more")
    expect(page.locator("#live")).to_have_text(re.compile("criterion 2 of 5 counts for nobody any more"))
    page.keyboard.press("k")
    page.keyboard.press("n")
    expect(active(page)).to_have_attribute("data-number", "3")
    page.reload()
    expect(page.locator(".card").nth(1)).to_contain_text("counts for nobody any more")


def test_the_next_is_had_ahead_asked_for_again_after_a_while_and_given_back_by_who_leaves(
    served: Served, tab: Page
) -> None:
    for title in ("A", "B", "C", "D"):
        served.publish(title=title, criteria=[("rows", "critical", "Holds 17 rows")])
    served.sign_in(tab)
    tab.clock.install(time=datetime.now(UTC))
    page = opened(served, tab, served.desk().take_next() or "")
    for key in ("1", "j", "1"):
        page.keyboard.press(key)

    def look_ahead() -> None:
        with page.expect_event("requestfinished", lambda request: "/review/" in request.url):
            page.keyboard.press("Control+Enter")
        assert served.desk().counts()["claimed"] == 2

    look_ahead()
    page.keyboard.press("Escape")
    ahead = served.desk().take_next(after=page.url.rsplit("/")[-1])
    with served.database.write() as connection:
        of_another = {"reviewer": "somebody", "state": "claimed"}
        connection.execute(update(REVIEW_SLOTS).where(REVIEW_SLOTS.c.alias == ahead).values(**of_another))
    page.clock.fast_forward(600_000)
    first = page.title()
    page.keyboard.press("Control+Enter")
    page.locator("#sheet-submit").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".top-title h1")).not_to_have_text(first)
    page.wait_for_url(re.compile("/review/"))
    assert not page.url.endswith(str(ahead)), "that one is somebody else's by now"
    look_ahead()
    page.goto(served.app)
    eventually(lambda: served.desk().counts() == {"open": 1, "claimed": 1, "locked": 1}, page)
