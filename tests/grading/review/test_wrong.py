"""What nobody's page would send: a clear answer with all headers, and never a fault of the server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

import grading
from agents import AGENT_MIGRATIONS
from core import LLM_MIGRATIONS, Blobs, Database
from grading import Book, People, Role, create_review_app, load_secrets
from grading.review.cookies import session_cookie
from grading.review.guard import MAX_BODY, MAX_FORM
from tests.grading.exporting.told import Told
from tests.grading.overview.told import ATTEMPT, EXECUTION, TRIAL, ToldRuns
from tests.grading.overview.world import publish
from tests.grading.people.support import quick_passwords

APP, CONTENT = "https://review.example.org", "https://files.example.net"
HEADERS = ("content-security-policy", "x-content-type-options", "referrer-policy", "cache-control")
KNOWN = {
    "run": "run", "trial": TRIAL, "attempt": ATTEMPT, "execution": EXECUTION, "kind": "deliverables", "index": "0",
    "how": "show", "criterion": "rows", "rest": "0123456789",
}  # fmt: skip
# In an address: a character that no record holds, a number of sixty digits.
PARTS = ("%00", "9" * 60)
QUERY = "?" + "&".join(
    f"{name}={value}"
    for name, value in {
        "run": "%00", "skip": "9" * 60, "page": "9" * 60, "row": "9" * 60, "last": "9" * 60, "before": "9" * 60,
        "policy": "%00", "done": "%00", "key": "%00", "token": "%F0%9F", "following": "%00", "name": "%00",
    }.items()
)  # fmt: skip
BODIES = (
    b"[" * 5_000,
    rb'{"revision": 0, "verdict": "fail", "feedback": "a\u0000b", "criterion": "rows", "text": "\u0000"}',
    rb'{"revision": 0, "verdict": "fail", "feedback": "\ud800", "criterion": "rows", "text": "\ud800"}',
    b'{"revision": 99999999999999999999999, "verdict": "pass", "active_ms": 99999999999999999999999}',
)
FIELDS = (
    "login", "name", "password", "again", "key", "text", "answer", "reason", "outcome", "verdict", "judgement",
    "feedback", "note", "file", "anchor", "quote", "evidence", "roles", "skills", "conflicts", "old", "new",
    "scopes", "days", "currency", "hourly", "per_review", "minutes_per_criterion", "most", "evaluation",
    "digest", "criterion", "run", "following", "back", "flaw", "exam", "key-1", "why-1",
)  # fmt: skip
FORMS = ("a\x00b", "9" * 60)
# These end the session, or take the role away by which the rest is asked for.
APART = ("/logout", "/account/everywhere", "/people/p-{rest}")


@dataclass
class Place:
    app: FastAPI
    client: TestClient
    alias: str

    def asks(self) -> Iterator[tuple[str, str, bool]]:
        """Every method of every route; whether it is of what is there, or of what cannot be there."""
        for route in self.app.routes:
            if not isinstance(route, APIRoute) or route.path in APART:
                continue
            parts = re.findall(r"{(\w+)", route.path)
            there = {part: (KNOWN | {"alias": self.alias}).get(part, "x") for part in parts}
            chosen = [there, *({**there, part: value} for part in parts for value in PARTS)]
            for values in chosen:
                path = route.path
                for part, value in values.items():
                    path = re.sub(rf"{{{part}(:\w+)?}}", value, path)
                yield from ((method, path, values is there) for method in sorted(route.methods or ()))


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    shared = getattr(request, "param", "sqlite") == "postgresql"
    database_place = str(request.getfixturevalue("fresh_database")) if shared else tmp_path / "a.db"
    names = {name for name in dir(grading) if name.endswith("_MIGRATIONS")}
    own = [one for name in names for one in getattr(grading, name)]
    database = Database(database_place, [*LLM_MIGRATIONS, *AGENT_MIGRATIONS, *own])
    people, book = People(database, passwords=quick_passwords()), Book(database)
    app = create_review_app(
        book,
        Blobs(tmp_path / "blobs"),
        load_secrets(tmp_path / "secrets.json"),
        app_origin=APP,
        content_origin=CONTENT,
        token="",
        people=people,
        oversight=ToldRuns("run", "agent"),
        exports=Told(()),
    )
    client = TestClient(app, base_url=APP, follow_redirects=False, raise_server_exceptions=False)
    person = people.add("ada", by="operator", roles=list(Role)).person
    client.cookies.set(session_cookie(APP), people.sessions.begin(person))
    client.headers |= {"origin": APP, "x-csrf-token": client.get("/api/session").json()["csrf"]}
    with start_blocking_portal() as portal:
        client.portal = portal  # or each of a thousand requests starts a thread
        yield Place(app, client, publish(book, "a1"))
    database.close()


def faults(answer: Any, path: str) -> str:
    """What is wrong with an answer; '' nothing."""
    lacking = [name for name in HEADERS if name not in answer.headers]
    kind, status = answer.headers.get("content-type", ""), answer.status_code
    if lacking or status == 500:
        return f"{status} without {lacking}"
    if status < 400 or path.startswith("/static"):
        return ""
    if path.startswith("/api/"):
        return "" if kind == "application/json" and answer.json().get("error") else f"{status} {answer.text[:80]}"
    return "" if kind.startswith("text/html") or path.startswith("/enter") else f"{status} as {kind}"


@pytest.mark.parametrize("place", ["sqlite", "postgresql"], indirect=True)
def test_whatever_is_asked_for_is_answered_clearly(place: Place) -> None:
    wrong, asked = [], 0
    for method, path, there in place.asks():
        most = None if there else 1
        if method == "GET":
            answers = [place.client.get(path + query) for query in ("", QUERY)[:most]]
        elif path.startswith("/api/"):
            json = {"content-type": "application/json"}
            answers = [place.client.request(method, path, content=body, headers=json) for body in BODIES[:most]]
        else:
            answers = [place.client.post(path, data=dict.fromkeys(FIELDS, value)) for value in FORMS[:most]]
        asked += len(answers)
        wrong += [f"{method} {path}: {said}" for answer in answers if (said := faults(answer, path))]
    assert wrong == []
    assert asked > 300
    assert place.client.get("/api/session").status_code == 200  # to the end it was asked by somebody


@pytest.mark.parametrize("place", ["sqlite", "postgresql"], indirect=True)
def test_what_is_quoted_is_kept_whatever_characters_are_in_it(place: Place) -> None:
    draft = f"/api/reviews/{place.alias}/criteria/rows"
    said = rb'{"verdict": "fail", "feedback": "a\u0000b\ud800", "evidence": [{"kind": "quote", "text": "\u0000"}]}'
    json = {"content-type": "application/json"}
    assert place.client.put(draft, content=said, headers=json).status_code == 200
    kept = place.client.get(f"/api/reviews/{place.alias}").json()["drafts"]["rows"]
    assert (kept["feedback"], kept["evidence"][0]["text"]) == ("a\ufffdb\ufffd", "\ufffd")


def test_what_is_too_long_is_read_by_nobody(place: Place) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 100 * MAX_BODY:
            sent += 64 * 1024
            yield b"x" * 64 * 1024

    draft = f"/api/reviews/{place.alias}/criteria/rows"
    answer = place.client.put(draft, content=endless(), headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert "longer than" in answer.json()["error"]
    stranger = TestClient(place.app, base_url=APP, headers={"origin": APP})
    form = {"content-type": "application/x-www-form-urlencoded"}
    long = stranger.post("/login", content=b"x" * (MAX_FORM + 1), headers=form)
    assert (long.status_code, long.headers["content-type"]) == (413, "text/html; charset=utf-8")
    token = place.client.headers.pop("x-csrf-token")
    decision = {"csrf": token, "verdict": "fail", "feedback": "ä" * 20_000, "note": "ü" * 20_000}
    assert place.client.post("/adjudications/x", data=decision).status_code == 404  # a long one is looked at
    assert place.client.post("/tickets/x", content=b"x" * (MAX_BODY + 1), headers=form).status_code == 413


def test_a_server_that_fails_says_so_with_every_header(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_given: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr("grading.review.routes.work.quality_of", fails)
    answer = place.client.get("/work")
    assert answer.status_code == 500
    assert "Something went wrong here" in answer.text
    assert "secret" not in answer.text
    assert [name for name in HEADERS if name not in answer.headers] == []


def test_records_that_cannot_be_reached_are_waited_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from core import Cause, StoreFault

    def refuses(*_given: object, **_more: object) -> None:
        raise StoreFault(Cause.store_failed, "/a/secret/place is locked")

    broken_at = (
        ("grading.review.routes.work.quality_of", "/work"),
        ("grading.people.sessions.Sessions.visit", "/"),
    )
    for what, path in broken_at:
        with monkeypatch.context() as broken:
            broken.setattr(what, refuses)
            page, json = place.client.get(path), place.client.get("/api/session")
        assert (page.status_code, page.headers["retry-after"]) == (503, "5")
        assert "nothing that you wrote is lost" in page.text
        assert "secret" not in page.text
        assert [name for name in HEADERS if name not in page.headers] == []
        assert json.status_code == (503 if path == "/" else 200)
    assert place.client.get("/work").status_code == 200
