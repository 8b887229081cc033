"""An adjudicator's active time: kept by a seat at the case, paid with the decision, and no review of anybody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from core import Database
from grading import Book
from grading.adjudication.closing import Decision, Reason, close
from grading.adjudication.pay import enter_due, ledger
from grading.adjudication.pay_rule import PayRule, set_rule
from grading.adjudication.problems import NoSuchReview
from grading.adjudication.seats import note_activity, seat_of
from grading.adjudication.tables import ADJUDICATIONS
from grading.book import read_evaluations
from grading.queue.activity import Interval
from grading.review.desk import ReviewDesk
from grading.tables import REVIEW_ITEMS, REVIEW_SLOTS
from rubrics import Verdict
from tests.grading.adjudication.support import two_who_differ

DECISION = Decision(verdict=Verdict.passed, reason=Reason.error)


def minutes(count: int, begin: datetime) -> list[Interval]:
    """So many minutes on end, one after the other."""
    step = timedelta(minutes=1)
    return [Interval(begin=begin + n * step, end=begin + (n + 1) * step) for n in range(count)]


def seats(database: Database) -> dict[str, tuple[str, int]]:
    """Person -> state and number of their seat."""
    with database.read() as connection:
        rows = connection.execute(select(REVIEW_SLOTS).where(REVIEW_SLOTS.c.kind == "adjudication")).all()
    return {row.reviewer: (row.state, row.number) for row in rows}


def test_time_at_a_case_is_paid_with_the_decision_and_the_seat_is_nobodys_review(database: Database) -> None:
    alias = two_who_differ(database)
    with database.write() as connection:
        opened = datetime.now(UTC)
        set_rule(connection, PayRule(currency="EUR", hourly=6000, minutes_per_criterion=2), "lea")
        assert note_activity(connection, alias, "carl", minutes(3, opened - timedelta(hours=1))) == 0, (
            "not open yet"
        )
        ahead = minutes(3, opened)
        assert note_activity(connection, alias, "carl", ahead) == 1, "the rest is still to come"
        assert note_activity(connection, alias, "dora", ahead[:1]) == 1
    assert seats(database) == {"carl": ("open", 1), "dora": ("open", 2)}
    with database.write() as connection:
        close(connection, alias, "carl", DECISION)
        assert note_activity(connection, alias, "dora", ahead) == 0, "it is decided"
    assert seats(database) == {"carl": ("locked", 1), "dora": ("void", 2)}
    with database.write() as connection:
        said = read_evaluations(connection, ["attempt-of-item"])[-1]
        assert said.minutes is not None
        assert 0 < said.minutes < 1
        enter_due(connection)
        (paid,) = [one for one in ledger(connection) if one.person == "carl"]
    assert paid.active_seconds == round(said.minutes * 60)
    assert paid.stage == "adjudication"
    desk = ReviewDesk(Book(database), "carl")
    assert (desk.queue(), desk.counts()["locked"]) == ([], 0)
    with pytest.raises(NoSuchReview):
        desk.open(seat_of(alias, "carl"))


def test_what_the_adjudicator_was_at_before_deciding_may_be_told_later(database: Database) -> None:
    alias = two_who_differ(database)
    began = datetime.now(UTC) - timedelta(hours=1)
    with database.write() as connection:
        rule = PayRule(currency="EUR", hourly=6000, minutes_per_criterion=60)
        set_rule(connection, rule, "lea")
        connection.execute(update(ADJUDICATIONS).values(opened=began.isoformat(timespec="seconds")))
        close(connection, alias, "carl", DECISION)
        enter_due(connection)
        assert note_activity(connection, alias, "carl", minutes(70, began)) >= 59, "until it was decided"
        assert note_activity(connection, alias, "dora", minutes(3, began)) == 0
        enter_due(connection)
        (paid,) = [one for one in ledger(connection) if one.person == "carl"]
    assert paid.paid_seconds == 3600, "the estimate, and what was told is not more"
    assert seats(database) == {"carl": ("locked", 1)}


def test_there_is_no_seat_at_what_is_no_case(database: Database) -> None:
    two_who_differ(database)
    with database.write() as connection, pytest.raises(NoSuchReview):
        note_activity(connection, "nothing", "carl", minutes(1, datetime.now(UTC)))
    with database.read() as connection:
        assert connection.execute(select(REVIEW_ITEMS.c.state)).scalars().all() == ["locked"]
    assert seats(database) == {}
