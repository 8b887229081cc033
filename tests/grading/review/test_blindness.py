"""Nothing that a reviewer is sent tells who made a submission, who else reviews it, or what a judge says of it.

Every route of the app is asked for, with everything its path can hold, by two reviewers, before and after they
lock; every byte of every answer is searched for names that stand in the database and must not leave it.
"""

from __future__ import annotations

import asyncio
import html
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

import grading
from core import Blobs, Database, Deliverable, Migration
from grading import (
    Book,
    CriterionVerdict,
    Evaluation,
    Evidence,
    Reviewing,
    ReviewItem,
    create_content_app,
    create_review_app,
    load_secrets,
    review_origins,
)
from grading.adjudication.tables import ADJUDICATIONS
from grading.people.people import People
from grading.people.person import Role
from grading.render.entries import Entry
from grading.render.model import DrawnPage, DrawnSheet, Rendered
from grading.review.cookies import COOKIE
from grading.tables import REVIEW_ITEMS, REVIEW_SLOTS
from rubrics import Rubric, Verdict
from tests.grading.adjudication.support import changer_of
from tests.grading.overview.told import ATTEMPT, EXECUTION, TRIAL, ToldRuns
from tests.grading.people.support import quick_passwords
from tests.grading.review.blindness import SAFE, Ask, Client, Searcher, requests_of

AT = review_origins("127.0.0.1", 9000)
RUBRIC = Rubric.model_validate(
    {
        "criteria": [
            {"id": "rows", "importance": "critical", "text": "Holds 17 rows"},
            {"id": "tone", "importance": "important", "text": "Speaks plainly"},
        ]
    }
)
AGENT, MODEL, RUN, JUDGE = "zebra-planner-v7", "quokka-9-turbo", "run-okapi-77", "judge-axolotl"
PEOPLE = {"anna.login": "Annabel Quince", "ben.login": "Benedict Quill"}
FIRST, SECOND = f"{RUN}.{AGENT}.letter.1.alone", f"{RUN}.{AGENT}.letter.2.retry"
MADE, PUBLISHED, GRADED = "01 Jan 2001", "2002-02-02", "2003-03-03"
# What stands in the database and never leaves it, whoever asks and whenever.
NEVER = (AGENT, MODEL, RUN, JUDGE, "quokka", "zebra", "okapi", "axolotl", MADE, PUBLISHED, GRADED)
# What a judge and a check say of each; shown to a reviewer after their own lock.
SAID = {
    FIRST: ("the judge finds the tone shrill", "the check counted sixteen rows"),
    SECOND: ("the judge finds the tone dull", "the check counted forty rows"),
}
VALUES: dict[str, tuple[str, ...]] = {
    "kind": ("inputs", "deliverables"),
    "index": ("0", "1"),
    "entry": ("0",),
    "how": ("show", "download"),
    "criterion": ("tone", "nothing"),
    "token": ("t-1",),
    "session": ("s-1",),
    "rest": ("0123456789",),
    "invitation": ("i-1",),
    "run": (RUN,),
    "trial": (TRIAL,),
    "attempt": (ATTEMPT,),
    "execution": (EXECUTION,),
    "person": ("p-0123456789",),
    "period": ("2026-01",),
}
# Whoever asks for these has to sign in again.
OUT = ("/logout", "/account/everywhere")
EXTRA = {"/sheet": {"name": "S"}, "/text": {"page": "1"}, "/enter": {"token": "wrong"}}
BODIES: tuple[Any, ...] = ({}, {"revision": 0, "verdict": "pass"}, [])


