"""An account that is closed: what its person had in hand is anybody's, and nothing of theirs is lost."""

from __future__ import annotations

from pathlib import Path

from core import Database
from grading import GRADING_MIGRATIONS, PEOPLE_MIGRATIONS, Book, People, ReviewDesk
from grading.review.desk import Draft
from rubrics import Verdict
from tests.grading.queue.support import desk, publish


def test_a_closed_account_gives_back_what_it_had(database_place: Path | str) -> None:
    database = Database(database_place, [*GRADING_MIGRATIONS, *PEOPLE_MIGRATIONS])
    people, book = People(database), Book(database)
    person = people.add("ann", by="operator").person
    alias = publish(book, "t.1")
    ann, bob = ReviewDesk(book, person), desk(book, "bob")
    ann.save(alias, "a", 0, Draft(verdict=Verdict.passed))
    assert bob.take_next() is None
    people.close(person.id, by="operator")
    assert bob.take_next() == alias
    assert ann.open(alias).drafts["a"][1].verdict is Verdict.passed
    database.close()
