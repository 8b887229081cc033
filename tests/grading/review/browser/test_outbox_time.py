"""Time worked is counted once, only where somebody works; a lease is renewed, and its loss is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from playwright.sync_api import Page, Route
from sqlalchemy import select

from grading.tables import REVIEW_ACTIVITY
from tests.grading.review.browser.boxes import eventually
from tests.grading.review.browser.served import Served

_ACTIVITY = """async (alias) => {
  const { Activity } = await import("/static/activity.mjs");
  const { Api } = await import("/static/api.mjs");
  Api.csrf = await fetch("/api/session").then((answer) => answer.json()).then(({ csrf }) => csrf);
  window.activity = new Activity({ api: new Api(alias), person: "local", alias });
  activity.on({ criterion: "tone" });
  activity.start();
}"""
_LEASE = """async (alias) => {
  const { Lease } = await import("/static/lease.mjs");
  const { Api } = await import("/static/api.mjs");
  Api.csrf = await fetch("/api/session").then((answer) => answer.json()).then(({ csrf }) => csrf);
  window.said = [];
  window.lease = new Lease({ api: new Api(alias) });
  for (const type of ["renewed", "lost", "ending", "locked", "signed-out"]) {
    lease.addEventListener(type, () => said.push(type));
  }
  lease.start();
}"""
_SIGN = "dispatchEvent(new Event('keydown'))"


class Heard:
    """Intervals that a server was told."""

    def __init__(self, tab: Page) -> None:
        self.intervals: list[dict[str, Any]] = []
        self.reachable = True
        tab.context.route("**/activity", self._answer)

    def _answer(self, route: Route) -> None:
        if not self.reachable:
            route.abort()
            return
        body: Any = route.request.post_data_json
        self.intervals += body["intervals"]
        route.fulfill(json={"taken": len(body["intervals"])})

    def spans(self) -> list[tuple[float, float, str | None]]:
        """(begin, end, criterion) in seconds since the first, each begin once."""
        once = {one["begin"]: one for one in self.intervals}
        rows = [
            (_seconds(one["begin"]), _seconds(one["end"]), one.get("criterion"))
            for one in sorted(once.values(), key=lambda each: str(each["begin"]))
        ]
        return [(begin - rows[0][0], end - rows[0][0], where) for begin, end, where in rows]


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _at_work(served: Served, tab: Page, alias: str) -> None:
    tab.goto(f"{served.app}/healthz")
    tab.evaluate(_ACTIVITY, alias)


def test_idle_time_is_not_time_worked_and_each_criterion_has_its_own(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    heard = Heard(tab)
    tab.clock.install()
    _at_work(served, tab, alias)
    tab.clock.pause_at(float(tab.evaluate("Date.now()")) / 1000 + 5)
    heard.reachable = False
    tab.evaluate(_SIGN)
    tab.clock.run_for(10_000)
    tab.evaluate("activity.on({ criterion: 'rows' })")
    tab.evaluate(_SIGN)
    tab.clock.run_for(600_000)
    tab.evaluate(_SIGN)
    tab.clock.run_for(5_000)
    heard.reachable = True
    tab.evaluate("activity.flush()")
    eventually(lambda: sum(end - begin for begin, end, _ in heard.spans()) >= 74, tab)
    spans = heard.spans()
    worked = {name: sum(end - begin for begin, end, where in spans if where == name) for name in ("tone", "rows")}
    assert round(worked["tone"]) == 10
    assert round(worked["rows"]) == 60 + 5, "a minute after the last sign, and what came after the pause"
    assert all(end <= begin for (_, end, _), (begin, _, _) in pairwise(spans))
    assert tab.evaluate("activity.total") == 75_000
    assert tab.evaluate("activity.since()") == 0, "the server has the intervals themselves"


def test_all_intervals_follow_the_servers_clock_whenever_it_answers(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    heard = Heard(tab)
    tab.clock.install(time=datetime.now(UTC) + timedelta(hours=1))
    tab.goto(f"{served.app}/healthz")
    held: list[Route] = []
    tab.route("**/healthz", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks what it is given
    tab.evaluate(_ACTIVITY, alias)
    eventually(lambda: bool(held), tab)
    for criterion in ("rows", "sources"):
        tab.evaluate(_SIGN)
        tab.clock.run_for(1000)  # the server may take five seconds
        tab.evaluate("(criterion) => activity.on({ criterion })", criterion)
    assert heard.intervals == []
    held[0].continue_()
    tab.wait_for_function("() => activity.skew < -3_000_000")
    tab.evaluate(_SIGN)
    tab.clock.run_for(3000)
    tab.evaluate("activity.flush()")
    eventually(lambda: len(heard.spans()) >= 3, tab)
    now = datetime.now(UTC).timestamp()
    assert all(abs(_seconds(one["begin"]) - now) < 1800 for one in heard.intervals)


def test_two_tabs_never_count_a_moment_twice(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    heard = Heard(tab)
    second = tab.context.new_page()
    _at_work(served, tab, alias)
    _at_work(served, second, alias)
    for page in (tab, second, tab, second):
        page.evaluate(_SIGN)
        page.wait_for_timeout(1500)
    for page in (tab, second):
        page.evaluate("activity.flush()")
    eventually(lambda: len(heard.spans()) >= 4, tab)
    spans = heard.spans()
    # One tab hears of the other a moment later, on a busy machine some tenths of a second.
    assert all(end <= begin + 1.0 for (_, end, _), (begin, _, _) in pairwise(spans))


def test_the_server_keeps_the_intervals_whatever_clock_the_browser_has(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    tab.clock.install(time=datetime.now(UTC) + timedelta(hours=1))
    tab.goto(f"{served.app}/healthz")
    tab.evaluate(_LEASE, alias)
    tab.wait_for_function("() => said.includes('renewed')")
    tab.evaluate(_ACTIVITY, alias)
    tab.wait_for_function("() => activity.skew < -3_000_000")
    tab.evaluate(_SIGN)
    tab.clock.run_for(2000)
    tab.evaluate("activity.flush()")

    def rows() -> list[Any]:
        with served.book.database.read() as connection:
            return list(connection.execute(select(REVIEW_ACTIVITY)))

    eventually(lambda: len(rows()) >= 1, tab)
    assert (rows()[0].slot, rows()[0].reviewer, rows()[0].criterion) == (alias, "local", "tone")


def test_a_lease_is_renewed_every_half_minute_and_its_loss_is_said_once(served: Served, tab: Page) -> None:
    alias = served.publish()
    served.sign_in(tab)
    beats: list[int] = []
    status = [200]

    def answer(route: Route) -> None:
        beats.append(status[0])
        bodies = {200: {"expires": "2030-01-01T00:00:00.000Z"}, 409: {"lost": True}}
        route.fulfill(status=status[0], json=bodies.get(status[0], {}))

    tab.route("**/lease", answer)
    tab.clock.install()
    tab.goto(f"{served.app}/healthz")
    tab.evaluate(_LEASE, alias)
    tab.wait_for_function("() => said.includes('renewed')")
    for beat in (2, 3):
        tab.clock.run_for(30_000)
        tab.wait_for_function("(beat) => said.filter((one) => one === 'renewed').length >= beat", arg=beat)
    status[0] = 401
    tab.clock.run_for(30_000)
    tab.wait_for_function("() => said.includes('signed-out')")
    status[0] = 409
    tab.clock.run_for(30_000)
    tab.wait_for_function("() => said.includes('lost')")
    before = len(beats)
    tab.clock.run_for(120_000)
    assert len(beats) == before, "who has lost it does not ask for it by themselves"
    status[0] = 200
    assert tab.evaluate("lease.take()")
    assert tab.evaluate("lease.expires instanceof Date")