class Renderer:
    """What a sandbox would have made, with the properties that an agent's program leaves in a document."""

    def __init__(self, blobs: Blobs) -> None:
        self.blobs = blobs

    async def within(self, file: Deliverable, seconds: float) -> Rendered | None:
        assert seconds > 0
        facts = {"words": 2, "properties": {"author": AGENT, "producer": MODEL}, "exif": {"Software": MODEL}}
        words = self.blobs.put_bytes(b'[[0.1, 0.1, 0.2, 0.1, "Two"]]')
        image = self.blobs.put_bytes(b"image of " + file.sha256.encode())
        page = DrawnPage(number=1, width=9, height=9, label="1", image=image, small=image, words=words)
        chunk = self.blobs.put_bytes(b'{"rows": [["a", "b"]], "formulas": []}')
        sheet = DrawnSheet(
            name="S", rows=1, columns=2, cells=2, hidden=False, cut=False, chunks={0: chunk}, merged=(),
            hidden_rows=(), hidden_columns=(), comments=(),
        )  # fmt: skip
        return Rendered(
            sha256=file.sha256, suffix=".docx", kind="pages", segments=(("page=1", "Two words"),), facts=facts,
            pages=(page,), sheets=(sheet,),
        )  # fmt: skip

    async def entry(self, archive: Deliverable, number: int, seconds: float) -> Entry | None:
        assert number == 0
        return Entry(file=archive.model_copy(update={"path": "inside.docx"}))

    def ahead(self, files: Sequence[Deliverable]) -> None:
        assert files


@dataclass
class World:
    book: Book
    blobs: Blobs
    people: People
    app: FastAPI
    content: FastAPI
    runner: asyncio.Runner
    searchers: dict[str, Searcher] = field(default_factory=dict)

    def add(self, login: str, name: str, role: Role, never: tuple[str, ...]) -> Searcher:
        """One more person, and who searches what they are sent."""
        person = self.people.add(login, by="cli", name=name, roles=[role]).id
        app, content = Client(self.app, AT.app, self.runner), Client(self.content, AT.content, self.runner)
        self.searchers[person] = Searcher(app, content, AT.content, never)
        return self.searchers[person]

    def enter(self, searcher: Searcher) -> None:
        """Sign a person in."""
        who = next(person for person, one in self.searchers.items() if one is searcher)
        searcher.app.cookies.set(COOKIE, self.people.sessions.begin(self.people.get(who).person))
        token = searcher.ask("GET", "/api/session").json()["csrf"]
        searcher.app.headers.update({"origin": AT.app, "x-csrf-token": token})

    def slots(self) -> list[str]:
        """The aliases of all slots."""
        with self.book.database.read() as connection:
            return [str(alias) for alias in connection.execute(select(REVIEW_SLOTS.c.alias)).scalars()]

    def open_slots(self, item: str) -> dict[str, str | None]:
        """Those of an item, and who is to have them."""
        with self.book.database.read() as connection:
            chosen = select(REVIEW_SLOTS).where(REVIEW_SLOTS.c.item == item, REVIEW_SLOTS.c.state == "open")
            return {str(row.alias): row.required for row in connection.execute(chosen)}

    def taken(self, item: str, searcher: Searcher) -> str:
        """The slot of an item that a person takes."""
        mine = next(person for person, one in self.searchers.items() if one is searcher)
        return next(alias for alias, required in self.open_slots(item).items() if required in (None, mine))

    def asks(self) -> list[Ask]:
        aliases = (*self.slots(), "0123456789abcdef")
        return requests_of(self.app, VALUES | {"alias": aliases})

    def age(self) -> None:
        """Give all that says when something was made or published a time by which it can be told."""
        for path in (self.blobs.root).rglob("*"):
            if path.is_file():
                os.utime(path, (978350400, 978350400))  # 1 January 2001
        with self.book.database.write() as connection:
            connection.execute(update(REVIEW_ITEMS).values(changed=f"{PUBLISHED}T02:02:02+00:00"))


def all_migrations() -> list[Migration]:
    names = [name for name in dir(grading) if name.endswith("_MIGRATIONS")]
    assert names
    return [migration for name in names for migration in getattr(grading, name)]


def item(blobs: Blobs, text: bytes) -> ReviewItem:
    def file(path: str, data: bytes, media_type: str) -> Deliverable:
        return Deliverable(path=path, size=len(data), media_type=media_type, sha256=blobs.put_bytes(data))

    return ReviewItem(
        job="letter",
        title="A letter",
        brief="Write it",
        inputs=(file("in.txt", b"one", "text/plain"), file("in.docx", b"PK in", "application/octet-stream")),
        deliverables=(file("a.txt", text, "text/plain"), file("b.docx", b"PK" + text, "application/octet-stream")),
        criteria=ReviewItem.criteria_of(RUBRIC),
        submission=text.hex(),
        grading_digest="g",
    )


