"""Submissions to review, and reviewers at their desks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from core import Deliverable
from grading import Book, Reviewing, ReviewItem
from grading.people.person import Person
from grading.queue.slots import instant
from grading.review.desk import Draft, ReviewDesk
from grading.tables import REVIEW_SLOTS
from rubrics import Criterion, Importance, Rubric, Verdict

RUBRIC = Rubric(criteria=tuple(Criterion(id=name, importance=Importance.critical, text=name) for name in "ab"))
FILE = Deliverable(path="x.csv", size=3, media_type="text/csv", sha256="0" * 64)


def item(job: str = "job", **more: Any) -> ReviewItem:
    """What is up for review."""
    return ReviewItem(
        job=job,
        title=f"The job {job}",
        brief="Do it.",
        criteria=ReviewItem.criteria_of(RUBRIC),
        deliverables=(FILE,),
        submission=more.pop("submission", "s"),
        grading_digest="g",
        **more,
    )


def publish(book: Book, attempt: str, *, previous: str | None = None, job: str = "job", **reviewing: Any) -> str:
    """The alias of a submission that is up for review."""
    return book.publish(attempt, item(job), reviewing=Reviewing(**reviewing), previous=previous)


def desk(book: Book, name: str, **more: Any) -> ReviewDesk:
    """Of somebody."""
    return ReviewDesk(book, Person(id=name, **more))


def grade(at: ReviewDesk, alias: str, verdict: Verdict = Verdict.passed) -> None:
    """Everything that a lock needs."""
    feedback = "" if verdict is Verdict.passed else "No."
    for name in "ab":
        at.save(alias, name, at.open(alias).drafts.get(name, (0,))[0], Draft(verdict=verdict, feedback=feedback))
    at.judge(alias, at.open(alias).whole[0], "pass" if verdict is Verdict.passed else "fail")


def slots(book: Book, alias: str) -> list[Any]:
    """Of an item, in the order of kind and number."""
    query = select(REVIEW_SLOTS).where(REVIEW_SLOTS.c.item == alias)
    with book.database.read() as connection:
        return list(connection.execute(query.order_by(REVIEW_SLOTS.c.kind.desc(), REVIEW_SLOTS.c.number)))


def lapse(book: Book, *aliases: str) -> None:
    """The time of whoever has these slots is over."""
    past = update(REVIEW_SLOTS).where(REVIEW_SLOTS.c.alias.in_(aliases))
    with book.database.write() as connection:
        connection.execute(past.values(expires=instant(-timedelta(minutes=1))))
