"""Gold in the queue: of which submissions, how often, to whom, and that it looks like everything else."""

from __future__ import annotations

import pytest

from grading import Book
from grading.adjudication.exam import Qualification
from grading.adjudication.gold import GoldKey, note_known, retire_gold, set_gold_keys
from grading.adjudication.gold_standing import standing_in_force
from grading.adjudication.qualifying import qualifying
from grading.people.person import Role
from grading.queue.slots import drawn
from grading.review.desk import Draft
from grading.review.problems import NotReady
from rubrics import Verdict
from tests.grading.queue.support import desk, grade, lapse, publish, slots

KEYS = {"a": GoldKey(verdict="pass"), "b": GoldKey(verdict="fail", absent=True)}


def gold(
    book: Book, attempt: str = "old", *, job: str = "job", exam: bool = False, origin: str | None = None
) -> str:
    """A settled submission with keys that `sam` has reviewed; its alias."""
    alias = publish(book, attempt, job=job)
    sam = desk(book, "sam")
    sam.lease(alias)
    grade(sam, alias)
    sam.lock(alias)
    with book.database.write() as connection:
        set_gold_keys(connection, alias, KEYS, "lea", reason="everybody said so", exam=exam, origin=origin)
    return alias


def kinds(book: Book, alias: str) -> list[tuple[str, str, float | None]]:
    return [(slot.kind, slot.state, slot.probability) for slot in slots(book, alias)]


def test_gold_is_of_submissions_with_keys_and_as_often_as_chance_wants_it(book: Book) -> None:
    first = gold(book)
    aliases = [publish(book, f"t.{n}", gold=0.5) for n in range(8)]
    wanted = sum(drawn(alias, "gold", 0.5) for alias in aliases)
    assert all(kinds(book, alias) == [("primary", "open", None)] for alias in aliases)
    made = [slot for slot in slots(book, first) if slot.kind == "gold"]
    assert len(made) == min(wanted, 1)
    more = publish(book, "t.sure", gold=1.0)
    assert kinds(book, more) == [("primary", "open", None)]
    taken = 0
    for name in "pqrstuvwxyz":  # everybody may have it once; one is open at a time until there are enough
        at = desk(book, name)
        here = [slot for slot in slots(book, first) if (slot.kind, slot.state) == ("gold", "open")]
        assert len(here) <= 1
        if here:
            at.lease(here[0].alias)
            taken += 1
            later = [slot for slot in slots(book, first) if (slot.kind, slot.state) == ("gold", "open")]
            assert all(slot.rank > here[0].rank for slot in later)
    assert taken == wanted + 1


def test_a_gold_review_looks_like_any_other_and_decides_nothing(book: Book) -> None:
    alias = gold(book)
    publish(book, "new", gold=1.0)
    at = desk(book, "ann")
    seen = {review.item.title for review in at.queue()}
    assert seen == {"The job job"}
    assert at.counts()["open"] == 2
    (slot,) = [slot for slot in slots(book, alias) if slot.kind == "gold"]
    review = at.open(slot.alias)
    assert (review.state, review.needed, review.said) == ("awaiting", frozenset("ab"), ())
    at.lease(slot.alias)
    grade(at, slot.alias)
    at.lock(slot.alias)
    (evaluation,) = [one for one in book.verdicts_of("old") if one.grader == "ann"]
    assert evaluation.stage == "gold"
    with book.database.read() as connection:
        assert standing_in_force(connection, "ann") == Qualification.candidate


@pytest.mark.parametrize(
    ("name", "may"), [("ann", True), ("sam", False), ("lea", False), ("kim", False), ("reviewed-copy", False)]
)
def test_gold_is_for_nobody_who_knows_it(book: Book, name: str, may: bool) -> None:
    alias = gold(book)
    copy = gold(book, "gold-copy", origin=alias)
    with book.database.write() as connection:
        note_known(connection, copy, "kim")
    publish(book, "new", gold=1.0)
    publish(book, "newer", gold=1.0)
    (slot,) = [slot for slot in slots(book, alias) if slot.kind == "gold"]
    (other,) = [slot for slot in slots(book, copy) if slot.kind == "gold"]
    at = desk(book, name, roles=frozenset(Role))
    if name == "reviewed-copy":
        at.lease(other.alias)
    open_now = {review.alias for review in at.queue() if review.state == "awaiting"}
    assert (slot.alias in open_now) == may


