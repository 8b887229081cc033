"""Submissions of two jobs, and what people made of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from core import Deliverable
from grading import Book, CriterionVerdict, Evaluation, Reviewing, ReviewItem
from grading.tables import REVIEW_ACTIVITY, REVIEW_ITEMS
from rubrics import Rubric, Verdict

RUBRIC = Rubric.model_validate(
    {
        "criteria": [
            {"id": "rows", "importance": "critical", "text": "Holds 17 rows"},
            {"id": "tone", "importance": "important", "text": "Speaks plainly & well"},
            {"id": "ads", "importance": "pitfall", "text": "Advertises"},
        ]
    }
)
FILE = Deliverable(path="leads <b>.csv", size=3, media_type="text/csv", sha256="0" * 64)


def publish(book: Book, attempt: str, job: str = "letter", **reviewing: Any) -> str:
    """The alias of a submission that is up for review."""
    item = ReviewItem(
        job=job,
        title=f"The <i>{job}</i>",
        category=("Figures", "Tables") if job == "sheet" else ("Writing",),
        brief="Do it.",
        criteria=ReviewItem.criteria_of(RUBRIC),
        deliverables=(FILE,),
        submission=f"s-{attempt}",
        grading_digest=f"g-{job}",
        pack="starter",
    )
    return book.publish(attempt, item, reviewing=Reviewing(**reviewing))


def say(book: Book, attempt: str, job: str, grader: str, verdicts: Mapping[str, str], **more: Any) -> None:
    """One person's locked verdicts."""
    said = tuple(
        CriterionVerdict(criterion=name, verdict=Verdict(word), feedback=f"{grader} finds it {word}")
        for name, word in verdicts.items()
    )
    values = {"attempt_id": attempt, "submission": f"s-{attempt}", "grading_digest": f"g-{job}"}
    book.record(
        Evaluation.model_validate(values | {"grader": grader, "grader_kind": "human", "verdicts": said} | more)
    )


def words(letters: str) -> dict[str, str]:
    """`pf?` as verdicts on rows, tone and ads."""
    kinds = {"p": "pass", "f": "fail", "?": "cannot_judge"}
    return {c.id: kinds[letter] for c, letter in zip(RUBRIC.criteria, letters, strict=True)}


def active(book: Book, slot: str, reviewer: str, criterion: str, begin: str, seconds: float) -> None:
    """Somebody was at a criterion."""
    start = datetime.fromisoformat(begin).replace(tzinfo=UTC)
    times = [moment.isoformat(timespec="milliseconds") for moment in (start, start + timedelta(seconds=seconds))]
    row = {"slot": slot, "reviewer": reviewer, "begin": times[0], "end": times[1], "criterion": criterion}
    with book.database.write() as connection:
        connection.execute(insert(REVIEW_ACTIVITY), row)


def only(*attempts: str) -> Any:
    """A scope of these attempts."""
    return select(REVIEW_ITEMS.c.attempt_id).where(REVIEW_ITEMS.c.attempt_id.in_(attempts))
