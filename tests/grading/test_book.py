"""The book: append-only, idempotent, blind."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import Database, Deliverable
from grading import (
    GRADING_MIGRATIONS,
    Book,
    CriterionVerdict,
    Evaluation,
    Evidence,
    ReviewItem,
    records_of,
)
from rubrics import Criterion, Importance, Rubric, Verdict


@pytest.fixture
def book(database_place: Path | str) -> Book:
    return Book(Database(database_place, GRADING_MIGRATIONS))


def rubric() -> Rubric:
    check = {"kind": "file_count", "file": "*.csv", "min": 1}
    return Rubric(
        criteria=(
            Criterion.model_validate(
                {"id": "a", "importance": "critical", "text": "A", "check": check, "decides": True}
            ),
            Criterion.model_validate({"id": "b", "importance": "important", "text": "B", "check": check}),
            Criterion(id="c", importance=Importance.optional, text="C"),
        )
    )


def item(submission: str = "s1", grading_digest: str = "g") -> ReviewItem:
    return ReviewItem(
        job="job",
        title="A job",
        brief="Do it.",
        criteria=ReviewItem.criteria_of(rubric()),
        deliverables=(Deliverable(path="x.csv", size=3, media_type="text/csv", sha256="0" * 64),),
        submission=submission,
        grading_digest=grading_digest,
    )


def outcomes(verdict: Verdict = Verdict.passed) -> dict[str, CriterionVerdict]:
    evidence = (Evidence(kind="fact", file="x.csv", text="1 file\u2028matches"),)
    return {
        "a": CriterionVerdict(criterion="a", verdict=verdict, evidence=evidence),
        "b": CriterionVerdict(criterion="b", verdict=verdict),
    }


def test_an_evaluation_recorded_twice_is_one_row_and_the_first_stands(book: Book) -> None:
    first = book.record_checks("t1", rubric(), outcomes(), submission="s", grading_digest="g")
    again = book.record_checks("t1", rubric(), outcomes(Verdict.failed), submission="s", grading_digest="g")
    assert first == again
    (stored,) = book.verdicts_of("t1")
    assert [v.verdict for v in stored.verdicts] == [Verdict.passed, Verdict.passed]
    assert stored.verdicts[0].evidence[0].text == "1 file\u2028matches"
    assert stored.ts


def test_another_rubric_or_revision_is_another_row(book: Book) -> None:
    book.record_checks("t1", rubric(), outcomes(), grading_digest="g")
    book.record_checks("t1", rubric(), outcomes(Verdict.failed), grading_digest="h")
    book.record(Evaluation(attempt_id="t1", grading_digest="g", grader="checks", grader_kind="check", revision=2))
    assert len(book.verdicts_of("t1")) == 3
    assert [e.verdicts[0].verdict for e in book.verdicts_of("t1", "h")] == [Verdict.failed]


def test_the_rubric_says_whether_a_check_decides(book: Book) -> None:
    book.record_checks("t1", rubric(), outcomes(), grading_digest="g")
    records = records_of(book.verdicts_of("t1"))
    assert records["a"].verdict == Verdict.passed
    assert records["b"].verdict is None


def test_an_empty_hand_in_fails_every_criterion(book: Book) -> None:
    book.record_empty("t1", rubric())
    records = records_of(book.verdicts_of("t1"))
    assert {name: record.verdict for name, record in records.items()} == dict.fromkeys("abc", Verdict.failed)


def test_publishing_twice_gives_the_same_alias(book: Book) -> None:
    alias = book.publish("t1.1.alone", item())
    assert book.publish("t1.1.alone", item()) == alias
    other = book.publish("t2.1.alone", item("s2"))
    assert other != alias
    assert "t1" not in alias
    assert book.review_counts() == {"awaiting": 2, "claimed": 0, "locked": 0}


def test_many_attempts_are_read_at_once(book: Book) -> None:
    names = [f"t{number}" for number in range(1203)]
    book.record_checks("t7", rubric(), outcomes())
    found = book.evaluations_of(names)
    assert len(found) == 1203
    assert [name for name, evaluations in found.items() if evaluations] == ["t7"]
