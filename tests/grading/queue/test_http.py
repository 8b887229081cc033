"""The queue over HTTP: next, lease, changes sent again, activity, the lock; and what comes of wrong requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from core import Database
from grading import (
    GRADING_MIGRATIONS,
    Book,
)
from tests.grading.queue.support import lapse, publish
from tests.grading.review.apps import app_in, entered

Enter = Callable[[str], TestClient]


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    database = Database(tmp_path / "a.db", GRADING_MIGRATIONS)
    yield Book(database)
    database.close()


@pytest.fixture
def enter(book: Book, tmp_path: Path) -> Enter:
    """Lets somebody in, by an app of their own on the same records."""
    return lambda name: entered(app_in(tmp_path, book, token="once", reviewer=name))


def put(client: TestClient, alias: str, name: str, tag: int, **body: Any) -> Any:
    headers = {"if-match": f'"{tag}"'}
    return client.put(f"/api/reviews/{alias}/{name}", json=body, headers=headers)


def grade(client: TestClient, alias: str) -> None:
    for name in ("criteria/a", "criteria/b"):
        assert put(client, alias, name, 0, verdict="pass").status_code == 200
    assert put(client, alias, "judgement", 0, judgement="pass").status_code == 200


def test_next_gives_each_their_own_until_there_is_nothing(book: Book, enter: Enter) -> None:
    aliases = {publish(book, "t.1"), publish(book, "t.2")}
    ann, bob = enter("ann"), enter("bob")
    first = ann.post("/api/queue/next").json()
    assert first["taken"]
    assert ann.post("/api/queue/next").json() == {"alias": first["alias"], "taken": False}
    second = bob.post("/api/queue/next").json()
    assert {first["alias"], second["alias"]} == aliases
    nothing = ann.post("/api/queue/next", params={"after": first["alias"]})
    assert (nothing.status_code, nothing.content) == (204, b"")
    assert ann.post(f"/api/reviews/{first['alias']}/release").status_code == 200
    given = bob.post("/api/queue/next", params={"after": second["alias"]}).json()
    assert given == {"alias": first["alias"], "taken": True}


def test_another_persons_review_is_not_there(book: Book, enter: Enter) -> None:
    alias = publish(book, "t.1")
    ann, bob = enter("ann"), enter("bob")
    assert ann.post(f"/api/reviews/{alias}/lease").status_code == 200
    api = f"/api/reviews/{alias}"
    activity: dict[str, list[str]] = {"intervals": []}
    refused = [
        bob.get(api),
        bob.get(f"/review/{alias}"),
        bob.post(f"{api}/lease"),
        bob.post(f"{api}/release"),
        bob.post(f"{api}/lock"),
        bob.post(f"{api}/activity", json=activity),
        put(bob, alias, "criteria/a", 0, verdict="pass"),
    ]
    nobody = [bob.get("/api/reviews/ffffffffff"), bob.post("/api/reviews/ffffffffff/lease")]
    assert {answer.status_code for answer in refused + nobody} == {404}
    assert not [answer for answer in refused if "ann" in answer.text]


def test_the_page_as_json_says_what_the_page_shows(book: Book, enter: Enter) -> None:
    alias = publish(book, "t.1")
    ann = enter("ann")
    expires = ann.post(f"/api/reviews/{alias}/lease").json()["expires"]
    put(ann, alias, "criteria/a", 0, verdict="pass")
    shown = ann.get(f"/api/reviews/{alias}").json()
    assert (shown["alias"], shown["state"]) == (alias, "claimed")
    assert shown["expires"] >= expires
    assert shown["drafts"]["a"]["revision"] == 1
    assert [criterion["id"] for criterion in shown["criteria"] if criterion["needed"]] == ["a", "b"]
    assert (shown["changed"], shown["earlier"], shown["whole"]["revision"]) == (False, {}, 0)
    assert "t.1" not in str(shown)


def test_if_match_and_uuid_make_a_change_once(book: Book, enter: Enter) -> None:
    alias = publish(book, "t.1")
    ann = enter("ann")
    for _ in range(2):
        answer = put(ann, alias, "criteria/a", 0, verdict="fail", feedback="one", uuid="u1")
        assert (answer.status_code, answer.json()["revision"]) == (200, 1)
    stale = put(ann, alias, "criteria/a", 0, verdict="fail", feedback="two", uuid="u2")
    assert (stale.status_code, stale.json()["there"]["feedback"]) == (409, "one")
    assert put(ann, alias, "criteria/a", 1, revision=0, verdict="pass", uuid="u3").json()["revision"] == 2


def test_a_lost_review_is_said_to_be_lost_and_is_handed_in_all_the_same(book: Book, enter: Enter) -> None:
    alias = publish(book, "t.1")
    ann, bob = enter("ann"), enter("bob")
    ann.post(f"/api/reviews/{alias}/lease")
    lapse(book, alias)
    assert bob.post("/api/queue/next").json()["alias"] == alias
    lost = ann.post(f"/api/reviews/{alias}/lease")
    assert (lost.status_code, lost.json()["lost"]) == (409, True)
    assert "bob" not in lost.text
    assert ann.get(f"/api/reviews/{alias}").json()["state"] == "lost"
    begin = datetime.now(UTC)
    grade(ann, alias)
    kept = ann.post(f"/api/reviews/{alias}/lock").json()
    assert kept["locked"]
    assert kept["alias"] != alias
    for name in (alias, kept["alias"]):
        again = ann.post(f"/api/reviews/{name}/lock")
        assert (again.status_code, again.json()) == (200, kept), "the answer was lost, and it is sent again"
    led = ann.get(f"/review/{alias}")
    assert (led.status_code, led.headers["location"]) == (303, f"/review/{kept['alias']}"), (
        "its old address leads on"
    )
    assert "Locked." in ann.get(led.headers["location"]).text
    late = {"intervals": [{"begin": begin.isoformat(), "end": (begin + timedelta(minutes=9)).isoformat()}]}
    for name in (alias, kept["alias"]):
        assert ann.post(f"/api/reviews/{name}/activity", json=late).json() == {"taken": 1}, (
            "no time is lost either"
        )
    assert enter("cat").get(f"/review/{kept['alias']}").status_code == 404, "and nobody else there"
    grade(bob, alias)
    assert bob.post(f"/api/reviews/{alias}/lock").json() == {"locked": True, "alias": alias}
    assert sorted((e.grader, e.stage) for e in book.verdicts_of("t.1")) == [("ann", "overlap"), ("bob", "primary")]


def test_active_time_is_cut_counted_once_and_stands_with_the_verdicts(book: Book, enter: Enter) -> None:
    alias = publish(book, "t.1")
    ann = enter("ann")
    ann.post(f"/api/reviews/{alias}/lease")
    begin = datetime.now(UTC)
    long = {"begin": begin.isoformat(), "end": (begin + timedelta(hours=2)).isoformat(), "criterion": "a"}
    before = {"begin": (begin - timedelta(hours=2)).isoformat(), "end": (begin - timedelta(hours=1)).isoformat()}
    api = f"/api/reviews/{alias}/activity"
    for _ in range(2):
        assert ann.post(api, json={"intervals": [long, before]}).json() == {"taken": 1}
    for wrong in ([{"begin": "x", "end": "y"}], [{"begin": begin.isoformat()}], [long] * 501):
        assert ann.post(api, json={"intervals": wrong}).status_code == 422
    grade(ann, alias)
    ann.post(f"/api/reviews/{alias}/lock")
    (evaluation,) = book.verdicts_of("t.1")
    assert evaluation.minutes is not None
    assert 0 < evaluation.minutes < 5, "the future does not count"
    assert ann.post(api, json={"intervals": []}).status_code == 200
