"""Paid is the time worked: of two reviews that are open at once no minute is paid twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core import Database
from grading import Book
from grading.adjudication.pay import PayRule, enter_due, ledger, set_rule
from grading.queue.activity import Interval, add_activity
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
