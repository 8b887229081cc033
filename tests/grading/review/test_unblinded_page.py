"""Leads see which submissions name their maker; reviewers do not see that there is such a page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import grading
from core import Blobs, Database, Deliverable
from grading import Book, ReviewDesk, ReviewItem, search_names
from grading.people.people import People
from grading.people.person import Role
from grading.review.cookies import COOKIE
from rubrics import Rubric
from tests.grading.people.support import quick_passwords
from tests.grading.review.apps import AT, app_in, browser

RUBRIC = Rubric.model_validate({"criteria": [{"id": "tone", "importance": "critical", "text": "Speaks plainly"}]})


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    names = [name for name in dir(grading) if name.endswith("_MIGRATIONS")]
    database = Database(tmp_path / "test.db", [step for name in names for step in getattr(grading, name)])
    book, blobs = Book(database), Blobs(tmp_path / "blobs")
    people = People(database, passwords=quick_passwords())
    file = Deliverable(path="by <b>Claude</b>.txt", size=1, media_type="", sha256=blobs.put_bytes(b"x"))
    item = ReviewItem(
        job="letter",
        title="A letter",
        brief="Write",
        deliverables=(file,),
        criteria=ReviewItem.criteria_of(RUBRIC),
        submission="s",
        grading_digest="g",
    )
    ReviewDesk(book, "r1").lease(book.publish("a1", item))
    assert search_names(database, blobs, {"a1": {}}) == 1
    made = browser(app_in(tmp_path, book, people=people))
    for role in (Role.lead, Role.reviewer, Role.admin):
        account = people.add(role.value, by="cli", roles=[role])
        made.cookies.set(f"of-{role.value}", people.sessions.begin(account.person))
    yield made
    database.close()


def test_leads_see_what_was_found_and_reviewers_nothing(client: TestClient) -> None:
    keys = {role: client.cookies[f"of-{role}"] for role in ("lead", "reviewer", "admin")}
    client.cookies.clear()
    client.cookies.set(COOKIE, keys["reviewer"])
    refused = client.get("/lead/unblinded")
    assert refused.status_code in (403, 404)
    assert "Claude" not in refused.text
    client.cookies.set(COOKIE, keys["lead"])
    for path in ("/lead/unblinded", "/lead/unblinded?job=letter"):  # who may be asked to judge it is asked first
        page = client.get(path)
        assert (page.status_code, "Claude" in page.text) == (200, False)
    assert client.get("/lead/unblinded?job=none").status_code == 404
    client.headers |= {"origin": AT.app, "x-csrf-token": client.get("/api/session").json()["csrf"]}
    assert client.post("/lead/unblinded/look?job=none").status_code == 404
    looked = client.post("/lead/unblinded/look?job=letter")
    assert looked.headers["location"] == "/lead/unblinded?job=letter"
    page = client.get(looked.headers["location"])
    assert "by &lt;b&gt;Claude&lt;/b&gt;.txt" in page.text
    assert "file name" in page.text
    client.cookies.set(COOKIE, keys["admin"])  # who judges nothing
    assert "Claude" in client.get("/lead/unblinded?job=letter").text
