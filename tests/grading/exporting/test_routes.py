"""Who may export, by page and by program, and that each export is written down."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from core import BadInput, Database
from grading import (
    GRADING_MIGRATIONS,
    PEOPLE_MIGRATIONS,
    Book,
    EvaluationLine,
    Grader,
    ReviewDesk,
    ReviewItem,
)
from grading.people.audit import read_audit
from grading.people.people import People
from grading.people.person import Role
from grading.people.tokens import Scope
from grading.review.cookies import COOKIE
from rubrics import Rubric
from tests.grading.people.support import quick_passwords
from tests.grading.review.apps import AT, app_in, browser

RUBRIC = Rubric.model_validate({"criteria": [{"id": "tone", "importance": "critical", "text": "Speaks plainly"}]})
RUNS = {"run-b": "memo", "run-a": "letter"}


@dataclass
class Runs:
    """Two runs of a job each; `grader` has failed what was handed in."""

    grader: str

    def find(self, names: Sequence[str]) -> list[str]:
        if unknown := [name for name in names if name not in RUNS]:
            raise BadInput(f"{unknown[0]!r}: no such run")
        return list(names) or list(RUNS)

    def jobs(self, run: str) -> frozenset[str]:
        return frozenset({RUNS[run]})

    def graders(self, run: str) -> set[Grader]:
        return {(self.grader, "human")} if run in RUNS else set()

    def lines(self, run: str) -> Iterator[EvaluationLine]:
        said: dict[str, Any] = {"criterion": "tone", "importance": "critical", "verdict": "fail"}
        by: dict[str, Any] = {"grader": self.grader, "grader_kind": "human"}
        yield EvaluationLine(run=run, agent="zebra", job=RUNS[run], attempt=1, arm="alone", **said, **by)


@dataclass
class World:
    app: FastAPI
    book: Book
    people: People
    exports: Runs

    def client(self, login: str) -> TestClient:
        """A browser that is signed in."""
        client = browser(self.app)
        client.cookies.set(COOKIE, self.people.sessions.begin(self.people.get(login).person))
        return client

    def program(self, login: str, scope: Scope) -> TestClient:
        """A program with a token."""
        key, _ = self.people.tokens.make(self.people.get(login).id, by="operator", name="t", scopes=[scope])
        return TestClient(self.app, base_url=AT.app, headers={"authorization": f"Bearer {key}"})


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    database = Database(tmp_path / "a.db", [*GRADING_MIGRATIONS, *PEOPLE_MIGRATIONS])
    people = People(database, passwords=quick_passwords())
    everybody = {
        "ada": [Role.admin],
        "lea": [Role.lead],
        "rob": [Role.reviewer],
        "max": [Role.lead, Role.reviewer],
        "adi": [Role.adjudicator],
    }
    for login, roles in everybody.items():
        people.add(login, by="operator", name=f"Name of {login}", roles=roles)
    book, exports = Book(database), Runs(people.get("rob").id)
    app = app_in(tmp_path, book, people=people, exports=exports)
    yield World(app, book, people, exports)
    database.close()


def test_leads_export_and_others_do_not(world: World) -> None:
    for login in ("ada", "lea"):
        client = world.client(login)
        aside = {"stand_aside": 1} if login == "lea" else {}
        answer = client.get("/api/export", params={"run": "", **aside})
        assert answer.status_code == 200
        assert answer.headers["content-disposition"] == 'attachment; filename="verdicts.jsonl"'
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert [line["run"] for line in lines] == ["run-b", "run-a"]
        assert [line["grader"] for line in lines] == [world.exports.grader] * 2
        assert "zebra" not in answer.text
        assert "run-b" in client.get("/lead/export").text
        assert "zebra" in client.get("/api/export", params={"format": "csv", "reveal": 1, **aside}).text
    for login in ("rob", "adi"):
        for path in ("/api/export", "/lead/export"):
            assert world.client(login).get(path).status_code == 403
        assert "/lead/export" not in world.client(login).get("/work").text


def test_programs_need_the_scope_and_the_role_of_their_person(world: World) -> None:
    assert (
        world.program("lea", Scope.export).get("/api/export?run=run-a&format=wide&stand_aside=1").status_code
        == 200
    )
    for scope in (Scope.read, Scope.review, Scope.admin):
        assert world.program("lea", scope).get("/api/export").status_code == 403
    assert world.program("rob", Scope.export).get("/api/export").status_code == 403


def test_reviewers_are_named_to_administrators_only_and_it_is_written_down(world: World) -> None:
    refused = world.client("lea").get("/api/export", params={"names": 1})
    assert refused.status_code == 403
    assert "Name of rob" not in refused.text
    assert 'name="names"' not in world.client("lea").get("/lead/export").text
    assert 'name="names"' in world.client("ada").get("/lead/export").text
    assert "Name of rob" in world.client("ada").get("/api/export", params={"names": 1, "run": "run-a"}).text
    (row,) = [row for row in read_audit(world.people.database) if row.action == "export"]
    assert (row.actor, row.subject) == (world.people.get("ada").id, "run-a")
    assert row.detail == {"format": "jsonl", "agents": False, "names": True, "runs": ["run-a"]}


def test_what_is_wrong_is_said(world: World) -> None:
    client = world.client("lea")
    assert client.get("/api/export", params={"run": "run-x"}).status_code == 404
    assert "no such run" in client.get("/api/export", params={"run": "run-x"}).json()["error"]
    assert client.get("/api/export", params={"format": "xlsx"}).status_code == 422


def test_whoever_reviews_a_job_does_not_see_what_others_say_of_it(world: World) -> None:
    item = ReviewItem(
        job="letter",
        title="A letter",
        brief="Write it",
        criteria=ReviewItem.criteria_of(RUBRIC),
        submission="s",
        grading_digest="g",
    )
    world.book.publish("a1", item)
    desk = ReviewDesk(world.book, world.people.get("max").person)
    alias = desk.take_next()
    assert alias is not None
    client = world.client("max")
    aside = {"stand_aside": 1}
    refused = client.get("/api/export", params=aside)
    assert refused.status_code == 409
    assert refused.json()["jobs"] == ["letter"]
    assert "reviews of letter in hand" in client.get("/lead/export").text
    assert client.get("/api/export", params=aside | {"run": "run-b"}).status_code == 200
    assert world.client("ada").get("/api/export").status_code == 200  # who judges nothing
    assert "stand_aside=1" in world.client("lea").get("/api/export").json()["error"]
    desk.release(alias)
    assert "stand_aside=1" in client.get("/api/export").json()["error"]
    assert desk.next_open() == alias
    assert client.get("/api/export", params=aside).status_code == 200
    assert desk.next_open() is None
    looks = [(row.actor, row.detail) for row in read_audit(world.people.database) if row.action == "lead.look"]
    who = world.people.get("max").id
    assert looks == [(who, {"job": "letter"}), (who, {"job": "memo"})]
    for login in ("max", "lea"):  # leads may be given adjudications
        assert 'name="stand_aside"' in world.client(login).get("/lead/export").text
    assert 'name="stand_aside"' not in world.client("ada").get("/lead/export").text
