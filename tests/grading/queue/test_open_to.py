"""To whom a slot is open: the filters against a plain model of them, continuity, and the order of the queue."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from core import Database
from grading import GRADING_MIGRATIONS, Book, Reviewing
from grading.people.person import Person, Role
from grading.queue.slots import add_slots, drawn
from grading.review.desk import ReviewDesk
from grading.tables import REVIEW_SLOTS
from rubrics import Verdict
from tests.grading.queue.support import desk, grade, item, lapse, publish, slots

NUMBERS = itertools.count()
JOBS = ("j_1", "j%2", "j|3")
PACKS = ("", "pack", "p%")
FIELDS = ("Sales", "sales B2B", "Law_1", "100 %")
WORDS = st.sampled_from(FIELDS)


@dataclass(frozen=True)
class Given:
    job: str
    pack: str
    category: tuple[str, ...]
    tags: tuple[str, ...]
    person: Person


PEOPLE = st.builds(
    Person,
    id=st.just("ann"),
    roles=st.frozensets(st.sampled_from(Role), min_size=1),
    skills=st.frozensets(WORDS, max_size=2),
    conflicts=st.frozensets(
        st.sampled_from([*(f"job:{one}" for one in JOBS), *(f"pack:{one}" for one in PACKS), "client:X", "j_1"]),
        max_size=3,
    ),
)
CASES = st.builds(
    Given,
    st.sampled_from(JOBS),
    st.sampled_from(PACKS),
    st.lists(WORDS, max_size=2).map(tuple),
    st.lists(WORDS, max_size=2).map(tuple),
    PEOPLE,
)


def allowed(case: Given) -> bool:
    person = case.person
    if person.roles <= {Role.admin, Role.lead}:
        return False
    if f"job:{case.job}" in person.conflicts or f"pack:{case.pack}" in person.conflicts:
        return False
    fields = {word.casefold() for word in (*case.category, *case.tags)}
    return not person.skills or not fields or bool(fields & {skill.casefold() for skill in person.skills})


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    database = Database(tmp_path_factory.mktemp("queue") / "a.db", GRADING_MIGRATIONS)
    yield Book(database)
    database.close()


@given(case=CASES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_statement_lets_through_whom_the_rules_let_through(room: Book, case: Given) -> None:
    alias = room.publish(
        f"t.{next(NUMBERS)}", item(case.job, category=case.category, tags=case.tags, pack=case.pack)
    )
    at = ReviewDesk(room, case.person)
    assert (at.next_open() is not None) == allowed(case)
    assert at.counts()["open"] == (1 if allowed(case) else 0)
    with room.database.write() as connection:  # the next example has the queue for itself
        connection.execute(update(REVIEW_SLOTS).where(REVIEW_SLOTS.c.item == alias).values(state="void"))


@pytest.mark.parametrize(
    "case",
    [
        Given(JOBS[0], PACKS[1], (FIELDS[0],), t, Person(id="ann", skills=frozenset(s), conflicts=frozenset(c)))
        for t, s, c in (
            ((), (), ()),
            ((), ("law_1",), ()),
            ((FIELDS[2],), ("law_1",), ()),
            ((), ("sales",), ("job:j_1",)),
            ((), ("SALES",), ("job:j%2",)),
            ((), (), ("pack:pack",)),
        )
    ],
)
def test_both_databases_read_the_filters_alike(book: Book, case: Given) -> None:
    book.publish("t.1", item(case.job, category=case.category, tags=case.tags, pack=case.pack))
    assert (ReviewDesk(book, case.person).take_next() is not None) == allowed(case)


def test_nobody_reviews_a_submission_twice_whatever_the_kinds(book: Book) -> None:
    alias = publish(book, "t.1", primary=2, overlap=1.0)
    with book.database.write() as connection:
        add_slots(connection, alias, "gold", probability=1.0)
    assert [(slot.kind, slot.probability) for slot in slots(book, alias)] == [
        ("primary", None),
        ("primary", None),
        ("overlap", 1.0),
        ("gold", 1.0),
    ]
    people = [desk(book, name) for name in ("ann", "bob", "cem", "dan", "eve")]
    taken = [at.take_next() for at in people]
    assert taken[-1] is None
    assert len(set(taken[:-1])) == 4
    assert [at.take_next(after=mine) for at, mine in zip(people, taken, strict=True)] == [None] * 5
    stages = set()
    for at, mine in zip(people[:4], taken, strict=False):
        assert mine is not None
        grade(at, mine)
        at.lock(mine)
        stages |= {evaluation.stage for evaluation in book.verdicts_of("t.1") if evaluation.grader == at.reviewer}
    assert stages == {"primary", "overlap", "gold"}


def test_a_submission_is_settled_by_its_last_primary_review_and_once(book: Book) -> None:
    told: list[str] = []
    alias = publish(book, "t.1", primary=2, overlap=1.0)
    for name in ("ann", "bob", "cem"):
        at = ReviewDesk(book, name, lambda _connection, attempt: told.append(attempt))
        mine = at.take_next()
        assert mine is not None
        grade(at, mine)
        at.lock(mine)
        locked = sum(slot.state == "locked" and slot.kind == "primary" for slot in slots(book, alias))
        assert told == ["t.1"] * (locked == 2)
    assert told == ["t.1"]


def test_settling_waits_for_adjudications(book: Book) -> None:
    told: list[str] = []
    alias = publish(book, "t.1")
    at = ReviewDesk(book, "ann", lambda _connection, attempt: told.append(attempt), lambda _connection, _item: 1)
    grade(at, alias)
    at.lock(alias)
    assert (told, book.review_counts()["locked"]) == ([], 1)
    from grading import Settling

    with book.database.write() as connection:
        settling = Settling(lambda _connection, attempt: told.append(attempt))
        assert [settling(connection, alias), settling(connection, alias)] == [True, False]
    assert told == ["t.1"]


def test_a_rework_goes_to_whoever_reviewed_before_and_shows_what_they_said(book: Book) -> None:
    first = publish(book, "t.1", primary=2)
    for name in ("ann", "bob"):
        at = desk(book, name)
        mine = at.take_next()
        assert mine is not None
        grade(at, mine, Verdict.failed)
        at.lock(mine)
    again = publish(book, "t.2", previous="t.1", primary=2)
    assert desk(book, "cem").take_next() is None
    for name in ("ann", "bob"):
        at = desk(book, name)
        mine = at.take_next()
        assert mine is not None
        review = at.open(mine)
        assert (review.previous, review.changed, review.drafts) == (first, True, {})
        assert {draft.verdict for draft in review.earlier.values()} == {Verdict.failed}
    assert {slot.reviewer for slot in slots(book, again)} == {"ann", "bob"}


def test_a_rework_waits_for_its_reviewer_for_so_long_and_no_longer(book: Book) -> None:
    first = publish(book, "t.1")
    ann = desk(book, "ann")
    grade(ann, first)
    ann.lock(first)
    publish(book, "t.2", previous="t.1", continuity_hours=0.0)
    waits = publish(book, "t.3", previous=first)
    bob = desk(book, "bob")
    found = bob.take_next()
    assert found is not None
    assert found != waits
    assert bob.take_next(after=found) is None


def test_what_others_have_begun_comes_first_and_the_rest_by_a_hash(book: Book) -> None:
    aliases = [publish(book, f"t.{number}", primary=2) for number in range(6)]
    ann, bob = desk(book, "ann"), desk(book, "bob")
    ann.lease(aliases[3])
    mine = bob.take_next()
    assert mine in {slot.alias for slot in slots(book, aliases[3])}
    lapse(book, aliases[3])
    orders = [
        [at.next_open(), *(review.alias for review in at.queue(most=3))]
        for at in (desk(book, "cem"), desk(book, "dan"))
    ]
    assert orders[0] == orders[1], "the same for everybody, since chance is seeded by the slot alone"


def test_what_checks_have_decided_is_nobodys_turn(book: Book) -> None:
    from grading import CriterionVerdict
    from rubrics import Rubric

    check = {"kind": "file_count", "file": "*.csv", "min": 1}
    rows = [{"id": name, "importance": "critical", "text": name, "check": check, "decides": True} for name in "ab"]
    rubric = Rubric.model_validate({"criteria": rows})
    shown = item().model_copy(update={"criteria": item().criteria_of(rubric)})
    said = {name: CriterionVerdict(criterion=name, verdict=Verdict.passed) for name in "ab"}
    book.record_checks("t.1", rubric, said, submission="s", grading_digest="g")
    decided = book.publish("t.1", shown)
    undecided = book.publish("t.2", shown)
    ann = desk(book, "ann")
    assert (ann.take_next(), ann.take_next(after=undecided)) == (undecided, None)
    assert ann.counts() == {"open": 0, "claimed": 1, "locked": 0}
    assert ann.lease(decided), "whoever likes may still"


def test_chance_is_fair_and_falls_once() -> None:
    share = sum(drawn(f"{number:010x}", "overlap", 0.25) for number in range(4000)) / 4000
    assert 0.2 < share < 0.3
    assert not drawn("a", "overlap", 0.0)
    assert drawn("a", "overlap", 1.0)
    assert Reviewing().primary == 1


def test_a_submission_that_awaits_several_reviewers_stands_in_the_queue_once(book: Book) -> None:
    first, second = (publish(book, f"t.{number}", primary=3) for number in range(2))
    ann, bob = desk(book, "ann"), desk(book, "bob")
    ann.lease(first)
    lapse(book, first)
    assert bob.counts() == {"open": 2, "claimed": 0, "locked": 0}
    assert [review.alias for review in bob.queue()].count(first) == 1, "the one that was begun"
    assert len(bob.queue()) == 2
    assert bob.lease(second)
    assert bob.counts() == {"open": 1, "claimed": 1, "locked": 0}
