"""Leads see runs in the app: trials, transcripts, files, grades and figures; nobody else, and not unasked."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from grading import Book, Person, ReviewDesk, Role, create_content_app, create_review_app, load_secrets, read_audit
from grading.people.people import People
from grading.review.cookies import COOKIE
from grading.review.serve import review_origins
from rubrics import CompletionPolicy
from runs.tables import ATTEMPTS
from tests.grading.people.support import quick_passwords
from tests.runs.project import bench_in, need_sandbox
from tests.upbench.life import MENDED, WRONG, attempts, pack_of
from upbench import Bench, counting
from upbench.counting import figures_of
from upbench.overseeing import ProjectOversight
from upbench.summary import RunSummary

AT = review_origins("127.0.0.1", 9000)
TELLTALE = ("scripted/x", "react", "Step 1")


@dataclass
class World:
    bench: Bench
    run: RunSummary
    people: People
    client: TestClient
    content: TestClient

    def sign_in(self, login: str) -> Person:
        """From now on the client is that person."""
        person = next(one.person for one in self.people.list() if one.login == login)
        self.client.cookies.clear()
        self.client.cookies.set(COOKIE, self.people.sessions.begin(person))
        token = self.client.get("/api/session").json()["csrf"]
        self.client.headers.update({"origin": AT.app, "x-csrf-token": token})
        return person

    def page(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == status, (path, answer.text)
        return html.unescape(answer.text)

    @property
    def here(self) -> str:
        return f"/lead/runs/{self.run.id}"

    def trial(self, agent: str) -> str:
        return next(one.trial for one in self.run.attempts if one.agent.startswith(agent))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bench, RunSummary]]:
    """A run of two agents on one job, each of which hands in."""
    need_sandbox()
    folder = tmp_path_factory.mktemp("overseen")
    pack = pack_of(folder / "own", attempts(WRONG, MENDED))
    with bench_in(folder) as bench:
        yield bench, bench.run(str(pack), agents=["react", "oracle"], models=["scripted/x"], limits=["steps=5"])


@pytest.fixture
def world(ran: tuple[Bench, RunSummary], tmp_path: Path) -> World:
    bench, run = ran
    home, secrets = bench.home, load_secrets(tmp_path / "secrets.json")
    people = People(home.database, passwords=quick_passwords())
    if not people.list():
        for login, roles in (("lea", [Role.lead]), ("both", [Role.lead, Role.reviewer]), ("rob", [Role.reviewer])):
            people.add(login, by="cli", name=login.title(), roles=roles)
    book = Book(home.database)
    app = create_review_app(
        book,
        home.blobs,
        secrets,
        app_origin=AT.app,
        content_origin=AT.content,
        token="",
        people=people,
        oversight=ProjectOversight(home),
    )
    content = create_content_app(home.blobs, secrets, app_origin=AT.app, content_origin=AT.content)
    client = TestClient(app, base_url=AT.app, follow_redirects=False)
    return World(bench, run, people, client, TestClient(content, base_url=AT.content))


def test_a_lead_goes_from_the_run_to_what_an_agent_said_and_handed_in(world: World) -> None:
    world.sign_in("lea")
    assert world.run.id in world.page("/lead")
    trial = f"{world.here}/trials/{world.trial('react')}"
    assert f'href="{trial}"' in world.page(world.here)
    assert "react" not in world.page(trial), "who may judge is asked before"
    assert world.client.post(f"{trial}/look").headers["location"] == trial
    page = world.page(trial)
    assert "handed in" in page.casefold()
    [execution] = re.findall(rf"{re.escape(trial)}/executions/([\w.]+)\"", page)
    story = world.page(f"{trial}/executions/{execution}")
    for told in ("The job was given", "Step 1: the model answered", "submit", "The end: "):
        assert told in story
    [shown] = sorted(set(re.findall(rf"{re.escape(trial)}/attempts/[\w.]+/files/0/download", page)))
    address = world.client.get(shown).headers["location"]
    assert address.startswith(AT.content)
    assert world.content.get(address.removeprefix(AT.content)).status_code == 200
    for lost in ("/trials/t0", f"/trials/{world.trial('react')}/executions/t0.k1.e1", "/trials/t0/executions/x"):
        assert world.client.get(world.here + lost).status_code == 404
    assert world.client.get("/lead/runs/nothing").status_code == 404
    assert world.client.get("/lead?run=nothing").status_code == 404
    assert world.client.get(f"{shown.rsplit('/', 2)[0]}/99/show").status_code == 404


def test_figures_are_those_of_the_report_and_counted_anew_when_somebody_judged(world: World) -> None:
    world.sign_in("lea")
    page = world.page(f"{world.here}/figures")
    figures = world.bench.report(world.run.id)
    assert len(figures.agents) == 2
    for agent in figures.agents:
        assert agent in page
    assert '<svg class="plot"' in page
    for warning in figures.warnings:
        assert warning.detail in page
    assert world.client.get(f"{world.here}/figures?policy=strict").status_code == 200
    assert world.client.get(f"{world.here}/figures?policy=none").status_code == 422


def test_figures_of_a_large_run_are_counted_in_another_process_and_are_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = figures_of(world.bench.home, world.run.id)
    monkeypatch.setattr(counting, "FEW", 0)
    monkeypatch.setattr(counting, "compute_figures", None)  # not here
    assert figures_of(world.bench.home, world.run.id) == here
    assert figures_of(world.bench.home, world.run.id, CompletionPolicy.strict).policy is CompletionPolicy.strict


def test_a_damaged_attempt_is_told_of_and_hides_no_other(world: World) -> None:
    world.sign_in("lea")
    database, path = world.bench.home.database, f"{world.here}/trials/{world.trial('oracle')}"
    one = next(attempt for attempt in world.run.attempts if attempt.agent.startswith("oracle")).attempt
    text = select(ATTEMPTS.c.submission).where(ATTEMPTS.c.id == one)
    with database.read() as connection:
        was = connection.execute(text).scalar_one()
    assert world.client.post(f"{path}/look").status_code == 303
    for value in ("{", was):
        with database.write() as connection:
            connection.execute(update(ATTEMPTS).where(ATTEMPTS.c.id == one).values(submission=value))
        says = f"the record of {one} is damaged: its submission cannot be read"
        assert (says in world.page(path)) == (value == "{")
        assert world.trial("react") in world.page(world.here)
        assert ("store damaged" in world.page(path)) == (value == "{")
    assert "oracle" in world.page(f"{world.here}/figures")


def test_reviewers_are_told_nothing_of_runs(world: World) -> None:
    world.sign_in("rob")
    trial = f"{world.here}/trials/{world.trial('react')}"
    for path in ("/lead", world.here, f"{world.here}/figures", trial, f"{trial}/executions/x"):
        answer = world.client.get(path)
        assert answer.status_code in (403, 404)
        assert not [word for word in TELLTALE if word in answer.text]
    assert world.client.post(f"{trial}/look").status_code in (403, 404)


def test_a_lead_who_reviews_is_asked_and_reviews_that_job_no_more(world: World) -> None:
    both = world.sign_in("both")
    database = world.bench.home.database
    trial = f"{world.here}/trials/{world.trial('react')}"
    desk = ReviewDesk(Book(database), both)
    assert desk.queue()
    alias = desk.queue()[0].alias
    desk.lease(alias)
    for path in (trial, f"{trial}/executions/x", f"{trial}/attempts/x/files/0/show"):
        page = world.page(path, 409)
        assert "You have a review of this job" in page
        assert not [word for word in TELLTALE if word in page]
    assert world.client.post(f"{trial}/look").status_code == 303
    assert "You have a review of this job" in world.page(trial, 409), "no question makes it right"
    desk.release(alias)
    page = world.page(trial)
    assert "You may be asked to judge this job" in page
    assert not [word for word in TELLTALE if word in page]
    assert desk.queue()
    assert world.client.post(f"{trial}/look").headers["location"] == trial
    assert "react" in world.page(trial)
    assert desk.queue() == []
    looks = [(row.actor, row.subject) for row in read_audit(database) if row.action == "lead.look"]
    assert looks.count((both.id, world.trial("react"))) == 1
