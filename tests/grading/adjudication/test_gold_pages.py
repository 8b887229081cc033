"""Gold through HTTP: keys, changed copies, the exam and what it tells, who may look, and who was too fast."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update
from starlette.testclient import TestClient

from core import Blobs, Database, Deliverable
from grading import (
    GRADING_MIGRATIONS,
    PEOPLE_MIGRATIONS,
    Book,
    Reviewing,
    ReviewItem,
    create_review_app,
    files_awaiting,
    load_secrets,
    read_audit,
    review_origins,
)
from grading.adjudication.exam import Qualification
from grading.adjudication.gold import GoldKey, keys_of, set_gold_keys
from grading.adjudication.gold_standing import standing_in_force
from grading.adjudication.hasty import Haste, haste_of_all
from grading.adjudication.pay_rule import PayRule, set_rule
from grading.adjudication.tables import ADJUDICATIONS, GOLD_STANDINGS
from grading.overview.looks import jobs_looked_at, may_judge
from grading.people.person import Person, Role
from grading.review.desk import Draft, ReviewDesk
from grading.tables import EVALUATIONS, REVIEW_ITEMS, REVIEW_SLOTS
from rubrics import Criterion, Importance, Rubric, Verdict
from tests.grading.adjudication.support import changer_of

AT = review_origins("127.0.0.1", 9000)
NAMES = tuple(f"c{n}" for n in range(6))
RUBRIC = Rubric(
    criteria=tuple(Criterion(id=name, importance=Importance.critical, text=f"Holds <{name}>") for name in NAMES)
)
KEYS = {name: GoldKey(verdict="pass" if n < 3 else "fail", absent=n == 5) for n, name in enumerate(NAMES)}


@dataclass
class World:
    folder: Path
    database: Database
    blobs: Blobs

    @property
    def book(self) -> Book:
        return Book(self.database)

    def client(self, reviewer: str) -> TestClient:
        app = create_review_app(
            self.book,
            self.blobs,
            load_secrets(self.folder / "secrets.json"),
            app_origin=AT.app,
            content_origin=AT.content,
            token="once",
            reviewer=reviewer,
            changer=changer_of(self.folder, self.blobs),
        )
        client = TestClient(app, base_url=AT.app, follow_redirects=False)
        assert client.get("/enter", params={"token": "once"}).status_code == 303
        found = re.search(r'name="csrf" content="([^"]+)"', client.get("/work").text)
        assert found is not None
        client.headers |= {"origin": AT.app, "x-csrf-token": found[1]}
        return client

    def publish(self, attempt: str, file: str = "a.csv", **reviewing: float) -> str:
        data = f"amount\n10\n{len(attempt)}\n".encode()
        sha256 = self.blobs.put_bytes(data)
        first = Deliverable(path=file, size=len(data), media_type="text/csv", sha256=sha256)
        item = ReviewItem(
            job="sums",
            title="Sums & totals",
            brief="Add.",
            criteria=ReviewItem.criteria_of(RUBRIC),
            deliverables=(first, first.model_copy(update={"path": "b.csv"})),
            submission=f"s-{attempt}",
            grading_digest="g",
        )
        return self.book.publish(attempt, item, reviewing=Reviewing.model_validate(reviewing))

    def settled(self, attempt: str) -> str:
        """A submission that two people judged alike, as the keys have it."""
        alias = self.publish(attempt, primary=2)
        for person in ("sam", "tom"):
            self.review(person, self.slots(alias, "primary")[0], alias)
        return alias

    def slots(self, item: str, kind: str, state: str = "open") -> list[str]:
        slot = REVIEW_SLOTS.c
        query = select(slot.alias).where(slot.item == item, slot.kind == kind, slot.state == state)
        with self.database.read() as connection:
            return [str(one) for one in connection.execute(query).scalars()]

    def review(self, person: str, slot: str, item: str = "", *, wrong: bool = False) -> None:
        at = ReviewDesk(self.book, Person(id=person))
        at.lease(slot)
        for name, key in KEYS.items():
            passes = (key.verdict == "pass") != wrong
            verdict = Verdict.passed if passes else Verdict.failed
            at.save(slot, name, 0, Draft(verdict=verdict, feedback="because"))
        at.judge(slot, 0, "fail")
        at.lock(slot)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    database = Database(tmp_path / "a.db", [*GRADING_MIGRATIONS, *PEOPLE_MIGRATIONS])
    yield World(tmp_path, database, Blobs(tmp_path / "blobs"))
    database.close()


def test_a_lead_makes_a_submission_gold_changes_a_copy_and_retires_it(world: World) -> None:
    item = world.settled("old")
    lea = world.client("lea")
    assert f"/lead/gold/{item}" in lea.get("/lead/gold").text
    asked = lea.get(f"/lead/gold/{item}")
    assert ("Holds" in asked.text, f'action="/lead/gold/{item}/look"' in asked.text) == (False, True)
    for path in ("", "/copy", "/retire"):
        refused = lea.post(f"/lead/gold/{item}{path}", data={"key-1": "pass", "reason": "r"})
        assert (refused.status_code, "Holds" in refused.text) == (200, False), "asked before, whatever is sent"
    assert lea.post(f"/lead/gold/{item}/look").headers["location"] == f"/lead/gold/{item}"
    page = html.unescape(lea.get(f"/lead/gold/{item}").text)
    assert "Holds <c0>" in page
    assert page.count('<option value="fail" selected>') == 3  # what both said
    assert lea.post(f"/lead/gold/{item}", data={"reason": "r"}).status_code == 422
    form = {"key-1": "pass", "key-6": "absent", "why-6": "No <summary>", "reason": "settled by two"}
    assert lea.post(f"/lead/gold/{item}", data=form).headers["location"] == "/lead/gold?done=set"
    with world.database.read() as connection:
        keys = keys_of(connection, item)
    assert set(keys) == {"c0", "c5"}
    assert keys["c5"] == GoldKey(verdict="fail", absent=True, why="No <summary>")

    copy = {"file": "a.csv", "flaw": "wrong_total", "key-1": "fail", "reason": "the sum is wrong"}
    refused = lea.post(f"/lead/gold/{item}/copy", data=copy | {"file": "c.csv"})
    assert (refused.status_code, "no file" in refused.text) == (422, True)
    assert lea.post(f"/lead/gold/{item}/copy", data=copy).headers["location"] == "/lead/gold?done=copied"
    missing = copy | {"flaw": "missing_file", "key-1": "absent"}
    assert lea.post(f"/lead/gold/{item}/copy", data=missing).status_code == 303
    listed = lea.get("/lead/gold").text
    assert "wrong total in a.csv" in listed
    assert "a.csv is missing" in listed
    with world.database.read() as connection:
        copies = connection.execute(select(REVIEW_ITEMS).where(REVIEW_ITEMS.c.attempt_id.like("gold-%"))).all()
    assert sorted("a.csv" in row.handed_in.split('"missing"')[0] for row in copies) == [False, True]
    assert lea.post(f"/lead/gold/{item}/retire", data={"reason": "enough"}).status_code == 303
    assert [row.action for row in read_audit(world.database)].count("gold.copy") == 2
    world.publish("new", gold=1.0)
    world.publish("newer", gold=1.0)
    slots = [slot for row in copies for slot in world.slots(row.alias, "gold")]
    assert len(slots) == 2
    waiting = {file.sha256 for file in files_awaiting(world.database, 100)}  # drawn ahead, as with all the others
    assert world.blobs.put_bytes(b"amount\n10\n4\n") in waiting
    own = lea.get("/").text  # she has seen the keys of one, and so of all that was made from it
    assert [slot for slot in slots if slot in own] == []
    with world.database.read() as connection:
        assert jobs_looked_at(connection, "lea") == {"sums"}
    assert [row.action for row in read_audit(world.database)].count("lead.look") == 1
    stranger = world.client("eve").get("/lead/gold").text
    assert [word for word in ("wrong total in", "is missing") if word in stranger] == [], (
        "who may judge is not told"
    )
    others = world.client("ann").get("/").text
    assert [slot for slot in slots if slot in others] == slots


def test_nobody_is_shown_what_people_say_of_a_submission_that_is_not_settled(world: World) -> None:
    item = world.publish("new", primary=2)
    lea = world.client("lea")
    assert lea.get(f"/lead/gold/{item}").status_code == 404
    assert lea.post(f"/lead/gold/{item}", data={"key-1": "pass", "reason": "r"}).status_code == 404
    assert lea.get("/lead/gold/nothing").status_code == 404


def test_files_that_were_changed_by_hand_make_a_copy_and_a_workbook_needs_a_sandbox(world: World) -> None:
    item = world.settled("old")
    lea = world.client("lea")
    lea.post(f"/lead/gold/{item}/look")
    form = {"flaw": "files", "key-1": "fail", "reason": "by hand", "gone-2": "1"}
    path = f"/lead/gold/{item}/copy"
    assert "no file was chosen" in lea.post(path, data=form | {"gone-2": ""}).text
    given = [("file-1", ("C:\\what ever.csv", b"amount\n12\n")), ("more", ("..\\new/note.txt", b"A note."))]
    assert lea.post(path, data=form, files=given).headers["location"] == "/lead/gold?done=copied"
    bad = lea.post(path, data=form, files=[("more", ("in/..", b"x"))])
    assert (bad.status_code, "called as no deliverable" in bad.text) == (422, True)
    with world.database.read() as connection:
        query = select(REVIEW_ITEMS).where(REVIEW_ITEMS.c.attempt_id.like("gold-%"))
        handed_in = json.loads(connection.execute(query).one().handed_in)
    there = {file["path"]: world.blobs.get_bytes(file["sha256"]) for file in handed_in["deliverables"]}
    assert there == {"a.csv": b"amount\n12\n", "note.txt": b"A note."}
    assert handed_in["missing"] == ["b.csv"]
    assert "changed: a.csv; added: note.txt; missing: b.csv" in lea.get("/lead/gold").text

    token = lea.headers.pop("x-csrf-token")  # as a browser sends it without scripts
    assert lea.post(path, data=form, files=given).status_code == 403
    assert lea.post(path, data=form | {"csrf": token}, files=given).status_code == 403, (
        "not the first of its fields"
    )
    assert lea.post(path, data={"csrf": f"{token[:-1]}_"} | form, files=given).status_code == 403
    more = [("more", ("x.bin", b"x" * 3_000_000))]
    assert lea.post(path, data={"csrf": token} | form, files=more).status_code == 303
    sheet = {"csrf": token, "flaw": "missing_sheet", "file": "x.xlsx", "key-1": "fail", "reason": "r"}
    book = world.publish("books", file="x.xlsx")
    with world.database.write() as connection:
        connection.execute(update(REVIEW_ITEMS).where(REVIEW_ITEMS.c.alias == book).values(settled="2026"))
        set_gold_keys(connection, book, KEYS, "x")
    answer = lea.post(f"/lead/gold/{book}/copy", data=sheet, files=[("more", ("", b""))])
    assert (answer.status_code, "No copy is made: there is none." in answer.text) == (422, True)


def test_who_may_only_be_asked_to_adjudicate_is_asked_as_well_and_then_given_no_case(world: World) -> None:
    item = world.settled("old")
    with world.database.write() as connection:
        assert may_judge(Person(id="lee", roles=frozenset({Role.lead})))
        assert not may_judge(Person(id="ada", roles=frozenset({Role.admin})))
        case = {"alias": "c1", "item": item, "criterion": "c0", "triggers": '["critical"]', "state": "open"}
        connection.execute(insert(ADJUDICATIONS), case | {"opened": "2026-01-01T00:00:00+00:00"})
    lea = world.client("lea")
    assert "/adjudications/c1" in lea.get("/adjudications").text
    assert lea.get("/adjudications/c1").status_code == 200
    lea.post(f"/lead/gold/{item}/look")
    assert "/adjudications/c1" not in lea.get("/adjudications").text
    assert lea.get("/adjudications/c1").status_code == 404


def test_the_queue_tells_kindly_why_there_is_less_in_it_and_what_to_do(world: World) -> None:
    ann = world.client("ann")
    assert "kept from you" not in ann.get("/").text
    world.publish("new", qualified=True)
    told = ann.get("/").text
    assert ("for those who have passed an exam" in told, "There is no exam for you" in told) == (True, True)
    exams(world, 2)
    assert "Sit the exam" in ann.get("/").text
    ann.post("/exam")
    assert "2 submissions of it are left" in ann.get("/").text
    for paper in re.findall(r'href="/review/([^"]+)"', ann.get("/exam").text):
        world.review("ann", paper)
    assert "exam</a>" not in ann.get("/").text.partition("<main")[2], "she has passed"
    with world.database.write() as connection:
        paused = {"state": "paused", "before": "paused", "day": "2026-01-01"}
        connection.execute(update(GOLD_STANDINGS).values(**paused))
    told = ann.get("/").text
    assert ("Some reviews are kept from you for now" in told, "75 %" in told) == (True, True)


def test_no_page_tells_a_lead_who_reviews_as_well_which_of_their_reviews_was_gold(world: World) -> None:
    item = world.settled("old")
    with world.database.write() as connection:
        set_gold_keys(connection, item, KEYS, "x", reason="known")
        set_rule(connection, PayRule(currency="EUR", hourly=6000), "x")
    world.publish("new", gold=1.0)
    plain = world.publish("newer")
    lee = world.client("lee")
    world.review("lee", plain)

    def pages() -> list[str]:
        told = [
            lee.get(path).text for path in ("/lead/gold", "/reviewers", "/reviewers/lee", "/exam", "/work", "/pay")
        ]
        told.append("".join(line for line in lee.get("/pay.csv").text.splitlines() if line.startswith("lee")))
        # How much was reviewed, and what is paid for it, is told of every review alike.
        return [re.sub(r"\d+|csrf\" value=\"[^\"]*", "", text) for text in told]

    before = pages()
    (slot,) = world.slots(item, "gold")
    world.review("lee", slot, wrong=True)
    after = pages()
    assert after[:4] == before[:4]
    assert [
        word for text in after[4:] for word in ("gold", "primary") if f">{word}<" in text or f",{word}," in text
    ] == []
    with world.database.read() as connection:
        assert standing_in_force(connection, "lee") == Qualification.candidate, "it was measured"


def exams(world: World, count: int) -> list[str]:
    items = [world.settled(f"exam.{n}") for n in range(count)]
    keys = KEYS | {"c5": GoldKey(verdict="fail", absent=True, why="It lacks.")}
    with world.database.write() as connection:
        for item in items:
            set_gold_keys(connection, item, keys, "x", exam=True)
    return items


def test_an_exam_is_given_sat_and_told_of(world: World) -> None:
    items = exams(world, 3)
    ann = world.client("ann")
    assert "Begin the exam" in ann.get("/exam").text
    assert ann.post("/exam").headers["location"] == "/exam"
    page = ann.get("/exam").text
    papers = re.findall(r'href="/review/([^"]+)"', page)
    assert len(papers) == 2  # twelve criteria
    assert ann.post("/exam").status_code == 303
    assert re.findall(r'href="/review/([^"]+)"', ann.get("/exam").text) == papers
    assert all(item not in page for item in items)
    assert world.client("bob").get(f"/review/{papers[0]}").status_code == 404  # it is hers alone
    world.review("ann", papers[0])
    assert "It lacks." not in ann.get("/exam").text  # not before all of it is locked
    world.review("ann", papers[1], wrong=True)
    told = html.unescape(ann.get("/exam").text)
    assert "It lacks." in told
    assert "Balanced accuracy</dt><dd>50 %" in told
    assert "There is no exam for you" in told  # the third has six criteria only
    with world.database.read() as connection:
        assert standing_in_force(connection, "ann") == Qualification.candidate


def test_who_passes_the_exam_is_qualified_at_once(world: World) -> None:
    exams(world, 2)
    asked = world.publish("new", qualified=True)
    ann = world.client("ann")
    assert asked not in ann.get("/").text
    ann.post("/exam")
    for paper in re.findall(r'href="/review/([^"]+)"', ann.get("/exam").text):
        world.review("ann", paper)
    assert "<dt>You are</dt><dd>qualified</dd>" in ann.get("/exam").text
    assert asked in ann.get("/").text


def test_too_fast_and_wrong(world: World) -> None:
    item = world.settled("old")
    with world.database.write() as connection:
        set_gold_keys(connection, item, KEYS, "x")
    for n in range(4):
        world.publish(f"new.{n}", gold=1.0)
    for person in ("fast", "slow", "right"):
        (slot,) = world.slots(item, "gold")
        world.review(person, slot, wrong=person != "right")
    minutes = {"fast": 0.5, "right": 0.5, "slow": 10.0}
    with world.database.write() as connection:
        for person, spent in minutes.items():
            connection.execute(update(EVALUATIONS).where(EVALUATIONS.c.grader == person).values(minutes=spent))
        connection.execute(update(EVALUATIONS).where(EVALUATIONS.c.grader.in_(("sam", "tom"))).values(minutes=9.0))
        assert haste_of_all(connection) == {}  # too few others
    for n in range(2):
        world.settled(f"more.{n}")
    with world.database.write() as connection:
        connection.execute(update(EVALUATIONS).where(EVALUATIONS.c.grader.in_(("sam", "tom"))).values(minutes=9.0))
        assert haste_of_all(connection) == {
            "fast": Haste(gold=1, hasty=1),
            "slow": Haste(gold=1, hasty=0),
            "right": Haste(gold=1, hasty=0),
        }
    assert "1 of 1" in world.client("lea").get("/lead/gold").text
