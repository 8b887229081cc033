"""What leads are told of the work: counted from the rows themselves, of one run or of all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from core import Database
from grading import GRADING_MIGRATIONS, PEOPLE_MIGRATIONS, Book, Person, ReviewDesk, read_audit
from grading.adjudication.tickets import open_ticket, set_voided
from grading.overview.agreement import ALL, agreement_report
from grading.overview.bottlenecks import bottlenecks, hard_criteria
from grading.overview.coverage import SlotCounts, coverage
from grading.overview.kept import mark_of
from grading.overview.looks import has_looked, look, reviews_now
from grading.queue.leases import release
from grading.queue.slots import instant
from grading.review.problems import DeskError
from grading.tables import REVIEW_ITEMS, REVIEW_SLOTS
from tests.grading.overview.world import active, only, publish, say, words


@pytest.fixture
def book(database_place: Path | str) -> Iterator[Book]:
    database = Database(database_place, [*GRADING_MIGRATIONS, *PEOPLE_MIGRATIONS])
    yield Book(database)
    database.close()


def test_coverage_and_what_reviewing_waits_for(book: Book) -> None:
    first = publish(book, "a1", primary=2, overlap=1.0)
    publish(book, "a2")
    third = publish(book, "a3", job="sheet")
    ReviewDesk(book, "anna").lease(first)
    ReviewDesk(book, "ben").lease(third)
    with book.database.write() as connection:
        locked = update(REVIEW_SLOTS).where(REVIEW_SLOTS.c.item == third)
        connection.execute(locked.values(state="locked", locked=instant()))
        connection.execute(
            update(REVIEW_ITEMS).where(REVIEW_ITEMS.c.alias == third).values(state="locked", settled=instant())
        )
        old = update(REVIEW_ITEMS).where(REVIEW_ITEMS.c.attempt_id == "a2")
        connection.execute(old.values(changed="2026-01-01T00:00:00+00:00"))
        open_ticket(connection, first, "rows", "anna", "It is unclear.")
    with book.database.read() as connection:
        whole, some = coverage(connection), coverage(connection, only("a1", "a3"))
        found, elsewhere = bottlenecks(connection), bottlenecks(connection, only("a3"))
    assert whole.items == {"awaiting": 1, "claimed": 1, "locked": 0, "settled": 1}
    assert some.items == {"awaiting": 0, "claimed": 1, "locked": 0, "settled": 1}
    assert whole.published == 3
    by_kind = {one.kind: (one.states, one.total) for one in whole.slots}
    assert by_kind == {
        "primary": ({"claimed": 1, "open": 2, "locked": 1}, 4),
        "overlap": ({"open": 1}, 1),
    }
    gold = replace(whole, slots=(*whole.slots, SlotCounts("gold", {"open": 2, "locked": 1})))
    assert [(one.kind, one.total, dict(one.states)) for one in gold.slots_for_reviewers][1:] == [
        ("overlap and others", 4, {"open": 3, "locked": 1})
    ]
    [behind] = whole.behind
    assert (behind.job, behind.awaiting, behind.begun, behind.reviews, behind.since) == (
        "letter", 1, 1, 3, "2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    assert some.behind[0].reviews == 2
    assert [(one.title, one.state) for one in found.waiting] == [
        ("The <i>letter</i>", "awaiting"),
        ("The <i>letter</i>", "claimed"),
    ]
    [held] = found.held
    assert (held.slot, held.who, held.kind, held.lapsed) == (first, "anna", "primary", False)
    assert (found.tickets, elsewhere.tickets, elsewhere.held, elsewhere.waiting) == (1, 0, (), ())


def test_a_lease_that_is_over_is_told_and_a_slot_given_back_is_not(book: Book) -> None:
    alias = publish(book, "a1")
    ReviewDesk(book, "anna").lease(alias)
    with book.database.write() as connection:
        connection.execute(update(REVIEW_SLOTS).values(expires=instant(-timedelta(minutes=1))))
        counted, found = coverage(connection), bottlenecks(connection)
        assert [dict(one.states) for one in counted.slots] == [{"lapsed": 1}]
        assert [one.lapsed for one in found.held] == [True]
        assert release(connection, Person(id="anna"), alias)
        assert bottlenecks(connection).held == ()
        assert coverage(connection).items["awaiting"] == 1


def test_criteria_that_take_long_and_that_nobody_can_judge(book: Book) -> None:
    for number in range(3):
        attempt = f"a{number}"
        alias = publish(book, attempt)
        say(book, attempt, "letter", "anna", words("p?f" if number else "ppf"))
        active(book, alias, "anna", "rows", f"2026-01-0{number + 1}T10:00:00", 30)
        active(book, alias, "anna", "tone", f"2026-01-0{number + 1}T23:59:00", 90.5)  # past midnight
        active(book, alias, "anna", "tone", f"2026-01-0{number + 1}T12:00:00", 29.5)
    other = publish(book, "b1", job="sheet")
    active(book, other, "anna", "rows", "2026-01-01T10:00:00", 500)  # once is not enough to tell
    with book.database.read() as connection:
        found = hard_criteria(connection)
    assert [(one.criterion, one.figure.value, one.figure.n) for one in found.slow] == [
        ("tone", 2.0, 3),
        ("rows", 0.5, 3),
    ]
    [unclear] = found.unclear
    assert (unclear.criterion, unclear.text) == ("tone", "Speaks plainly & well")
    assert unclear.figure.value == pytest.approx(2 / 3)


def test_agreement_is_of_first_verdicts_of_submissions_that_two_people_reviewed(book: Book) -> None:
    said = {"a1": ("ppp", "ppp"), "a2": ("pff", "ppf"), "a3": ("fp?", "pp?")}
    for attempt, both in said.items():
        job = "sheet" if attempt == "a3" else "letter"
        publish(book, attempt, job, primary=2)
        for grader, letters in zip(("anna", "ben"), both, strict=True):
            say(book, attempt, job, grader, words(letters), stage="overlap" if grader == "ben" else "primary")
    say(book, "a1", "letter", "anna", words("fff"), revision=2)  # a correction changes nothing
    say(book, "a1", "letter", "checks", words("fff"), grader_kind="check")
    say(book, "a1", "letter", "cleo", words("fff"), stage="adjudication")
    publish(book, "a4")
    say(book, "a4", "letter", "anna", words("fff"))  # nobody else did
    with book.database.read() as connection:
        report = agreement_report(connection)
        of_letters = agreement_report(connection, only("a1", "a2"))
    whole = report.groups[ALL]
    assert (report.shared, whole.units, whole.jobs, whole.people) == (3, 8, 2, 2)
    assert whole.raw.value == pytest.approx(6 / 8)
    assert set(report.groups) == {ALL, "critical", "important", "pitfall"}
    assert report.groups["pitfall"].raw.value == 1
    assert {name: (one.units, one.raw.value) for name, one in report.domains.items()} == {
        "Writing": (6, pytest.approx(5 / 6)),
        "Figures": (2, 0.5),
    }
    assert of_letters.domains == {}, "it is one domain alone"
    assert report.cannot_judge.value == pytest.approx(2 / 21)
    assert [(one.job, one.criterion, one.raw.value) for one in report.worst] == [
        ("sheet", "rows", 0.0),
        ("letter", "tone", 0.5),
    ]
    assert of_letters.groups[ALL].raw.value == pytest.approx(5 / 6)
    with book.database.write() as connection:
        set_voided(connection, "g-sheet", "rows", voided=True, by="lead", reason="no")
        assert [one.criterion for one in agreement_report(connection).worst] == ["tone"]


def test_nothing_is_there_yet(book: Book) -> None:
    with book.database.read() as connection:
        counted, found, report = coverage(connection), bottlenecks(connection), agreement_report(connection)
    assert (counted.published, counted.slots, counted.behind) == (0, (), ())
    assert (found.waiting, found.held, found.adjudications) == ((), (), 0)
    assert report.groups[ALL].ac1.why == "no criterion was judged pass or fail by two people"
    assert report.cannot_judge.why == "nobody has judged anything"


def test_who_looks_gets_no_more_of_the_job_and_what_awaited_them_is_anybodys(book: Book) -> None:
    first, other = publish(book, "a1"), publish(book, "b1", job="sheet")
    anna, ben = ReviewDesk(book, "anna"), ReviewDesk(book, "ben")
    with book.database.write() as connection:
        connection.execute(update(REVIEW_SLOTS).values(required="anna", until=instant(timedelta(hours=1))))
        assert not has_looked(connection, "anna", "letter")
    assert ben.queue() == []
    anna.lease(first)
    with book.database.write() as connection:
        assert reviews_now(connection, "anna", "letter")
        assert not look(connection, "anna", "letter", "t1")
        assert release(connection, Person(id="anna"), first)
        assert look(connection, "anna", "letter", "t1")
        assert look(connection, "anna", "letter", "t1"), "once more changes nothing"
        assert has_looked(connection, "anna", "letter")
        assert not has_looked(connection, "anna", "sheet")
        assert mark_of(connection) == "0 None 0"
    assert [review.alias for review in anna.queue()] == [other]
    assert [review.alias for review in ben.queue()] == [first], "the other one still awaits anna"
    assert anna.counts()["open"] == 1
    with pytest.raises(DeskError):
        anna.lease(first)
    assert [row.action for row in read_audit(book.database)] == ["lead.look"]
