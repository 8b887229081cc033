"""Every page of the app, as every role sees it: axe finds nothing grave, and enlarged nothing lies beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi.routing import APIRoute
from playwright.sync_api import Page, expect
from sqlalchemy import select

from agents import AGENT_MIGRATIONS, SqlTranscript
from core import LLM_MIGRATIONS, Database
from grading import PEOPLE_MIGRATIONS, People, ReviewDesk, Reviewing, Role, Scope
from grading.adjudication.due import adjudications_due
from grading.adjudication.pay_rule import PayRule, set_rule
from grading.adjudication.tables import ADJUDICATIONS
from grading.adjudication.tickets import open_ticket, set_voided
from grading.people.accounts import Account
from grading.review.drafts import Draft
from grading.tables import REVIEW_ITEMS
from rubrics import Verdict
from tests.grading.exporting.told import Told
from tests.grading.overview.told import EXECUTION, TRIAL, ToldRuns
from tests.grading.people.support import GOOD, quick_passwords
from tests.grading.review.browser.served import CRITERIA, WAIT, Served, migrations
from tests.grading.review.browser.test_grading_axe import findings
from tests.grading.synthetic import table

MS = WAIT * 1000
BODY = re.compile(r"(?s)<main.*</main>")
# What differs from one time or address to the next.
HIDDEN = re.compile(r'(?s)name="(csrf|following)" value="[^"]*"|<time.*?</time>')
_CONTRAST = (
    "axe.run({ runOnly: ['color-contrast'] }).then(({ violations }) => violations.flatMap((one) => one.nodes)"
)
_CONTRAST += ".map((node) => `${node.target}: ${node.failureSummary}`))"
# What is shown as a page, and is none of the app's own: files, and where one comes by on the way.
NO_PAGES = ("/api/", "/static", "/enter", "/oidc", "/healthz", "/pay.csv")
# What parts of a path may be; a route with another one fails this test until it is named here.
VALUES = {"kind": ["deliverables"], "index": ["0"], "rest": [], "run": ["run-7"], "trial": [TRIAL]}
VALUES |= {"execution": [EXECUTION]}
_BESIDE = """all => all.filter((one) => one.getBoundingClientRect().right > 320)
  .map((one) => `${one.tagName} ${one.className} ${one.id}`).slice(0, 5)"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Served]:
    """Two reviewers have locked and differ; a ticket is open, a criterion voided, one more submission waits."""
    steps = [*migrations(), *PEOPLE_MIGRATIONS, *AGENT_MIGRATIONS, *LLM_MIGRATIONS]
    database = Database(tmp_path / "upbench.db", steps)
    people = People(database, passwords=quick_passwords())
    for role in Role:
        people.add(f"{role.value}.one", by="operator", name=role.value.title(), roles=[role], password=GOOD)
    other = people.add("other", by="operator", roles=[Role.reviewer])
    lines = tuple(table("an agent", n=12, a=4, m=6, b=3, run="run-7"))
    runs = ToldRuns("run-7", "an agent", job="settled", attempt=f"{1:08x}.1.alone", of_run=lines)
    one = Served(tmp_path, database, people=people, oversight=runs, exports=Told(lines[:3]))
    for kind, body in (("assignment", {"task": "Write. " * 90}), ("meditation", {"depth": "3" * 90})):
        SqlTranscript(database, one.blobs, EXECUTION).append(kind, body)
    alias = one.publish(title="Settled", reviewing=Reviewing(primary=2))
    for person, word in ((people.get("reviewer.one"), Verdict.passed), (other, Verdict.failed)):
        lock(one, person, word)
    one.publish(title="Agreed")
    lock(one, other, Verdict.passed)
    one.publish(title="Open", missing=("*.pdf",))
    with database.write() as connection:
        item = connection.execute(select(REVIEW_ITEMS).where(REVIEW_ITEMS.c.alias == alias)).one()
        set_rule(connection, PayRule(currency="EUR", hourly=4500), "lead")
        adjudications_due(connection, item.alias)
        open_ticket(connection, item.alias, "tone", other.id, "Plain to whom?")
        set_voided(connection, item.grading_digest, "summary", voided=True, by="operator", reason="Of no length.")
    one.start()
    yield one
    one.stop()
    database.close()


