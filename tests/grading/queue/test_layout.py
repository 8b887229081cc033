"""Records of before there were slots: every item gets its slot, every draft is found again, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import (
    Column,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
    inspect,
    select,
)

from core import Database, Migration, canonical_json, create_all, digest_of
from grading import GRADING_MIGRATIONS, Book
from grading.review.desk import Draft
from grading.tables import EVALUATIONS, REVIEW_ITEMS, REVIEW_SHEETS, VERDICTS
from rubrics import Verdict
from tests.grading.queue.support import desk, grade, item, slots

OLD = MetaData()
for table in (EVALUATIONS, VERDICTS, REVIEW_SHEETS):
    table.to_metadata(OLD)
ITEMS = Table(
    "review_items",
    OLD,
    Column("alias", String, primary_key=True),
    Column("attempt_id", String, nullable=False),
    Column("submission", String, nullable=False),
    Column("grading_digest", String, nullable=False),
    Column("sheet", ForeignKey("review_sheets.digest"), nullable=False),
    Column("handed_in", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("reviewer", String),
    Column("changed", String, nullable=False),
    UniqueConstraint("attempt_id", "submission", "grading_digest"),
    sqlite_with_rowid=False,
)
DRAFTS = Table(
    "review_drafts",
    OLD,
    Column("alias", ForeignKey("review_items.alias"), primary_key=True),
    Column("reviewer", String, primary_key=True),
    Column("criterion", String, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("ts", String, nullable=False),
    sqlite_with_rowid=False,
)
WHEN = "2026-01-02T03:04:05+00:00"
STATES = {"aaaaaaaaaa": ("awaiting", None), "bbbbbbbbbb": ("claimed", "ann"), "cccccccccc": ("locked", "bob")}


@pytest.fixture
def book(database_place: Path | str) -> Iterator[Book]:
    """A database of the first layout, with a submission in each state, opened by this program."""
    old = Database(database_place, [Migration("grading", 1, create_all(OLD))])
    sheet = item(category=("Sales | B2B", "Leads")).sheet
    with old.write() as connection:
        connection.execute(insert(REVIEW_SHEETS).values(digest=digest_of(sheet), body=canonical_json(sheet)))
        for number, (alias, (state, reviewer)) in enumerate(STATES.items()):
            row = {
                "alias": alias,
                "attempt_id": f"t{number}.1",
                "submission": "s",
                "grading_digest": "g",
                "sheet": digest_of(sheet),
                "handed_in": canonical_json(item().handed_in),
                "state": state,
                "reviewer": reviewer,
                "changed": WHEN,
            }
            connection.execute(insert(ITEMS).values(row))
        for alias, who in (("bbbbbbbbbb", "ann"), ("cccccccccc", "bob")):
            draft = {"alias": alias, "reviewer": who, "criterion": "a", "revision": 3, "ts": WHEN}
            body = canonical_json({"verdict": "fail", "feedback": who})
            connection.execute(insert(DRAFTS).values(**draft, body=body))
    old.close()
    database = Database(database_place, GRADING_MIGRATIONS)
    yield Book(database)
    database.close()


def test_each_item_has_the_slot_that_it_was(book: Book) -> None:
    found = {alias: slots(book, alias) for alias in STATES}
    assert {alias: [(s.alias, s.kind, s.state, s.reviewer) for s in some] for alias, some in found.items()} == {
        "aaaaaaaaaa": [("aaaaaaaaaa", "primary", "open", None)],
        "bbbbbbbbbb": [("bbbbbbbbbb", "primary", "claimed", "ann")],
        "cccccccccc": [("cccccccccc", "primary", "locked", "bob")],
    }
    with book.database.read() as connection:
        rows = connection.execute(select(REVIEW_ITEMS).order_by(REVIEW_ITEMS.c.alias)).all()
        tables = inspect(connection).get_table_names()
    assert [row.settled for row in rows] == [None, None, WHEN]
    assert {(row.job, row.category) for row in rows} == {("job", "|sales b2b|leads|")}
    assert not [name for name in tables if name.startswith("review_drafts_")]


def test_drafts_are_where_they_were_and_are_gone_on_with(book: Book) -> None:
    ann = desk(book, "ann")
    revision, draft = ann.open("bbbbbbbbbb").drafts["a"]
    assert (revision, draft.feedback) == (3, "ann")
    assert ann.save("bbbbbbbbbb", "a", 3, Draft(verdict=Verdict.passed)) == 4
    grade(ann, "bbbbbbbbbb")
    assert ann.lock("bbbbbbbbbb") == "t1.1"
    assert desk(book, "bob").open("cccccccccc").drafts["a"][1].feedback == "bob"


def test_what_is_settled_is_not_settled_again(book: Book) -> None:
    from grading.queue.settle import settle

    with book.database.write() as connection:
        assert not settle(connection, "cccccccccc")
    assert book.review_counts() == {"awaiting": 1, "claimed": 1, "locked": 1}


def test_a_database_that_is_opened_again_stays_as_it_is(book: Book, database_place: Path | str) -> None:
    before = [slots(book, alias) for alias in STATES]
    again = Database(database_place, GRADING_MIGRATIONS)
    after = [slots(Book(again), alias) for alias in STATES]
    again.close()
    assert after == before
