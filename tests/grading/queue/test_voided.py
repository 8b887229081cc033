"""A criterion that is voided while it is reviewed, and one that counts again when all reviews are done."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from grading import Book, records_of
from grading.adjudication.due import adjudications_due
from grading.adjudication.tables import ADJUDICATIONS
from grading.adjudication.tickets import set_voided
from grading.queue.settle import Settling
from grading.review.desk import Draft, ReviewDesk
from grading.review.problems import NotReady
from grading.review.views import start_of
from grading.tables import REVIEW_ITEMS
from rubrics import Verdict
from tests.grading.queue.support import desk, publish


def at(book: Book, name: str, settled: list[str]) -> ReviewDesk:
    return ReviewDesk(book, desk(book, name).person, lambda _, attempt: settled.append(attempt), adjudications_due)


def say_voided(book: Book, *, voided: bool) -> list[str]:
    with book.database.write() as connection:
        return set_voided(connection, "g", "b", voided=voided, by="lea", reason="because")[1]


def cases(book: Book) -> dict[str, tuple[str, str]]:
    """Criterion -> state and triggers of its adjudication."""
    with book.database.read() as connection:
        rows = connection.execute(select(ADJUDICATIONS)).all()
    return {row.criterion: (row.state, row.triggers) for row in rows}


def test_a_criterion_voided_meanwhile_is_asked_of_nobody_and_the_rest_is_locked(book: Book) -> None:
    settled: list[str] = []
    alias, ann = publish(book, "t.1"), at(book, "ann", settled)
    ann.save(alias, "a", 0, Draft(verdict=Verdict.passed))
    ann.save(alias, "b", 0, Draft(verdict=Verdict.failed))  # without the feedback that a fail needs
    ann.judge(alias, 0, "pass")
    with pytest.raises(NotReady, match="b: a fail needs feedback"):
        ann.lock(alias)
    say_voided(book, voided=True)
    review = ann.open(alias)
    assert (sorted(review.needed), sorted(review.voided), review.left) == (["a"], ["b"], 0)
    asked = {one["id"]: (one["needed"], one["voided"]) for one in start_of(review, None)["criteria"]}
    assert asked == {"a": (True, False), "b": (False, True)}
    assert ann.voided(alias) == {"b"}
    ann.lock(alias)
    assert [verdict.criterion for verdict in book.verdicts_of("t.1")[0].verdicts] == ["a"]
    assert settled == ["t.1"]


def test_what_counts_again_and_nobody_has_judged_is_open_again_until_somebody_has(book: Book) -> None:
    settled: list[str] = []
    alias, ann = publish(book, "t.1"), at(book, "ann", settled)
    publish(book, "t.2")  # nobody has reviewed it: nothing is to be opened there
    say_voided(book, voided=True)
    ann.save(alias, "a", 0, Draft(verdict=Verdict.passed))
    ann.judge(alias, 0, "pass")
    ann.lock(alias)
    assert say_voided(book, voided=False) == [alias]
    assert cases(book) == {"b": ("open", '["unjudged"]')}
    with book.database.write() as connection:
        before = connection.execute(select(REVIEW_ITEMS.c.settled)).scalars().all()
        assert Settling(None, adjudications_due)(connection, alias, again=True) is False
    ann.correct(alias, "b", Draft(verdict=Verdict.failed, feedback="No."))
    assert cases(book) == {"b": ("void", '["unjudged"]')}, "the reviewer has judged it now"
    assert records_of(book.verdicts_of("t.1"))["b"].verdict == "fail"
    with book.database.read() as connection:
        assert connection.execute(select(REVIEW_ITEMS.c.settled)).scalars().all() == before, "settled is settled"
    assert settled == ["t.1"], "and told once"


def test_two_who_differ_on_what_counts_again_are_adjudicated_and_settling_waits_for_it(book: Book) -> None:
    settled: list[str] = []
    alias = publish(book, "t.1", primary=2)
    ann, bob = at(book, "ann", settled), at(book, "bob", settled)
    seats = {}
    for who, word in ((ann, Verdict.passed), (bob, Verdict.failed)):
        seat = who.take_next()
        assert seat is not None
        seats[who.reviewer] = seat
        who.save(seat, "a", 0, Draft(verdict=Verdict.passed))
        who.save(seat, "b", 0, Draft(verdict=word, feedback="why"))
        who.judge(seat, 0, "pass")
    ann.lock(seats["ann"])
    say_voided(book, voided=True)
    assert say_voided(book, voided=False) == [], "one of two reviews is there: nothing is due yet"
    say_voided(book, voided=True)
    bob.lock(seats["bob"])
    assert (settled, cases(book)) == (["t.1"], {})
    assert say_voided(book, voided=False) == [alias]
    state, triggers = cases(book)["b"]
    assert state == "open"
    assert "critical" in triggers
