"""The pages for leads over HTTP: what they say, whom they let in, how a review is released."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from agents import AGENT_MIGRATIONS
from core import LLM_MIGRATIONS, Database
from grading import (
    GRADING_MIGRATIONS,
    PEOPLE_MIGRATIONS,
    Book,
    EvaluationLine,
    Person,
    ReviewDesk,
    Role,
    read_audit,
)
from grading.adjudication.cases import case_of, open_cases
from grading.adjudication.tickets import set_voided
from grading.overview import kept
from grading.people.people import People
from grading.review.cookies import COOKIE
from grading.review.problems import NoSuchReview
from grading.tables import REVIEW_ITEMS, REVIEW_SLOTS
from tests.grading.adjudication.support import two_who_differ
from tests.grading.overview.told import EXECUTION, TRIAL, ToldRuns
from tests.grading.overview.world import publish, say, words
from tests.grading.people.support import quick_passwords
from tests.grading.review.apps import AT, app_in, browser
from tests.grading.synthetic import table

RUN = "run <7>"


@dataclass
class World:
    book: Book
    people: People
    runs: ToldRuns
    client: TestClient

    def sign_in(self, login: str, *roles: Role) -> Person:
        person = self.people.add(login, by="cli", name=f"<{login}>", roles=roles).person
        self.client.cookies.clear()
        self.client.cookies.set(COOKIE, self.people.sessions.begin(person))
        self.client.headers.update(
            {"origin": AT.app, "x-csrf-token": self.client.get("/api/session").json()["csrf"]}
        )
        return person

    def page(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        assert "<i>" not in answer.text
        assert not re.search(r"\sstyle=|<script(?! type=\"module\" src)", answer.text)
        return html.unescape(answer.text)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    migrations = [*LLM_MIGRATIONS, *AGENT_MIGRATIONS, *GRADING_MIGRATIONS, *PEOPLE_MIGRATIONS]
    database = Database(tmp_path / "a.db", migrations)
    book, people = Book(database), People(database, passwords=quick_passwords())
    runs = ToldRuns(RUN, "agent <1>", attempt="a1")
    yield World(book, people, runs, browser(app_in(tmp_path, book, people=people, oversight=runs)))
    database.close()


def test_the_overview_names_who_has_what_and_gives_it_back(world: World) -> None:
    alias = publish(world.book, "a1")
    rob = world.sign_in("rob", Role.reviewer)
    desk = ReviewDesk(world.book, rob)
    desk.lease(alias)
    assert world.client.post(f"/lead/slots/{alias}/release").status_code in (403, 404)
    lea = world.sign_in("lea", Role.lead)
    page = world.page("/lead?run=run+%3C7%3E")
    assert "<rob>" in page
    assert f'action="/lead/slots/{alias}/release"' in page
    assert '<option value="run <7>" selected>' in page
    answer = world.client.post(f"/lead/slots/{alias}/release", data={"run": RUN})
    assert answer.headers["location"] == "/lead?run=run+%3C7%3E&done=released"
    page = world.page(answer.headers["location"])
    assert "The review is given back" in page
    assert "<rob>" not in page
    assert world.client.post(f"/lead/slots/{alias}/release").status_code == 404, "nobody has it"
    counts = desk.counts()
    assert (counts["claimed"], counts["open"]) == (0, 1)
    rows = [row for row in read_audit(world.book.database) if row.action == "lead.release"]
    assert [(row.actor, row.subject, row.detail) for row in rows] == [(lea.id, alias, {"reviewer": rob.id})]


def test_a_lead_who_reviews_is_told_neither_what_is_gold_nor_where_a_runs_submission_is(world: World) -> None:
    taken, waiting = publish(world.book, "a1"), publish(world.book, "a2", "essay")
    ReviewDesk(world.book, world.sign_in("rob", Role.reviewer)).lease(taken)
    with world.book.database.write() as connection:
        connection.execute(update(REVIEW_SLOTS).where(REVIEW_SLOTS.c.alias == taken).values(kind="gold"))
    world.sign_in("ann", Role.lead)
    assert "<td>gold</td>" in world.page("/lead")
    assert waiting in world.page("/lead?run=run+%3C7%3E")
    world.sign_in("lea", Role.lead, Role.reviewer)
    assert "<td>review</td>" in world.page("/lead")
    for path, never in (("/lead", (waiting, "<td>gold</td>")), ("/lead?run=run+%3C7%3E", (waiting, taken))):
        page = world.page(path)
        assert [word for word in never if word in page] == []


def test_agreement_is_drawn_and_told_and_counted_anew_when_somebody_judges(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "QUICK_SECONDS", 60.0)
    for number in range(6):
        publish(world.book, f"a{number}", f"job-{number}", primary=2)
        say(world.book, f"a{number}", f"job-{number}", "anna", words("ppf" if number else "fpf"))
        say(world.book, f"a{number}", f"job-{number}", "ben", words("ppf"))
    world.sign_in("lea", Role.admin)
    page = world.page("/lead")
    assert "6 submissions reviewed by two people or more" in page
    plot = page[page.index('<svg class="plot"') : page.index("</svg>", page.index('<svg class="plot"'))]
    assert '<title id="ac1-title">Gwet\'s AC1' in plot
    assert re.search(r'<desc id="ac1-desc">All: 0\.\d\d, interval 0\.\d\d to 1\.00; Critical: ', plot)
    assert "everybody always said the same" in page
    say(world.book, "a1", "job-1", "cleo", words("fff"))
    assert "it is of two people, and 3 judged" in world.page("/lead")


def test_figures_are_counted_once_until_something_changes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "QUICK_SECONDS", 60.0)
    lines = [line.model_copy(update={"run": RUN}) for line in table("agent <1>", n=12, a=4, m=6, b=3)]
    world.runs.of_run = tuple(lines)
    world.sign_in("lea", Role.lead)
    path = "/lead/runs/run%20%3C7%3E/figures"
    page = world.page(path)
    assert "33.3\u202f%" in page
    assert "58.3\u202f%" in page
    assert re.search(r'<desc id="rework-desc">agent <1>, with remarks: 50', page)
    assert re.search(r"uncategorised.*33\u202f% → 58\u202f%", page, re.DOTALL)
    assert (world.page(path), world.runs.counted) == (page, 1)
    publish(world.book, "a1")
    say(world.book, "a1", "letter", "anna", words("ppp"))
    world.page(path)
    assert world.runs.counted == 2
    world.page(f"{path}?policy=strict")
    assert world.runs.counted == 3
    twice = EvaluationLine.model_validate(lines[0].model_dump() | {"verdict": "fail"})
    world.runs.of_run = (*lines, twice)
    say(world.book, "a1", "letter", "ben", words("ppp"))
    assert "a second line by 'r1'" in world.page(path)
    world.runs.of_run = ()
    say(world.book, "a1", "letter", "cleo", words("ppp"))
    assert "There is nothing to count yet." in world.page(path)


def test_a_trial_says_who_said_what(world: World) -> None:
    publish(world.book, "a1")
    say(world.book, "a1", "letter", "anna", words("pf?"), judgement="fail")
    say(world.book, "a1", "letter", "checks", {"rows": "fail"}, grader_kind="check")
    with world.book.database.write() as connection:
        set_voided(connection, "g-letter", "ads", voided=True, by="lead", reason="no")
    world.sign_in("ada", Role.admin)  # who judges nothing, and is not asked
    run = world.page("/lead/runs/run%20%3C7%3E")
    assert TRIAL in run
    page = world.page(f"/lead/runs/run%20%3C7%3E/trials/{TRIAL}")
    assert "agent <1>" in page
    for told in ("anna", "overall fail", "Speaks plainly & well", "anna finds it cannot_judge"):
        assert told in page
    of_record = page[page.index("Of record") : page.index("What was said")]
    words_of_record = re.sub(r"<[^>]+>|\s+", " ", of_record)
    assert re.search(r"17 rows +critical +pass +reviewers .*well +important +fail +reviewers", words_of_record)
    assert re.search(r"Advertises +pitfall +voided", words_of_record)
    empty = world.page(f"/lead/runs/run%20%3C7%3E/trials/{TRIAL}/executions/{EXECUTION}")
    assert "Nothing is written down of it." in empty


@pytest.mark.parametrize("role", [Role.reviewer, Role.adjudicator])
def test_others_are_told_nothing(world: World, role: Role) -> None:
    publish(world.book, "a1")
    world.sign_in("rob", role)
    here = "/lead/runs/run%20%3C7%3E"
    for path in ("/lead", here, f"{here}/figures", f"{here}/trials/{TRIAL}"):
        answer = world.client.get(path)
        assert answer.status_code in (403, 404)
        assert "agent" not in answer.text
    assert "/lead" not in world.client.get("/").text


def test_who_looked_at_a_trial_is_given_no_case_of_its_job(world: World) -> None:
    case = two_who_differ(world.book.database)
    world.runs.job = "lead-list"
    judge = world.sign_in("cora", Role.lead, Role.adjudicator)
    with world.book.database.write() as connection:
        connection.execute(update(REVIEW_ITEMS).values(job="lead-list"))
        assert [one.alias for one in open_cases(connection, judge)] == [case]
    trial = f"/lead/runs/run%20%3C7%3E/trials/{TRIAL}"
    assert "no adjudications of lead-list" in world.page(trial)
    assert world.client.post(f"{trial}/look").status_code == 303
    with world.book.database.read() as connection:
        assert open_cases(connection, judge) == []
        with pytest.raises(NoSuchReview):
            case_of(connection, case, judge)
        other = judge.model_copy(update={"id": "other"})
        assert case_of(connection, case, other).state == "open"
