"""Paid is the time worked: of two reviews that are open at once no minute is paid twice, however late told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from core import Database
from grading import Book
from grading.adjudication.pay import PayItem, enter_all, enter_due, ledger, mark_paid
from grading.adjudication.pay_rule import PayRule, set_rule
from grading.queue.activity import Interval, add_activity
from grading.queue.slots import instant
from grading.tables import REVIEW_SLOTS
from tests.grading.queue.support import desk, grade, publish

RULE = PayRule(currency="EUR", hourly=3600, minutes_per_criterion=60, most=10)


def test_a_minute_on_two_reviews_is_paid_once_and_what_arrives_after_the_lock_as_well(database: Database) -> None:
    book = Book(database)
    ann, bob = desk(book, "ann"), desk(book, "bob")
    first, second, other = (publish(book, f"t.{number}", job=f"job-{number}") for number in range(3))
    began = datetime.now(UTC) - timedelta(hours=2)

    def worked(slot: str, person: str, *spans: tuple[int, int]) -> None:
        minute = timedelta(minutes=1)
        some = [Interval(begin=began + a * minute, end=began + b * minute) for a, b in spans]
        with database.write() as connection:
            assert add_activity(connection, slot, person, some, since=None) == len(some)

    with database.write() as connection:
        set_rule(connection, RULE, "lea")
    for at, alias in ((ann, first), (ann, second), (bob, other)):
        grade(at, alias)
    worked(first, "ann", (0, 10), (20, 30))
    worked(second, "ann", (5, 15), (22, 25), (40, 45))
    worked(other, "bob", (0, 10))
    for at, alias in ((ann, first), (ann, second), (bob, other)):
        at.lock(alias)
    worked(first, "ann", (50, 55))  # kept in a browser that was offline
    with database.write() as connection:
        enter_due(connection)
        items = ledger(connection)
    paid = sorted((one.person, one.active_seconds, one.paid_seconds, one.amount) for one in items)
    # 10 to 15 and 40 to 45 are the second one's; 50 to 55 came late.
    minutes = [("ann", 10), ("ann", 25), ("bob", 10)]
    assert paid == [(name, 60 * number, 60 * number, 60 * number) for name, number in minutes]


def test_what_is_told_after_it_was_paid_is_an_entry_of_its_own_and_no_moment_is_in_two(database: Database) -> None:
    book = Book(database)
    ann = desk(book, "ann")
    first, second = (publish(book, f"t.{number}", job=f"job-{number}") for number in range(2))
    began, minute = datetime.now(UTC) - timedelta(hours=2), timedelta(minutes=1)

    def told(slot: str, *spans: tuple[int, int]) -> int:
        return ann.note_activity(
            slot, [Interval(begin=began + a * minute, end=began + b * minute) for a, b in spans]
        )

    def paid() -> list[tuple[str, int | None, int]]:
        with database.read() as connection:
            return [(one.entry, one.active_seconds, one.amount) for one in reversed(ledger(connection))]

    with database.write() as connection:
        set_rule(connection, RULE, "lea")
    for alias in (first, second):
        grade(ann, alias)
    with database.write() as connection:
        connection.execute(update(REVIEW_SLOTS).values(claimed=instant(timedelta(hours=-3))))
    assert (told(first, (0, 10)), told(second, (5, 15))) == (1, 1)
    ann.lock(first)
    assert enter_all(database) == 1
    assert paid() == [("1", 600, 600)]
    with database.write() as connection:
        assert mark_paid(connection, [(1, 1)], "lea") == 1
    assert told(first, (20, 30), (8, 12)) == 2, "the browser was offline"
    assert told(first, (121, 125)) == 0, "after the lock"
    assert enter_all(database) == 1
    assert paid() == [("1", 600, 600), ("1.2", 600, 600)], "8 to 10 are paid, 10 to 12 are the other one's"
    assert told(first, (20, 30)) == 1
    assert enter_all(database) == 0, "nothing new"
    ann.lock(second)
    enter_all(database)
    assert told(second, (19, 29)) == 1, "began earlier than what is paid of the other"
    enter_all(database)
    assert paid()[2:] == [("2", 300, 300), ("2.2", 60, 60)]
    assert sum(seconds or 0 for _, seconds, _ in paid()) == 26 * 60, "0 to 15, 19 to 30"
    with database.read() as connection:
        states = {item.entry: item.state for item in ledger(connection)}
    assert states == {"1": "paid", "1.2": "due", "2": "due", "2.2": "due"}


def test_where_the_estimate_was_paid_only_what_is_more_comes_late(database: Database) -> None:
    book = Book(database)
    ann = desk(book, "ann")
    alias = publish(book, "t.1")
    with database.write() as connection:
        set_rule(connection, RULE.model_copy(update={"minutes_per_criterion": 5}), "lea")
    grade(ann, alias)
    with database.write() as connection:
        connection.execute(update(REVIEW_SLOTS).values(claimed=instant(timedelta(hours=-3))))
    ann.lock(alias)
    began = datetime.now(UTC) - timedelta(hours=1)

    def late(*minutes: int) -> list[PayItem]:
        tenth = [
            Interval(begin=began + timedelta(minutes=n), end=began + timedelta(minutes=n + 6)) for n in minutes
        ]
        ann.note_activity(alias, tenth)
        enter_all(database)
        with database.read() as connection:
            return ledger(connection)

    enter_all(database)
    assert [one.paid_seconds for one in late(0)] == [600], "two criteria, and six minutes are less"
    assert [(one.number, one.paid_seconds) for one in late(6)] == [(2, 120), (1, 600)]