def say(book: Book, attempt: str, grader: str, kind: Any, feedback: str) -> None:
    verdict = CriterionVerdict(
        criterion="tone",
        verdict=Verdict.failed,
        feedback=feedback,
        evidence=(Evidence(kind="fact", text=feedback),),
    )
    evaluation = Evaluation(
        attempt_id=attempt,
        grading_digest="g",
        grader=grader,
        grader_kind=kind,
        verdicts=(verdict,),
        ts=f"{GRADED}T03:03:03+00:00",
    )
    book.record(evaluation)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    database = Database(tmp_path / "test.db", all_migrations())
    book, blobs = Book(database), Blobs(tmp_path / "blobs")
    people, secrets = People(database, passwords=quick_passwords()), load_secrets(tmp_path / "secrets.json")
    app = create_review_app(
        book,
        blobs,
        secrets,
        app_origin=AT.app,
        content_origin=AT.content,
        token="",
        people=people,
        render=Renderer(blobs),
        oversight=ToldRuns(RUN, AGENT),
        changer=changer_of(tmp_path, blobs),
    )
    content = create_content_app(blobs, secrets, app_origin=AT.app, content_origin=AT.content)
    with asyncio.Runner() as runner:
        yield with_reviewers(World(book, blobs, people, app, content, runner))
    database.close()


def with_reviewers(made: World) -> World:
    """The same, with its two reviewers."""
    said = tuple(word for words in SAID.values() for word in words)
    for (login, name), (other, others_name) in zip(PEOPLE.items(), reversed(PEOPLE.items()), strict=True):
        made.add(login, name, Role.reviewer, (*NEVER, other, others_name)).not_yet = said
    first, second = made.searchers
    made.searchers[first].never += (second,)
    made.searchers[second].never += (first,)
    return made


def sweep(world: World, searcher: Searcher, *, changes: bool = False) -> None:
    """Ask for everything that can be asked for; with `changes` also by methods that change something, wrongly."""
    for ask in world.asks():
        params = next((extra for end, extra in EXTRA.items() if ask.path.endswith(end)), {})
        if ask.method in SAFE:
            searcher.ask(ask.method, ask.path, params=params)
        elif changes and ask.route not in OUT:
            for body in BODIES:
                searcher.ask(ask.method, ask.path, json=body)
    if changes:
        for path in OUT:
            assert searcher.ask("POST", path, json={}).status_code < 400
            world.enter(searcher)


def grade(searcher: Searcher, alias: str, feedback: str, rows: str = "pass") -> None:
    base = f"/api/reviews/{alias}"
    there = searcher.ask("GET", base).json()
    revisions = {name: draft["revision"] for name, draft in there["drafts"].items()}
    bodies = {
        "criteria/tone": {"revision": revisions.get("tone", 0), "verdict": "fail", "feedback": feedback},
        "criteria/rows": {"revision": revisions.get("rows", 0), "verdict": rows, "feedback": feedback},
        "judgement": {"revision": there["whole"]["revision"], "judgement": "fail"},
    }
    for path, body in bodies.items():
        assert searcher.ask("PUT", f"{base}/{path}", json=body).status_code == 200
    assert searcher.ask("POST", f"{base}/lock").status_code == 200


def test_no_answer_of_any_route_tells_who_made_it_who_else_grades_it_or_what_a_judge_says(world: World) -> None:
    anna, ben = world.searchers.values()
    for attempt, text, previous in ((FIRST, b"first", None), (SECOND, b"second", FIRST)):
        say(world.book, attempt, JUDGE, "judge", SAID[attempt][0])
        say(world.book, attempt, "checks", "check", SAID[attempt][1])
        alias = world.book.publish(
            attempt, item(world.blobs, text), reviewing=Reviewing(primary=2), previous=previous
        )
        world.age()
        if attempt == FIRST:
            sweep(world, anna)  # nobody is signed in yet
            world.enter(anna)
            world.enter(ben)
        sweep(world, anna)
        annas = world.taken(alias, anna)
        grade(anna, annas, "anna writes of a heron")
        ben.never += (annas, "heron")
        bens = world.taken(alias, ben)
        sweep(world, ben, changes=attempt == SECOND)
        grade(ben, bens, "ben writes of an ibis")
        anna.never += (bens, "ibis")
        world.age()
        for searcher in (anna, ben):
            searcher.not_yet = SAID[SECOND] if attempt == FIRST else ()
            sweep(world, searcher, changes=attempt == SECOND)
    assert min(anna.answers, ben.answers) > 500
    assert sorted({*anna.found, *ben.found}) == []