def lock(place: Served, account: Account, word: Verdict) -> None:
    desk = ReviewDesk(place.book, account.person)
    mine = desk.take_next() or ""
    for name, _, _ in CRITERIA:
        desk.save(mine, name, 0, Draft(verdict=word, feedback="Two rows, not 17."))
    desk.judge(mine, 0, "pass")
    desk.lock(mine)


def paths_of(place: Served, account: Account) -> Iterator[str]:
    """Every page that there is, with everything that stands in its address."""
    mine = [review.alias for review in ReviewDesk(place.book, account.person).queue()]
    with place.database.read() as connection:
        cases = [str(alias) for alias in connection.execute(select(ADJUDICATIONS.c.alias)).scalars()]
        items = [str(alias) for alias in connection.execute(select(REVIEW_ITEMS.c.alias)).scalars()]
    assert cases
    assert place.people is not None
    for route in place.pages.routes:
        if (
            not isinstance(route, APIRoute)
            or "GET" not in (route.methods or ())
            or route.path.startswith(NO_PAGES)
        ):
            continue
        if "{how}" in route.path:
            continue
        there = {"/adjudications/": cases, "/lead/gold/": items}.get(route.path.partition("{")[0], mine)
        values = VALUES | {
            "alias": [*there, "0123456789abcdef"],
            "rest": [one.id.removeprefix("p-") for one in place.people.list()][:1],
            "person": [place.people.get("reviewer.one").id],
        }
        names = re.findall(r"{(\w+)", route.path)
        for chosen in product(*(values[name] for name in names)):
            yield re.sub(r"{\w+(:\w+)?}", "{}", route.path).format(*chosen)


def test_every_page_as_every_role_sees_it(place: Served, tab: Page) -> None:
    expect.set_options(timeout=MS)
    tab.set_default_timeout(MS)
    assert place.people is not None
    accounts = [None, *(place.people.get(f"{role.value}.one") for role in Role)]
    admin = place.people.get("admin.one").id
    place.people.tokens.make(admin, by=admin, name="nightly", scopes=[Scope.export])
    key, _ = place.people.invitations.make(by=admin)
    more = (f"/invitation?key={key}", "/people/audit?before=3")
    seen: set[str] = set()
    wrong: dict[str, object] = {}
    for account in accounts:
        first = True
        tab.context.clear_cookies()
        if account is not None:
            key = place.people.sessions.begin(account.person)
            tab.context.add_cookies(
                [{"name": "upbench_review", "value": key, "url": place.app, "sameSite": "Strict"}]
            )
        for path in dict.fromkeys((*paths_of(place, account or place.people.get("other")), *more)):
            answer = tab.request.get(f"{place.app}{path}")
            assert answer.status < 500, path
            if not answer.headers.get("content-type", "").startswith("text/html"):
                continue
            (said,) = BODY.findall(answer.text())
            said = HIDDEN.sub("", said)
            if said in seen and not first:
                continue
            first = False
            seen.add(said)
            if faults := faults_of(tab, f"{place.app}{path}"):
                wrong[f"{account.login if account else 'nobody'} {path}"] = faults
    assert wrong == {}
    assert len(seen) > 15


def faults_of(tab: Page, address: str) -> list[object]:
    """What is wrong with a page: in light and in dark, at 1280 and enlarged four times."""
    faults: list[object] = []
    tab.set_viewport_size({"width": 1280, "height": 720})
    tab.goto(address)
    if "/review/" in urlsplit(address).path and tab.locator("#criteria").count():
        expect(tab.locator(".card[aria-current]")).to_have_count(1)
    if not tab.title():
        faults.append("has no title")
    tab.emulate_media(color_scheme="light", reduced_motion="reduce")
    faults += findings(tab)
    tab.emulate_media(color_scheme="dark")
    faults += tab.evaluate(_CONTRAST)
    tab.set_viewport_size({"width": 320, "height": 256})
    if (wide := tab.evaluate("document.documentElement.scrollWidth")) > 320:
        beside = tab.locator("main *").evaluate_all(_BESIDE)
        faults.append(f"is {wide} wide: {beside}")
    if moving := tab.evaluate("document.getAnimations().length"):
        faults.append(f"{moving} things move")
    return faults
