"""No change is lost: without a line, without the page, without the server, with two tabs, signed out."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, Route

from grading import Evaluation
from grading.review.desk import Draft, ReviewDesk
from rubrics import Verdict
from tests.grading.review.browser.boxes import Box, eventually, review, saved
from tests.grading.review.browser.served import Served

_KEPT_LATE = """(() => {
  const { store } = box;
  const { change } = store;
  const slow = new Promise((go) => { window.go = go; });
  store.change = (...of) => slow.then(() => change.apply(store, of));
  box.put("tone", { verdict: "cannot_judge", feedback: "", evidence: [] }, 100_000);
  store.change = change;
})()"""
TEN = [(f"c{number}", "important", f"Criterion {number}") for number in range(10)]


def test_ten_verdicts_made_offline_are_each_saved_once(served: Served, tab: Page) -> None:
    alias = served.publish(criteria=TEN)
    served.sign_in(tab)
    box = Box(served, tab, alias)
    tab.context.set_offline(True)
    for number in range(10):
        box.put(f"c{number}", verdict="pass")
    box.put("", judgement="pass")
    box.until("offline")
    assert box.call("box.count") == 11
    assert saved(served, alias) == {}
    tab.context.set_offline(False)
    box.until("saved")
    assert saved(served, alias) == {f"c{number}": (1, "pass") for number in range(10)}
    assert review(served, alias).whole[0] == 1
    assert len(box.said("accepted")) == 11


def test_the_newest_of_a_key_counts_and_follows_what_was_already_sent(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    box = Box(served, tab, alias)
    box.call("box.flush()")  # what is put while it looks for what is left of earlier goes with that
    for words in ("a", "ab", "abc"):
        box.put("tone", 10_000, verdict="fail", feedback=words)
    box.put("tone", verdict="fail", feedback="abcd")
    box.until("saved")
    assert saved(served, alias) == {"tone": (1, "fail")}
    box.call("(box.put('tone', {verdict: 'fail', feedback: 'x', evidence: []}, 0), box.flush(), "
             "box.put('tone', {verdict: 'pass', feedback: 'y', evidence: []}, 0), box.flush())")  # fmt: skip
    box.until("saved")
    eventually(lambda: review(served, alias).drafts["tone"][1].feedback == "y", tab)
    assert box.call("box.revision('tone')") == review(served, alias).drafts["tone"][0]


def test_a_wish_kept_after_the_answer_to_an_earlier_one_is_no_conflict(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    box = Box(served, tab, alias)
    held: list[Route] = []
    tab.route("**/criteria/*", lambda route: route.continue_() if held else held.append(route))
    box.put("tone", verdict="pass")
    eventually(lambda: bool(held), tab)
    box.call(_KEPT_LATE)
    held[0].continue_()
    eventually(lambda: len(box.said("accepted")) == 1, tab)
    box.call("go()")
    box.call("box.flush()")
    eventually(lambda: saved(served, alias) == {"tone": (2, "cannot_judge")}, tab)
    assert box.said("conflict") == []


def test_what_a_closed_tab_could_not_send_is_found_and_sent_by_the_next(served: Served, tab: Page) -> None:
    alias, other = served.publish(), served.publish(title="Another list")
    served.sign_in(tab)
    box = Box(served, tab, alias)
    tab.context.set_offline(True)
    box.put("tone", verdict="pass")
    box.put("rows", verdict="fail", feedback="Three rows")
    box.until("offline")
    box.call("box.store.rows()")
    second = tab.context.new_page()
    tab.close()
    second.context.set_offline(False)
    later = Box(served, second, other)
    assert later.found == [], "this is another review"
    eventually(lambda: saved(served, alias) == {"tone": (1, "pass"), "rows": (1, "fail")}, second)


def test_a_reload_offline_shows_again_what_was_put_down(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    box = Box(served, tab, alias)
    served.stop()
    box.put("tone", verdict="pass", feedback="Plain")
    box.until("offline")
    served.start()
    tab.route("**/criteria/*", lambda route: route.abort())
    again = Box(served, tab, alias)
    assert again.found == [["tone", {"verdict": "pass", "feedback": "Plain", "evidence": []}]]
    tab.unroute("**/criteria/*")
    again.call("box.flush()")
    again.until("saved")
    assert saved(served, alias) == {"tone": (1, "pass")}


def test_a_server_that_dies_before_it_answers_gets_the_same_change_again(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    box = Box(served, tab, alias)
    uuids: list[str] = []

    def swallow(route: Route) -> None:
        body: Any = route.request.post_data_json
        uuids.append(body["uuid"])
        if len(uuids) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    tab.route("**/criteria/*", swallow)
    box.put("tone", verdict="pass")
    box.until("offline")
    assert saved(served, alias) == {"tone": (1, "pass")}, "the server had it, the page does not know"
    box.put("tone", verdict="cannot_judge")
    box.until("saved")
    assert saved(served, alias) == {"tone": (2, "cannot_judge")}
    assert (uuids[0] == uuids[1], len(set(uuids))) == (True, 2)
    assert box.said("conflict") == []


def test_a_killed_server_is_waited_for(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    box = Box(served, tab, alias)
    for number, key in enumerate(("rows", "sources", "tone"), 1):
        served.stop()
        box.put(key, verdict="pass")
        box.until("offline")
        served.start()
        box.until("saved")
        assert len(saved(served, alias)) == number
    assert {at for at, _ in saved(served, alias).values()} == {1}


def test_a_fault_of_the_server_is_tried_again(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    box = Box(served, tab, alias)
    answers = iter([503, 500, 429])

    def fault(route: Route) -> None:
        status = next(answers, None)
        route.fulfill(status=status, body="no") if status else route.continue_()

    tab.route("**/criteria/*", fault)
    box.put("tone", verdict="pass")
    box.until("retrying")
    box.until("saved")
    assert saved(served, alias) == {"tone": (1, "pass")}


def test_two_tabs_of_a_review_send_one_at_a_time_and_show_each_other(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    one = Box(served, tab, alias)
    second = tab.context.new_page()
    two = Box(served, second, alias)
    one.put("tone", verdict="pass")
    one.until("saved")
    second.wait_for_function("() => said.some(([type]) => type === 'accepted')")
    assert two.said("elsewhere")[0]["body"]["verdict"] == "pass"
    two.put("tone", verdict="fail", feedback="Too loud")
    two.until("saved")
    assert saved(served, alias) == {"tone": (2, "fail")}, "the second tab went on from the first one's revision"
    tab.context.set_offline(True)
    one.put("rows", verdict="pass")
    two.put("sources", verdict="pass")
    two.put("rows", verdict="cannot_judge")
    one.until("offline")
    tab.context.set_offline(False)
    one.until("saved")
    two.until("saved")
    assert saved(served, alias)["sources"] == (1, "pass")
    assert saved(served, alias)["rows"][1] == "cannot_judge"
    assert one.said("conflict") == two.said("conflict") == []


def test_a_conflict_gives_both_versions_and_keeps_them_over_a_reload(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)

    desk = ReviewDesk(served.book, "local")
    desk.save(alias, "tone", 0, Draft(verdict=Verdict.failed, feedback="On another machine"))
    box = Box(served, tab, alias)
    box.put("tone", verdict="pass")
    box.put("rows", verdict="pass")
    box.until("conflict")
    told = box.said("conflict")[-1]
    assert (told["mine"]["verdict"], told["there"]["verdict"], told["revision"]) == ("pass", "fail", 1)
    eventually(lambda: saved(served, alias) == {"tone": (1, "fail"), "rows": (1, "pass")}, tab)
    eventually(lambda: [key for key, _ in box.call("box.kept()")] == ["tone"], tab)
    again = Box(served, tab, alias)
    assert [key for key, _ in again.found] == ["tone"]
    again.until("conflict")
    assert again.said("conflict")[0]["mine"]["verdict"] == "pass"
    again.call("box.settle('tone', {verdict: 'pass', feedback: 'Mine', evidence: []}, 1)")
    again.until("saved")
    assert saved(served, alias)["tone"] == (2, "pass")


def test_what_is_there_may_be_taken_in_a_conflict(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    ReviewDesk(served.book, "local").save(alias, "tone", 0, Draft(verdict=Verdict.passed))
    box = Box(served, tab, alias)
    box.put("tone", verdict="cannot_judge")
    box.until("conflict")
    box.call("box.drop('tone', 1)")
    assert box.state == "saved"
    box.put("tone", verdict="fail", feedback="Now")
    box.until("saved")
    assert saved(served, alias) == {"tone": (2, "fail")}


def test_signed_out_nothing_is_dropped_and_all_is_sent_after_signing_in(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    box = Box(served, tab, alias)
    tab.context.clear_cookies()
    box.put("tone", verdict="pass")
    box.until("signed-out")
    served.stop()
    served.start()
    second = tab.context.new_page()
    served.sign_in(second)
    box.call("dispatchEvent(new Event('focus'))")
    box.until("saved")
    assert saved(served, alias) == {"tone": (1, "pass")}, "with the new session's token"


def test_changes_of_one_person_are_never_sent_as_another(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    box = Box(served, tab, alias, person="somebody")
    tab.route("**/criteria/*", lambda route: route.fulfill(status=401, body="{}"))
    box.put("tone", verdict="pass")
    box.until("signed-out")
    tab.unroute("**/criteria/*")
    box.call("dispatchEvent(new Event('focus'))")
    box.until("other-person")
    assert saved(served, alias) == {}
    own = Box(served, tab, alias)
    assert own.found == []
    assert own.call("box.flush()")
    assert saved(served, alias) == {}
    assert [key for key, _ in Box(served, tab, alias, person="somebody").found] == ["tone"]


def test_a_refused_change_is_kept_until_it_is_changed(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    box = Box(served, tab, alias)
    box.put("tone", verdict="maybe")
    box.put("rows", verdict="pass")
    box.until("refused")
    assert box.said("refused")[0]["key"] == "tone"
    eventually(lambda: saved(served, alias) == {"rows": (1, "pass")}, tab)
    eventually(lambda: box.call("box.kept().length") == 1, tab)
    box.put("tone", verdict="pass")
    box.until("saved")
    assert saved(served, alias)["tone"] == (1, "pass")


def test_a_lost_lease_keeps_the_drafts_until_the_review_is_taken_again(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    box = Box(served, tab, alias)
    tab.route("**/criteria/*", lambda route: route.fulfill(status=409, json={"error": "lost", "lost": True}))
    box.put("tone", verdict="pass")
    box.until("lost")
    box.put("tone", verdict="cannot_judge")
    assert box.call("box.flush()") is False
    assert box.call("box.kept()")[0][1]["verdict"] == "cannot_judge"
    tab.unroute("**/criteria/*")
    assert box.call("box.resume()") is True
    assert saved(served, alias) == {"tone": (1, "cannot_judge")}


def test_a_review_locked_elsewhere_says_so_and_finish_leaves_nothing(served: Served, tab: Page) -> None:
    alias = served.publish(criteria=TEN[:1])
    served.sign_in(tab)
    box = Box(served, tab, alias)
    desk = ReviewDesk(served.book, "local")
    desk.save(alias, "c0", 0, Draft(verdict=Verdict.passed))
    desk.judge(alias, 0, "pass")
    desk.lock(alias)
    box.put("c0", verdict="fail", feedback="Late")
    box.until("locked")
    assert box.said("locked")
    assert [e.verdicts[0].verdict for e in _human(served, alias)] == [Verdict.passed]
    box.call("box.finish()")
    assert Box(served, tab, alias).found == []


def _human(served: Served, alias: str) -> list[Evaluation]:
    return list(review(served, alias).locked)


def test_without_storage_and_without_locks_changes_are_still_saved(served: Served, tab: Page) -> None:
    alias = served.publish()
    tab.add_init_script("Object.defineProperty(window, 'indexedDB', {value: undefined})")
    tab.add_init_script("Object.defineProperty(navigator, 'locks', {value: undefined})")
    served.sign_in(tab)
    box = Box(served, tab, alias)
    tab.context.set_offline(True)
    box.put("tone", verdict="pass")
    box.until("offline")
    assert box.said("state")[-1]["durable"] is False
    tab.context.set_offline(False)
    box.until("saved")
    assert saved(served, alias) == {"tone": (1, "pass")}