def test_an_adjudicator_is_told_neither_who_made_it_nor_whose_verdicts_they_decide_between(
    world: World,
) -> None:
    anna, ben = world.searchers.values()
    say(world.book, FIRST, JUDGE, "judge", SAID[FIRST][0])
    alias = world.book.publish(FIRST, item(world.blobs, b"first"), reviewing=Reviewing(primary=2))
    world.age()
    for searcher, rows in ((anna, "pass"), (ben, "fail")):
        world.enter(searcher)
        grade(searcher, world.taken(alias, searcher), f"they find that it is a {rows}", rows)
    both = [word for person in world.searchers for word in (person, world.people.get(person).login)]
    cora = world.add("cora.login", "Corazon Quist", Role.adjudicator, (*NEVER, *both, *PEOPLE.values()))
    world.enter(cora)
    anna.not_yet = ()  # it is locked
    anna.never += ("cora.login", "Corazon Quist")
    with world.book.database.read() as connection:
        cases = [str(one) for one in connection.execute(select(ADJUDICATIONS.c.alias)).scalars()]
    assert cases
    page = cora.ask("GET", f"/adjudications/{cases[0]}")
    assert "they find that it is a fail" in html.unescape(page.text)
    for searcher in (cora, anna):
        for ask in requests_of(world.app, VALUES | {"alias": (*cases, *world.slots())}):
            if ask.method in SAFE:
                searcher.ask(ask.method, ask.path)
    assert sorted({*cora.found, *anna.found}) == []


def test_after_the_own_lock_the_judge_is_heard_and_not_named(world: World) -> None:
    anna = next(iter(world.searchers.values()))
    say(world.book, FIRST, JUDGE, "judge", SAID[FIRST][0])
    alias = world.book.publish(FIRST, item(world.blobs, b"first"))
    world.enter(anna)
    grade(anna, alias, "no")
    assert not anna.found
    page = anna.ask("GET", f"/review/{alias}").text
    assert "Judge 1" in page
    assert any(SAID[FIRST][0] in one for one in anna.found)  # the search does find what is there
    assert not any(JUDGE in one for one in anna.found)


def test_what_is_somebody_elses_cannot_be_told_from_what_is_not_there(world: World) -> None:
    anna, ben = world.searchers.values()
    theirs = world.book.publish(FIRST, item(world.blobs, b"first"))
    world.enter(anna)
    world.enter(ben)
    assert anna.ask("PUT", f"/api/reviews/{theirs}/criteria/tone", json={"revision": 0}).status_code == 200
    made_up, told = "f" * len(theirs), 0
    for ask in requests_of(world.app, VALUES | {"alias": (theirs,)}):
        if "{alias}" not in ask.route:
            continue
        body = None if ask.method in SAFE else {"revision": 0, "verdict": "pass"}
        real, fake = (ben.ask(ask.method, ask.path.replace(theirs, name), json=body) for name in (theirs, made_up))
        told += 1
        assert real.status_code == fake.status_code, ask
        assert real.text.replace(theirs, made_up) == fake.text, ask
        assert set(real.headers) == set(fake.headers), ask
    assert told > 5


def test_the_order_of_submissions_says_nothing_of_when_they_were_made(world: World) -> None:
    anna = next(iter(world.searchers.values()))
    made = [world.book.publish(f"{RUN}.{number}", item(world.blobs, b"%d" % number)) for number in range(40)]
    world.enter(anna)
    page = anna.ask("GET", "/").text
    shown = list(dict.fromkeys(alias for alias in re.findall(r"/review/(\w+)", page) if alias in made))
    assert len(shown) == 40
    ranks = [made.index(alias) for alias in shown]
    distance = sum((rank - place) ** 2 for place, rank in enumerate(ranks))
    correlation = 1 - 6 * distance / (40 * (40**2 - 1))
    assert abs(correlation) < 0.75  # by chance it is larger once in some ten million times
    assert not anna.found
