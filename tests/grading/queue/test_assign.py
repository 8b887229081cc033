"""Submissions that are up for review already get more reviewers, fewer, or certain ones."""

from __future__ import annotations

import pytest

from grading import Book, Person, Role, assign
from grading.queue.assign import ANYBODY
from grading.review.problems import NoSuchReview
from tests.grading.queue.support import desk, grade, item, publish, slots


def states(book: Book, alias: str, kind: str = "primary") -> list[str]:
    return [slot.state for slot in slots(book, alias) if slot.kind == kind]


def test_more_reviewers_and_fewer_again_and_twice_is_once(book: Book) -> None:
    new, begun, done = (publish(book, f"t.{number}") for number in range(3))
    ann = desk(book, "ann")
    ann.lease(begun)
    grade(ann, done)
    ann.lock(done)
    changed = assign(book.database, reviewers=3)
    assert (changed.items, changed.added, changed.voided) == (3, 4, 0)
    assert [len(states(book, one)) for one in (new, begun, done)] == [3, 3, 1], "what is settled stays"
    assert assign(book.database, reviewers=3).added == 0
    bob = desk(book, "bob")
    second = bob.take_next()
    assert second in {slot.alias for slot in slots(book, begun)}, "what somebody has begun is to be done first"
    fewer = assign(book.database, reviewers=1)
    assert (fewer.added, fewer.voided) == (0, 3)
    assert sorted(states(book, begun)) == ["claimed", "claimed", "void"], "what is begun stays"


def test_fewer_reviewers_may_settle_what_waited(book: Book) -> None:
    alias = publish(book, "t.1", primary=2)
    ann = desk(book, "ann")
    grade(ann, alias)
    ann.lock(alias)
    told: list[str] = []
    changed = assign(book.database, reviewers=1, settled=lambda _connection, attempt: told.append(attempt))
    assert (changed.settled, told) == (1, ["t.1"])
    assert assign(book.database, reviewers=1).settled == 0


def test_chance_falls_once_and_its_probability_is_kept(book: Book) -> None:
    aliases = [publish(book, f"t.{number}") for number in range(40)]

    def drawn() -> set[str]:
        return {alias for alias in aliases if states(book, alias, "overlap") == ["open"]}

    assert assign(book.database, overlap=0.5).overlap_added == len(drawn())
    half = drawn()
    assert 5 < len(half) < 35
    assert assign(book.database, overlap=0.5).overlap_added == 0
    assign(book.database, overlap=0.8)
    more = drawn()
    assert half < more
    kept = {slot.probability for alias in more for slot in slots(book, alias) if slot.kind == "overlap"}
    assert kept == {0.8}
    assert assign(book.database, overlap=0.0).overlap_voided == len(more)
    assert drawn() == set()


def test_a_job_may_be_somebodys_alone(book: Book) -> None:
    mine, other = publish(book, "t.1", job="mine"), publish(book, "t.2", job="other")
    ann = Person(id="ann")
    assert assign(book.database, to=ann, job="mine").given == 1
    assert assign(book.database, to=ann, job="mine").given == 0
    bob = desk(book, "bob")
    assert bob.take_next() == other
    with pytest.raises(NoSuchReview):
        bob.lease(mine)
    assert desk(book, "ann").take_next() == mine
    desk(book, "ann").release(mine)
    assert assign(book.database, to=ANYBODY, job="mine").given == 1
    assert bob.lease(mine)


@pytest.mark.parametrize(
    "ann",
    [
        Person(id="ann", conflicts=frozenset({"job:mine"})),
        Person(id="ann", skills=frozenset({"law"})),
        Person(id="ann", roles=frozenset({Role.lead})),
    ],
)
def test_what_somebody_may_not_review_is_not_given_to_them(book: Book, ann: Person) -> None:
    mine = book.publish("t.1", item("mine", category=("sales",)))
    assign(book.database, to=Person(id="bob"), job="mine")
    changed = assign(book.database, to=ann, job="mine")
    assert (changed.given, changed.unfit) == (0, 1)
    with pytest.raises(NoSuchReview):
        desk(book, "eve").lease(mine)
    assert desk(book, "bob").lease(mine), "it stays whose it was"
