"""The book with several writers at one time, as several workers and reviewers have it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core import Database, Deliverable
from grading import GRADING_MIGRATIONS, Book, CriterionVerdict, Evaluation, ReviewItem
from grading.review.desk import Draft, ReviewDesk
from grading.review.problems import AlreadyLocked, Conflict, NotReady
from grading.tables import EVALUATIONS, REVIEW_DRAFTS, REVIEW_ITEMS, REVIEW_SHEETS, VERDICTS
from rubrics import Criterion, Importance, Rubric, Verdict

TIMES = 8
RUBRIC = Rubric(criteria=tuple(Criterion(id=name, importance=Importance.critical, text=name) for name in "ab"))
ITEM = ReviewItem(
    job="job",
    title="A job",
    brief="Do it.",
    criteria=ReviewItem.criteria_of(RUBRIC),
    deliverables=(Deliverable(path="x.csv", size=3, media_type="text/csv", sha256="0" * 64),),
    submission="s",
    grading_digest="g",
)


@pytest.fixture
def book(database_place: Path | str) -> Book:
    return Book(Database(database_place, GRADING_MIGRATIONS))


def at_once(work: Callable[[int], object], threads: int = 2) -> list[object]:
    """What `work(0)`, `work(1)` ... returned, or the refusal each ended with; all begin together."""
    ready = threading.Barrier(threads)
    ended: dict[int, object] = {}

    def run(number: int) -> None:
        ready.wait(60)
        try:
            ended[number] = work(number)
        except (Conflict, AlreadyLocked, NotReady) as refusal:
            ended[number] = refusal

    running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(60)
    assert sorted(ended) == list(range(threads))
    return [ended[number] for number in range(threads)]


def rows(book: Book, table: object) -> int:
    with book.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]


def test_a_submission_published_twice_has_one_alias(book: Book) -> None:
    for number in range(TIMES):
        aliases = at_once(lambda _thread, attempt=f"t.{number}": book.publish(attempt, ITEM))  # type: ignore[misc]
        assert aliases[0] == aliases[1]
    assert (rows(book, REVIEW_ITEMS), rows(book, REVIEW_SHEETS)) == (TIMES, 1)


def test_an_evaluation_recorded_twice_is_one(book: Book) -> None:
    verdict = CriterionVerdict(criterion="a", verdict=Verdict.passed)
    for number in range(TIMES):
        evaluation = Evaluation(
            attempt_id=f"t.{number}", grader="checks", grader_kind="check", verdicts=(verdict,)
        )
        numbers = at_once(lambda _thread, one=evaluation: book.record(one))  # type: ignore[misc]
        assert numbers[0] == numbers[1]
    assert (rows(book, EVALUATIONS), rows(book, VERDICTS)) == (TIMES, TIMES)


def test_of_two_tabs_that_save_at_one_time_one_is_told(book: Book) -> None:
    alias = book.publish("t.1", ITEM)
    for revision in range(TIMES):

        def save(thread: int, revision: int = revision) -> int:
            draft = Draft(verdict=Verdict.failed, feedback=f"{revision} of tab {thread}")
            return ReviewDesk(book, "ann").save(alias, "a", revision, draft, active_ms=1000)

        ended = at_once(save)
        assert [one for one in ended if one == revision + 1] == [revision + 1]
        assert sum(isinstance(one, Conflict) for one in ended) == 1
    assert rows(book, REVIEW_DRAFTS) == 3, "the draft, the time, and that it is held"


def test_a_review_locked_twice_at_one_time_is_locked_once(book: Book) -> None:
    for number in range(TIMES):
        alias = book.publish(f"t.{number}", ITEM)
        desk = ReviewDesk(book, "ann")
        for name in "ab":
            desk.save(alias, name, 0, Draft(verdict=Verdict.passed))
        desk.judge(alias, 0, "pass")
        ended = at_once(lambda _thread, name=alias: ReviewDesk(book, "ann").lock(name))  # type: ignore[misc]
        assert sum(isinstance(one, AlreadyLocked) for one in ended) == 1
    assert (rows(book, EVALUATIONS), rows(book, VERDICTS)) == (TIMES, 2 * TIMES)


def test_corrections_at_one_time_are_revisions_of_their_own(book: Book) -> None:
    alias = book.publish("t.1", ITEM)
    desk = ReviewDesk(book, "ann")
    for name in "ab":
        desk.save(alias, name, 0, Draft(verdict=Verdict.passed))
    desk.judge(alias, 0, "pass")
    desk.lock(alias)
    draft = Draft(verdict=Verdict.failed, feedback="On second thoughts.")
    revisions = at_once(lambda _thread: [desk.correct(alias, "a", draft) for _ in range(TIMES)], 3)
    found = [number for some in revisions for number in some]  # type: ignore[attr-defined]
    assert len(set(found)) == len(found) == 3 * TIMES
