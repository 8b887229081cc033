"""Adjudications, tickets, own work and pay through HTTP: what is shown, what is kept, what nobody is told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import FastAPI, Request
from sqlalchemy import select, update
from starlette.testclient import TestClient

from core import Blobs, Database, canonical_json
from grading import (
    PEOPLE_MIGRATIONS,
    Book,
    ReviewItem,
    create_review_app,
    load_secrets,
    records_of,
    review_origins,
)
from grading.adjudication.cases import case_of
from grading.adjudication.closing import Decision, Reason, close
from grading.adjudication.pay import ledger
from grading.adjudication.tables import ADJUDICATIONS
from grading.adjudication.tickets import open_ticket, set_voided
from grading.adjudication.voids import voided_in
from grading.book import read_evaluations
from grading.people.audit import read_audit
from grading.people.person import Person, Role
from grading.review.problems import NoSuchReview
from grading.review.routes.adjudication import allowed
from grading.tables import REVIEW_ITEMS
from tests.grading.adjudication.support import GOOD, MIGRATIONS, RUBRIC, due, publish, row_of, say, two_who_differ

AT = review_origins("127.0.0.1", 9000)
# Nothing of these may reach an adjudicator.
TELLTALE = ("anna", "bert", "attempt-of-item", "the-judge", "JUDGED", "CHECKED", "2026-01-01")


@dataclass
class World:
    folder: Path
    database: Database
    settled: list[str] = field(default_factory=list)

    def app(self, reviewer: str) -> FastAPI:
        return create_review_app(
            Book(self.database),
            Blobs(self.folder / "blobs"),
            load_secrets(self.folder / "secrets.json"),
            app_origin=AT.app,
            content_origin=AT.content,
            token="once",
            reviewer=reviewer,
            settled=lambda _, attempt: self.settled.append(attempt),
        )

    def client(self, reviewer: str) -> TestClient:
        client = TestClient(self.app(reviewer), base_url=AT.app, follow_redirects=False)
        assert client.get("/enter", params={"token": "once"}).status_code == 303
        found = re.search(r'name="csrf" content="([^"]+)"', client.get("/work").text)
        assert found is not None
        client.headers |= {"origin": AT.app, "x-csrf-token": found[1]}
        return client


@pytest.fixture
def world(database_place: Path | str, tmp_path: Path) -> Iterator[World]:
    database = Database(database_place, [*MIGRATIONS, *PEOPLE_MIGRATIONS])
    yield World(tmp_path, database)
    database.close()


def case(world: World) -> str:
    """An adjudication on `rows` with a judge's and a check's word in the book, and one file handed in."""
    alias = two_who_differ(world.database)
    blob = Blobs(world.folder / "blobs").put_bytes(b"a,b\n")
    file = {"path": "<leads>.csv", "size": 4, "media_type": "text/csv", "sha256": blob}
    with world.database.write() as connection:
        row = row_of(connection)
        say(connection, row, "the-judge", {"rows": "fail"}, grader_kind="judge", judgement=None)
        handed_in = canonical_json({"deliverables": [file], "submission": row.submission})
        connection.execute(update(REVIEW_ITEMS).values(handed_in=handed_in))
    return alias


def test_an_adjudication_from_the_list_to_the_verdict_of_record(world: World) -> None:
    alias = case(world)
    carl = world.client("carl")
    listed = carl.get("/adjudications").text
    assert f"/adjudications/{alias}" in listed
    page = carl.get(f"/adjudications/{alias}").text
    assert "Reviewer A" in page
    assert "Reviewer B" in page
    assert "&lt;leads&gt;.csv" in page
    for text in (listed, page):
        assert not [word for word in TELLTALE if word in text]
    shown = carl.get(f"/adjudications/{alias}/deliverables/0/show")
    assert shown.headers["location"].startswith(AT.content)
    form = {"verdict": "fail", "reason": "evidence_missed", "feedback": "16 rows", "file": "<leads>.csv"}
    assert carl.post(f"/adjudications/{alias}", data=form).headers["location"] == "/adjudications?done=decided"
    with world.database.read() as connection:
        said = read_evaluations(connection, ["attempt-of-item"])
    record = records_of(said)["rows"]
    assert (record.verdict, record.source) == ("fail", "adjudication")
    assert said[-1].verdicts[0].evidence[0].file == "<leads>.csv"
    assert world.settled == ["attempt-of-item"]
    told = [(row.actor, row.subject, row.detail) for row in read_audit(world.database)]
    assert told[0] == ("carl", alias, {"criterion": "rows", "reason": "evidence_missed", "decided": "fail"})
    assert alias not in carl.get("/adjudications").text
    assert "16 rows" in carl.get(f"/adjudications/{alias}").text


def test_who_stands_where_in_a_case_is_drawn_with_a_key_that_nobody_is_told(world: World) -> None:
    alias, judge = two_who_differ(world.database), Person(id="carl", roles=frozenset({Role.adjudicator}))
    with world.database.read() as connection:
        cases = [case_of(connection, alias, judge, key=f"{key}") for key in range(20)]
    assert {case.positions[0].said for case in cases} == {"pass", "fail"}
    shown = [world.client("carl").get(f"/adjudications/{alias}").text for _ in range(2)]
    orders = {page[page.index("Reviewer A") : page.index("Reviewer B")] for page in shown}
    assert len(orders) == 1  # of one server it stays


@pytest.mark.parametrize(
    ("form", "status", "says"),
    [
        ({}, 422, "Choose a verdict"),
        ({"verdict": "maybe", "reason": "error"}, 422, "Choose a verdict"),
        ({"verdict": "pass"}, 422, "Choose why"),
        ({"verdict": "fail", "reason": "error"}, 422, "needs feedback"),
        ({"verdict": "pass", "reason": "error", "file": "/etc/passwd"}, 422, "Choose a file"),
        ({"verdict": "pass", "reason": "error", "evidence": "[{}]"}, 422, "take the places anew"),
        (
            {"verdict": "pass", "reason": "error", "evidence": '[{"kind": "region", "file": "x"}]'},
            422,
            "Choose a file",
        ),
    ],
)
def test_what_lacks_something_is_asked_for_and_nothing_typed_is_lost(
    world: World, form: dict[str, str], status: int, says: str
) -> None:
    alias = case(world)
    carl = world.client("carl")
    answer = carl.post(f"/adjudications/{alias}", data=form | {"note": "typed <note>"})
    assert (answer.status_code, says in answer.text) == (status, True)
    assert "typed &lt;note&gt;" in answer.text
    with world.database.read() as connection:
        assert connection.execute(select(ADJUDICATIONS.c.state)).scalar_one() == "open"


def test_what_nobody_judged_is_decided_without_saying_why_anybody_differs(world: World) -> None:
    with world.database.write() as connection:
        row = publish(connection)
        say(connection, row, "anna", {name: word for name, word in GOOD.items() if name != "rows"})
        for voided in (True, False):
            set_voided(connection, "g", "rows", voided=voided, by="lea", reason="why")
        alias = connection.execute(select(ADJUDICATIONS.c.alias)).scalar_one()
    carl = world.client("carl")
    page = carl.get(f"/adjudications/{alias}").text
    assert "nobody has judged it" in page
    assert "Why do they differ" not in page
    refused = carl.post(f"/adjudications/{alias}", data={"verdict": "pass", "reason": "error"})
    assert refused.status_code == 422, "there is nobody who was wrong"
    assert carl.post(f"/adjudications/{alias}", data={"verdict": "pass", "reason": "not_judged"}).is_redirect
    with world.database.read() as connection:
        assert records_of(read_evaluations(connection, ["attempt-of-item"]))["rows"].verdict == "pass"


def test_the_files_and_the_time_at_a_case_are_of_who_may_decide_it(world: World) -> None:
    alias = case(world)
    carl, anna = world.client("carl"), world.client("anna")
    shown = carl.get(f"/api/adjudications/{alias}/deliverables/0")
    assert shown.status_code == 200
    assert shown.json()["segments"][0] == ["line=1", "a,b"]
    begin = datetime.now(UTC)
    worked = {"intervals": [{"begin": begin.isoformat(), "end": (begin + timedelta(minutes=1)).isoformat()}]}
    assert carl.post(f"/api/adjudications/{alias}/activity", json=worked).json() == {"taken": 1}
    for path in (f"/api/adjudications/{alias}/deliverables/0", f"/adjudications/{alias}/deliverables/0/download"):
        assert anna.get(path).status_code == 404, "she reviewed it"
    assert anna.post(f"/api/adjudications/{alias}/activity", json=worked).status_code == 404
    place = {"kind": "region", "file": "<leads>.csv", "anchor": "line=1"}
    form = {"verdict": "pass", "reason": "error", "evidence": json.dumps([place, place | {"anchor": "line=2"}])}
    assert carl.post(f"/adjudications/{alias}", data=form | {"file": "<leads>.csv", "quote": "a,b"}).is_redirect
    with world.database.read() as connection:
        said = read_evaluations(connection, ["attempt-of-item"])[-1]
    assert [one.anchor or one.text for one in said.verdicts[0].evidence] == ["line=1", "line=2", "a,b"]
    assert said.minutes is not None


def test_for_who_reviewed_it_there_is_no_such_adjudication_and_one_that_is_decided_stands(world: World) -> None:
    alias = case(world)
    anna = world.client("anna")
    assert alias not in anna.get("/adjudications").text
    form = {"verdict": "pass", "reason": "error"}
    for answer in (
        anna.get(f"/adjudications/{alias}"),
        anna.post(f"/adjudications/{alias}", data=form),
        anna.get(f"/adjudications/{alias}/deliverables/0/show"),
        anna.get("/adjudications/nothing"),
    ):
        assert answer.status_code == 404
    carl, dora = world.client("carl"), world.client("dora")
    assert carl.post(f"/adjudications/{alias}", data=form).status_code == 303
    late = dora.post(f"/adjudications/{alias}", data=form | {"verdict": "cannot_judge"})
    assert (late.status_code, "decided already" in late.text) == (409, True)


def test_the_overall_judgement_is_adjudicated_by_what_each_reviewer_failed(world: World) -> None:
    with world.database.write() as connection:
        row = publish(connection)
        say(connection, row, "anna", GOOD)
        say(connection, row, "bert", GOOD, judgement="fail")
        assert due(connection, row) == 1
        alias = connection.execute(select(ADJUDICATIONS.c.alias)).scalar_one()
    carl = world.client("carl")
    assert "The overall judgement" in carl.get(f"/adjudications/{alias}").text
    assert carl.post(f"/adjudications/{alias}", data={"verdict": "pass", "reason": "error"}).status_code == 422
    form = {"judgement": "fail", "reason": "legitimately_subjective"}
    assert carl.post(f"/adjudications/{alias}", data=form).status_code == 303


def test_a_lead_voids_a_criterion_for_all_and_lets_it_count_again(world: World) -> None:
    case(world)
    with world.database.write() as connection:
        ticket = open_ticket(connection, "item", "rows", "anna", "17 <or> 18?")
    lea = world.client("lea")
    assert "17 &lt;or&gt; 18?" in lea.get("/tickets").text
    assert "anna" not in lea.get("/tickets").text
    assert lea.post(f"/tickets/{ticket}", data={"outcome": "void"}).status_code == 422
    assert lea.post(f"/tickets/{ticket}", data={"answer": "why"}).status_code == 422
    assert (
        lea.post(f"/tickets/{ticket}", data={"outcome": "void", "answer": "Nobody can know."}).status_code == 303
    )
    assert world.settled == ["attempt-of-item"], "what was open ended with the criterion"
    assert lea.post(f"/tickets/{ticket}", data={"outcome": "keep", "answer": "x"}).status_code == 409
    assert "Let it count again" in lea.get("/tickets").text
    back = {"digest": "g", "criterion": "rows", "reason": "We can."}
    assert lea.post("/voids", data=back | {"reason": " "}).status_code == 422
    assert lea.post("/voids", data=back).status_code == 303
    with world.database.read() as connection:
        assert voided_in(connection, ["g"]) == {}
    told = [(row.actor, row.action) for row in read_audit(world.database)]
    assert told == [("lea", "criterion.counts_again"), ("lea", "ticket.void")]


def test_a_reviewer_opens_a_ticket_from_the_grading_page(world: World) -> None:
    item = ReviewItem(
        job="lead-list",
        title="A lead list",
        brief="Do it.",
        criteria=ReviewItem.criteria_of(RUBRIC),
        submission="s",
        grading_digest="g",
    )
    alias = Book(world.database).publish("attempt", item)
    anna = world.client("anna")
    ticket = {"criterion": "tone", "text": "What is plain?"}
    first = anna.post(f"/api/reviews/{alias}/tickets", json=ticket)
    assert first.status_code == 200
    assert anna.post(f"/api/reviews/{alias}/tickets", json=ticket).json() == first.json()
    assert anna.post("/api/reviews/nothing/tickets", json=ticket).status_code == 404
    assert anna.post(f"/api/reviews/{alias}/tickets", json=ticket | {"criterion": "x"}).status_code == 404
    assert anna.post(f"/api/reviews/{alias}/tickets", json=ticket | {"text": " "}).status_code == 422
    assert anna.get("/tickets").text.count("What is plain?") == 1
    assert "Not answered yet." in anna.get("/work").text
    form = {"outcome": "keep", "answer": "As in <plain> letters."}
    assert world.client("the-lead").post(f"/tickets/{first.json()['ticket']}", data=form).is_redirect
    told = anna.get("/work").text
    assert "The criterion stays" in told
    assert "As in &lt;plain&gt; letters." in told
    assert "the-lead" not in told, "nobody's name"


def test_my_work_says_where_i_was_overturned_and_what_i_am_paid(world: World) -> None:
    alias = case(world)
    lea = world.client("lea")
    rule = {"currency": "eur", "hourly": "6000", "minutes_per_criterion": "2", "most": "3"}
    assert lea.post("/pay/rule", data=rule | {"hourly": "a lot"}).status_code == 422
    assert lea.post("/pay/rule", data=rule).status_code == 303
    with world.database.write() as connection:
        decision = Decision(verdict="fail", feedback="16 rows", reason=Reason.error, note="Count them.")
        close(connection, alias, "carl", decision)
        say(connection, publish(connection, "late"), "anna", GOOD, minutes=10.0, ts="2999-01-01T00:00:00+00:00")
    page = world.client("anna").get("/work").text
    assert "Count them." in page
    assert "<td>10.00 EUR</td><td>due</td>" in page
    assert not [word for word in ("bert", "carl", "attempt-of") if word in page]
    assert "Count them." not in world.client("bert").get("/work").text
    assert "late" not in page
    assert "anna" in lea.get("/reviewers").text
    told = lea.get("/reviewers/anna").text
    assert ("Count them." in told, "They said pass, decided was fail" in told) == (True, True)
    assert lea.get("/reviewers/nobody").status_code == 404
    assert "anna, 10.00 EUR" in lea.get("/pay").text
    with world.database.read() as connection:
        number = next(item.evaluation for item in ledger(connection, "anna") if item.amount == 1000)
    assert lea.post("/pay/paid", data={"entry": [str(number)]}).status_code == 303
    csv = lea.get("/pay.csv")
    assert csv.headers["content-disposition"].startswith("attachment")
    assert ",paid," in csv.text
    assert [row.action for row in read_audit(world.database)] == ["pay.paid", "pay.rule"]


@pytest.mark.parametrize(
    ("roles", "needed", "may"),
    [
        ({Role.reviewer}, (Role.adjudicator, Role.lead), False),
        ({Role.adjudicator}, (Role.adjudicator, Role.lead), True),
        ({Role.admin}, (Role.lead,), False),
    ],
)
def test_for_who_has_not_the_role_the_address_does_not_exist(
    roles: set[Role], needed: tuple[Role, ...], *, may: bool
) -> None:
    person = Person(id="p", roles=frozenset(roles))
    request: Any = SimpleNamespace(state=SimpleNamespace(person=person), url=SimpleNamespace(path="/x"))
    if may:
        assert allowed(cast("Request", request), *needed) is person
    else:
        with pytest.raises(NoSuchReview):
            allowed(cast("Request", request), *needed)
