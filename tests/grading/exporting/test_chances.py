"""A review that chance wanted says by what chance on each of its lines."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import update

from core import Database
from grading import GRADING_MIGRATIONS, AttemptFacts, Book, chances_of, lines_of
from grading.tables import REVIEW_SLOTS
from tests.grading.queue.support import RUBRIC, desk, grade, publish


def test_lines_of_a_review_that_chance_wanted_have_its_probability(database_place: Path | str) -> None:
    database = Database(database_place, GRADING_MIGRATIONS)
    book = Book(database)
    publish(book, "t.1", primary=1, overlap=1.0)
    for name in ("ann", "bob"):
        at = desk(book, name)
        alias = at.take_next()
        assert alias is not None
        grade(at, alias)
        at.lock(alias)
    with database.write() as connection:
        connection.execute(update(REVIEW_SLOTS).where(REVIEW_SLOTS.c.kind == "overlap").values(probability=0.25))
    with database.read() as connection:
        found = chances_of(connection, [f"t.{number}" for number in range(700)])
    ((_, kind), probability), *more = found.pop("t.1").items()
    assert (kind, probability, more, found) == ("overlap", 0.25, [], {})
    with database.read() as connection:
        facts = AttemptFacts(
            run="r", agent="x", job="j", attempt=1, arm="alone", submission="s",
            chances=chances_of(connection, ["t.1"])["t.1"],
        )  # fmt: skip
    lines = [line for line in lines_of(facts, RUBRIC, book.verdicts_of("t.1")) if line.grader]
    assert {line.stage: line.inclusion_probability for line in lines} == {"primary": None, "overlap": 0.25}
    database.close()
