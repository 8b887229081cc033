"""What a review costs stands on it, where people are paid in dollars: figures and rework budgets count it."""

from __future__ import annotations

import pytest

from core import Database
from grading import Book
from grading.adjudication.closing import Decision, Reason, close
from grading.adjudication.pay import enter_all, ledger
from grading.adjudication.pay_rule import PayRule, set_rule
from grading.book import read_evaluations
from rubrics import Verdict
from tests.grading.adjudication.support import two_who_differ
from tests.grading.queue.support import desk, grade, publish

RULES = {currency: PayRule(currency=currency, hourly=3000, minutes_per_criterion=2) for currency in ("USD", "EUR")}


@pytest.mark.parametrize(("currency", "dollars"), [("USD", 2.0), ("EUR", None), (None, None)])
def test_a_review_costs_what_the_rule_says_when_it_is_locked(
    database: Database, currency: str | None, dollars: float | None
) -> None:
    if currency is not None:
        with database.write() as connection:
            set_rule(connection, RULES[currency], "lea")
    book = Book(database)
    alias, ann = publish(book, "t.1"), desk(book, "ann")
    grade(ann, alias)
    ann.lock(alias)
    (said,) = book.verdicts_of("t.1")
    assert said.cost == dollars, "two criteria, of which no time is known: four minutes of an hour at 30.00"
    enter_all(database)
    with database.read() as connection:
        assert [item.amount for item in ledger(connection)] == ([200] if currency else [])


def test_so_does_an_adjudication(database: Database) -> None:
    case = two_who_differ(database)
    with database.write() as connection:
        set_rule(connection, RULES["USD"], "lea")
        close(connection, case, "carl", Decision(verdict=Verdict.passed, reason=Reason.error))
        assert read_evaluations(connection, ["attempt-of-item"])[-1].cost == 1.0
