"""Leases: one winner, what ends with the time and what does not, and nothing lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from grading import Book
from grading.queue.leases import release_all
from grading.review.desk import Draft
from grading.review.problems import AlreadyLocked, Conflict, Lost, NoSuchReview
from grading.tables import REVIEW_ITEMS
from rubrics import Verdict
from tests.grading.queue.support import desk, grade, lapse, publish, slots

RACERS = 200
AT_ONCE = 25


def state_of(book: Book, alias: str) -> str:
    with book.database.read() as connection:
        return str(
            connection.execute(select(REVIEW_ITEMS.c.state).where(REVIEW_ITEMS.c.alias == alias)).scalar_one()
        )


def test_of_two_hundred_who_want_the_one_slot_one_gets_it(book: Book) -> None:
    alias = publish(book, "t.1")
    ready = threading.Barrier(AT_ONCE)

    def race(number: int) -> str | None:
        if number < AT_ONCE:
            ready.wait(60)
        return desk(book, f"r{number}").take_next()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        won = [found for found in threads.map(race, range(RACERS)) if found is not None]
    assert won == [alias]
    (slot,) = slots(book, alias)
    assert (slot.state, slot.reviewer[0]) == ("claimed", "r")


def test_many_who_ask_together_get_a_slot_each_and_nobody_two_of_one_submission(book: Book) -> None:
    items = [publish(book, f"t.{number}", primary=2) for number in range(8)]
    people = [f"r{number}" for number in range(4)]
    taken: dict[str, list[str]] = {name: [] for name in people}
    ready = threading.Barrier(2 * len(people))

    def work(name: str) -> None:
        at = desk(book, name)
        ready.wait(60)
        for _ in range(3):
            found = at.take_next(after=taken[name][-1] if taken[name] else None)
            if found is not None:
                taken[name].append(found)

    with ThreadPoolExecutor(2 * len(people)) as threads:  # each of them with two windows
        list(threads.map(work, people * 2))
    claimed = [slot for alias in items for slot in slots(book, alias) if slot.state == "claimed"]
    assert claimed
    assert len({(slot.item, slot.reviewer) for slot in claimed}) == len(claimed)
    assert {slot.alias for slot in claimed} == {alias for found in taken.values() for alias in found}


def test_a_lease_is_renewed_by_its_holder_and_by_nobody_else(book: Book) -> None:
    alias = publish(book, "t.1")
    ann, bob = desk(book, "ann"), desk(book, "bob")
    first = ann.lease(alias)
    assert ann.lease(alias) >= first
    with pytest.raises(NoSuchReview):
        bob.lease(alias)
    with pytest.raises(NoSuchReview):
        bob.save(alias, "a", 0, Draft(verdict=Verdict.passed))
    assert (ann.open(alias).state, bob.take_next()) == ("claimed", None)


def test_the_time_ends_claimed_slots_alone_and_drafts_stay(book: Book) -> None:
    begun, done = publish(book, "t.1"), publish(book, "t.2")
    ann, bob = desk(book, "ann"), desk(book, "bob")
    ann.save(begun, "a", 0, Draft(verdict=Verdict.failed, feedback="Why"))
    grade(ann, done)
    ann.lock(done)
    lapse(book, begun, done)
    assert bob.take_next() == begun
    assert bob.take_next(after=begun) is None, "what is locked stays who locked it"
    assert bob.open(begun).drafts == {}
    lost = ann.open(begun)
    assert (lost.state, lost.drafts["a"][1].feedback) == ("lost", "Why")
    with pytest.raises(Lost):
        ann.lease(begun)
    lapse(book, begun)
    ann.lease(begun)
    assert ann.open(begun).drafts["a"] == (1, Draft(verdict=Verdict.failed, feedback="Why"))


def test_what_lapsed_and_nobody_took_is_offered_to_its_own_first(book: Book) -> None:
    own = publish(book, "t.1")
    ann = desk(book, "ann")
    ann.save(own, "a", 0, Draft(verdict=Verdict.passed))
    lapse(book, own)
    for number in range(5):
        publish(book, f"u.{number}")
    assert ann.take_next() == own
    assert ann.save(own, "b", 0, Draft(verdict=Verdict.passed)) == 1


def test_a_review_handed_in_too_late_is_kept_as_one_more(book: Book) -> None:
    alias = publish(book, "t.1")
    ann, bob = desk(book, "ann"), desk(book, "bob")
    ann.lease(alias)
    lapse(book, alias)
    assert bob.take_next() == alias
    grade(ann, alias, Verdict.failed)
    attempt, own = ann.lock_as(alias)
    with pytest.raises(AlreadyLocked):
        ann.lock(own)
    grade(bob, alias)
    assert bob.lock(alias) == attempt
    stages = {e.grader: (e.stage, e.judgement) for e in book.verdicts_of("t.1")}
    assert stages == {"ann": ("overlap", "fail"), "bob": ("primary", "pass")}
    assert [(slot.kind, slot.probability) for slot in slots(book, alias)] == [("primary", None), ("overlap", None)]
    assert ann.open(own).drafts["a"][1].feedback == "No."
    assert ann.correct(own, "a", Draft(verdict=Verdict.passed)) == 2


def test_a_review_handed_in_too_late_takes_a_slot_that_is_still_open(book: Book) -> None:
    alias = publish(book, "t.1", primary=2)
    ann, bob = desk(book, "ann"), desk(book, "bob")
    ann.lease(alias)
    lapse(book, alias)
    bob.lease(alias)
    assert ann.take_next() is None, "who has work on a submission gets no other slot of it"
    grade(ann, alias)
    _, own = ann.lock_as(alias)
    assert own != alias
    grade(bob, alias)
    bob.lock(alias)
    assert state_of(book, alias) == "locked"
    assert {e.stage for e in book.verdicts_of("t.1")} == {"primary"}


def test_too_late_and_free_again_is_in_time(book: Book) -> None:
    alias = publish(book, "t.1")
    ann = desk(book, "ann")
    grade(ann, alias)
    lapse(book, alias)
    assert ann.lock_as(alias) == ("t.1", alias)


def test_given_back_it_is_anybodys_and_the_drafts_are_found_again(book: Book) -> None:
    alias = publish(book, "t.1")
    ann, bob = desk(book, "ann"), desk(book, "bob")
    ann.save(alias, "a", 0, Draft(verdict=Verdict.passed))
    ann.release(alias)
    assert state_of(book, alias) == "awaiting"
    assert (ann.open(alias).state, ann.open(alias).left) == ("awaiting", 1)
    bob.lease(alias)
    with pytest.raises(NoSuchReview):
        ann.open(alias)
    bob.release(alias)
    assert ann.take_next() == alias
    assert ann.open(alias).drafts["a"][0] == 1


def test_a_closed_account_keeps_nothing_from_others_and_loses_no_draft(book: Book) -> None:
    begun, first = publish(book, "t.1"), publish(book, "u.1", job="other")
    ann, bob = desk(book, "ann"), desk(book, "bob")
    grade(ann, first)
    ann.lock(first)
    ann.save(begun, "a", 0, Draft(verdict=Verdict.passed))
    again = publish(book, "u.2", previous="u.1", job="other")
    assert {bob.take_next(), bob.next_open()} == {None}
    with book.database.write() as connection:
        assert release_all(connection, "ann") == 1
    assert {bob.take_next(), bob.take_next(after=begun), bob.take_next(after=again)} == {begun, again}
    assert len(book.verdicts_of("u.1")) == 1
    assert ann.open(begun).drafts["a"][0] == 1


def test_a_change_that_is_sent_again_is_one(book: Book) -> None:
    alias = publish(book, "t.1")
    ann = desk(book, "ann")
    draft = Draft(verdict=Verdict.passed)
    assert ann.save(alias, "a", 0, draft, uuid="u1") == 1
    assert ann.save(alias, "a", 0, Draft(verdict=Verdict.failed, feedback="x"), uuid="u1") == 1
    with pytest.raises(Conflict):
        ann.save(alias, "a", 0, Draft(verdict=Verdict.failed, feedback="x"), uuid="u2")
    assert ann.open(alias).drafts["a"][1] == draft