def test_who_has_reviewed_a_changed_copy_does_not_get_what_it_was_made_from(book: Book) -> None:
    origin = publish(book, "origin")
    copy = gold(book, "gold-copy", origin=origin)
    publish(book, "new", gold=1.0)
    (slot,) = [slot for slot in slots(book, copy) if slot.kind == "gold"]
    ann, bob = desk(book, "ann"), desk(book, "bob")
    ann.lease(slot.alias)
    assert origin not in {review.alias for review in ann.queue()}
    assert origin in {review.alias for review in bob.queue()}


def test_gold_that_was_lost_and_handed_in_all_the_same_is_gold(book: Book) -> None:
    alias = gold(book)
    publish(book, "new", gold=1.0)
    (slot,) = [slot for slot in slots(book, alias) if slot.kind == "gold"]
    ann, bob = desk(book, "ann"), desk(book, "bob")
    ann.lease(slot.alias)
    grade(ann, slot.alias)
    lapse(book, slot.alias)
    bob.lease(slot.alias)
    ann.lock(slot.alias)
    assert [one.stage for one in book.verdicts_of("old") if one.grader == "ann"] == ["gold"]


def test_keys_that_come_later_make_up_for_what_chance_wanted_and_retired_ones_are_wanted_no_more(
    book: Book,
) -> None:
    publish(book, "new", gold=1.0)
    alias = gold(book)
    assert kinds(book, alias)[1:] == [("gold", "open", 1.0)] or kinds(book, alias)[0][:2] == ("gold", "open")
    with book.database.write() as connection:
        retire_gold(connection, alias)
    assert ("gold", "void", 1.0) in kinds(book, alias)
    other = gold(book, "older", job="other")
    assert ("gold", "open", 1.0) in kinds(book, other)
    exam = gold(book, "oldest", exam=True)
    assert [kind for kind, _, _ in kinds(book, exam)] == ["primary"]


def test_what_asks_for_the_qualified_is_open_to_them_alone(book: Book) -> None:
    asked = publish(book, "new", qualified=True)
    plain = publish(book, "plain")
    ann = desk(book, "ann")
    assert {review.alias for review in ann.queue()} == {plain}
    with book.database.read() as connection:
        told = qualifying(connection, ann.person)
        assert (told and told.kept, qualifying(connection, desk(book, "lea", roles={Role.lead}).person)) == (
            True,
            None,
        )
    assert ann.counts()["open"] == 1
    answers = [gold(book, f"old.{n}") for n in range(6)]
    for n in range(6):
        publish(book, f"want.{n}", gold=1.0)
    for alias in answers:
        (slot,) = [slot for slot in slots(book, alias) if slot.kind == "gold"]
        assert asked not in {review.alias for review in ann.queue()}
        ann.lease(slot.alias)
        ann.save(slot.alias, "a", 0, Draft(verdict=Verdict.passed))
        ann.save(slot.alias, "b", 0, Draft(verdict=Verdict.failed, feedback="It is not there."))
        ann.judge(slot.alias, 0, "fail")
        ann.lock(slot.alias)
    with book.database.read() as connection:
        assert standing_in_force(connection, "ann") == Qualification.qualified  # twelve right, at once
    assert asked in {review.alias for review in ann.queue()}
    with book.database.read() as connection:
        assert qualifying(connection, ann.person) is None
    with book.database.write() as connection:  # what they were right about was wrong: paused, but not today
        for alias in answers:
            set_gold_keys(connection, alias, {"a": GoldKey(verdict="fail"), "b": GoldKey(verdict="pass")}, "lea")
        assert standing_in_force(connection, "ann") == Qualification.qualified
        assert standing_in_force(connection, "ann", "9999-01-01") == Qualification.candidate
    with pytest.raises(NotReady):
        ann.lock(plain)
