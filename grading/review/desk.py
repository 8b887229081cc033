"""A reviewer's desk: the queue, drafts with revisions, the lock. Knows nothing of HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field
from sqlalchemy import Connection, Row, func, select, update

from core import Frozen, canonical_json, insert_or_update
from grading.book import AWAITING, CLAIMED, LOCKED, Book, insert_evaluation, now, read_evaluations
from grading.evaluations import CriterionVerdict, Evaluation, Evidence, Judgement
from grading.items import ReviewItem
from grading.record import records_of
from grading.review.problems import AlreadyLocked, Conflict, NoSuchReview, NotReady, Problem
from grading.tables import EVALUATIONS, REVIEW_DRAFTS, REVIEW_ITEMS, REVIEW_SHEETS
from rubrics import Verdict

# What is not of one criterion is kept under names that no criterion can have.
WHOLE, TIME = "", "#time"
MAX_TEXT = 20_000
MAX_ACTIVE_MS = 600_000
AT_ONCE = 500
"""Reviews that are read together."""


Settled = Callable[[Connection, str], None]
"""Told that the people's part of an attempt (its id) is there, in the transaction that makes it so: whatever it
writes down by that connection is there with the verdicts, or neither is."""

_SAVE = insert_or_update(REVIEW_DRAFTS, ("alias", "reviewer", "criterion"), ("revision", "body", "ts"))


class Draft(Frozen):
    """What a reviewer has put down on one criterion; all of it may still change."""

    verdict: Verdict | None = None
    feedback: str = Field(default="", max_length=MAX_TEXT)
    evidence: tuple[Evidence, ...] = Field(default=(), max_length=20)


class Whole(Frozen):
    """What belongs to the review as a whole."""

    judgement: Judgement | None = None


class Spent(Frozen):
    """Time spent looking and typing, in milliseconds."""

    active_ms: int = Field(default=0, ge=0)


@dataclass(frozen=True)
class Review:
    """An opened review. `drafts` and `whole` come with their revisions; 0: nothing saved yet.

    Attributes:
        needed: Criteria that only a person can decide here; the others a check has decided.
        said: After the lock, what the others said; empty before.
    """

    alias: str
    item: ReviewItem
    state: str
    drafts: dict[str, tuple[int, Draft]]
    whole: tuple[int, Whole]
    needed: frozenset[str]
    locked: tuple[Evaluation, ...] = ()
    said: tuple[Evaluation, ...] = ()

    @property
    def left(self) -> int:
        """How many of the needed criteria have no verdict yet."""
        return sum(name not in self.drafts or self.drafts[name][1].verdict is None for name in self.needed)


class ReviewDesk:
    """What one reviewer may do with what is up for review.

    Args:
        book: What is up for review, and where verdicts go.
        reviewer: Who it is.
        settled: Told when nothing more is awaited of people for an attempt; None: nobody is.
    """

    def __init__(self, book: Book, reviewer: str, settled: Settled | None = None) -> None:
        self._book, self.reviewer, self._settled = book, reviewer, settled

    def queue(self) -> list[Review]:
        """Everything up for review, by job, in an order that says nothing of who made it."""
        with self._book.database.read() as connection:
            rows = connection.execute(_items().order_by(REVIEW_ITEMS.c.alias)).all()
            reviews = self._reviews(connection, rows)
        return sorted(reviews, key=lambda review: (review.item.title, review.alias))

    def open(self, alias: str) -> Review:
        """One review. Raises `NoSuchReview`."""
        with self._book.database.read() as connection:
            return self._review(connection, _row(connection, alias))

    def save(self, alias: str, criterion: str, revision: int, draft: Draft, active_ms: int = 0) -> int:
        """Save a draft made from `revision` and return the new revision.

        Raises:
            NoSuchReview: No such review or criterion. AlreadyLocked: It is locked.
            Conflict: Another tab saved in between; holds what is there.
        """
        with self._book.database.write() as connection:
            row = _held(connection, alias)
            if criterion not in {c.id for c in _item(row).criteria}:
                raise NoSuchReview(criterion)
            self._claim(connection, row)
            self._add_time(connection, alias, active_ms)
            return self._put(connection, alias, criterion, revision, draft)

    def judge(self, alias: str, revision: int, judgement: Judgement | None, active_ms: int = 0) -> int:
        """Save the overall judgement; raises as `save`."""
        with self._book.database.write() as connection:
            self._claim(connection, _held(connection, alias))
            self._add_time(connection, alias, active_ms)
            return self._put(connection, alias, WHOLE, revision, Whole(judgement=judgement))

    def lock(self, alias: str) -> str:
        """Make the drafts verdicts that nobody can change, and return the attempt's id.

        Raises:
            NotReady: Names what is lacking: verdicts, feedback on a fail, the overall judgement.
            AlreadyLocked: It is locked.
        """
        with self._book.database.write() as connection:
            row = _held(connection, alias)
            if row.state == LOCKED:
                raise AlreadyLocked
            review = self._review(connection, row)
            _ready(review)
            spent = self._spent(connection, alias)[1].active_ms
            minutes = round(spent / 60_000, 3) if spent else None
            insert_evaluation(connection, self._evaluation(review, row.attempt_id, minutes))
            connection.execute(
                update(REVIEW_ITEMS)
                .where(REVIEW_ITEMS.c.alias == alias)
                .values(state=LOCKED, reviewer=self.reviewer, changed=now())
            )
            if self._settled is not None:  # one reviewer a submission: theirs is the last verdict
                self._settled(connection, str(row.attempt_id))
        return str(row.attempt_id)

    def correct(self, alias: str, criterion: str, draft: Draft) -> int:
        """Keep a later change of one locked verdict beside it, as a further revision; the first stays of record.

        Raises:
            NotReady: It is not locked yet, or lacks a verdict or feedback.
        """
        with self._book.database.write() as connection:
            row = _held(connection, alias)
            item = _item(row)
            if criterion not in {c.id for c in item.criteria}:
                raise NoSuchReview(criterion)
            if row.state != LOCKED:
                raise NotReady([Problem(criterion, "the review is not locked yet")])
            problems = _lacks(criterion, draft, needed=True)
            if problems or draft.verdict is None:
                raise NotReady(problems)
            own = (EVALUATIONS.c.attempt_id == row.attempt_id, EVALUATIONS.c.grader == self.reviewer)
            last = connection.execute(select(func.max(EVALUATIONS.c.revision)).where(*own)).scalar_one()
            evaluation = Evaluation(
                attempt_id=row.attempt_id,
                submission=item.submission,
                grading_digest=item.grading_digest,
                grader=self.reviewer,
                grader_kind="human",
                revision=(last or 0) + 1,
                verdicts=(_verdict(criterion, draft, draft.verdict),),
            )
            insert_evaluation(connection, evaluation)
            return evaluation.revision

    def _evaluation(self, review: Review, attempt_id: str, minutes: float | None) -> Evaluation:
        verdicts = [
            _verdict(c.id, draft, draft.verdict)
            for c in review.item.criteria
            if (draft := review.drafts.get(c.id, (0, Draft()))[1]).verdict is not None
        ]
        return Evaluation(
            attempt_id=attempt_id,
            submission=review.item.submission,
            grading_digest=review.item.grading_digest,
            grader=self.reviewer,
            grader_kind="human",
            judgement=review.whole[1].judgement,
            minutes=minutes,
            verdicts=tuple(verdicts),
        )

    def _review(self, connection: Connection, row: Row[Any]) -> Review:
        (review,) = self._reviews(connection, [row])
        return review

    def _reviews(self, connection: Connection, rows: Sequence[Row[Any]]) -> list[Review]:
        """The reviews of some rows, by a few statements for each 500 of them."""
        found: list[Review] = []
        for begin in range(0, len(rows), AT_ONCE):
            some = rows[begin : begin + AT_ONCE]
            drafts: dict[str, dict[str, Row[Any]]] = {row.alias: {} for row in some}
            mine = (REVIEW_DRAFTS.c.alias.in_(list(drafts)), REVIEW_DRAFTS.c.reviewer == self.reviewer)
            for saved in connection.execute(select(REVIEW_DRAFTS).where(*mine)):
                drafts[saved.alias][saved.criterion] = saved
            said: dict[str, list[Evaluation]] = {row.attempt_id: [] for row in some}
            for evaluation in read_evaluations(connection, list(said)):
                said[evaluation.attempt_id].append(evaluation)
            found += [self._made(row, drafts[row.alias], said[row.attempt_id]) for row in some]
        return found

    def _made(self, row: Row[Any], saved: Mapping[str, Row[Any]], said: Sequence[Evaluation]) -> Review:
        item, whole = _item(row), saved.get(WHOLE)
        evaluations = [e for e in said if e.grading_digest == item.grading_digest]
        checked = records_of([e for e in evaluations if e.grader_kind == "check"])
        decided = {name for name, record in checked.items() if record.verdict is not None}
        locked = row.state == LOCKED
        own = tuple(e for e in evaluations if e.grader_kind == "human" and e.grader == self.reviewer)
        return Review(
            alias=row.alias,
            item=item,
            state=row.state,
            drafts={
                name: (draft.revision, Draft.model_validate_json(draft.body))
                for name, draft in saved.items()
                if name not in (WHOLE, TIME)
            },
            whole=(whole.revision, Whole.model_validate_json(whole.body)) if whole else (0, Whole()),
            needed=frozenset(c.id for c in item.criteria if c.id not in decided),
            locked=own if locked else (),
            said=tuple(e for e in evaluations if e.grader_kind != "human") if locked else (),
        )

    def _spent(self, connection: Connection, alias: str) -> tuple[int, Spent]:
        saved = connection.execute(self._draft(alias, TIME)).one_or_none()
        return (saved.revision, Spent.model_validate_json(saved.body)) if saved else (0, Spent())

    def _draft(self, alias: str, criterion: str) -> Any:
        return select(REVIEW_DRAFTS).where(
            REVIEW_DRAFTS.c.alias == alias,
            REVIEW_DRAFTS.c.reviewer == self.reviewer,
            REVIEW_DRAFTS.c.criterion == criterion,
        )

    def _put(
        self, connection: Connection, alias: str, criterion: str, revision: int, body: Draft | Whole | Spent
    ) -> int:
        saved = connection.execute(self._draft(alias, criterion)).one_or_none()
        there = saved.revision if saved else 0
        text = canonical_json(body.model_dump(mode="json", exclude_defaults=True))
        if saved is not None and saved.body == text:
            return int(there)
        if there != revision:
            raise Conflict(there, type(body).model_validate_json(saved.body if saved else "{}"))
        keys = {"alias": alias, "reviewer": self.reviewer, "criterion": criterion}
        connection.execute(_SAVE, {**keys, "revision": there + 1, "body": text, "ts": now()})
        return int(there) + 1

    def _add_time(self, connection: Connection, alias: str, active_ms: int) -> None:
        spent = min(max(active_ms, 0), MAX_ACTIVE_MS)
        if spent:
            revision, before = self._spent(connection, alias)
            self._put(connection, alias, TIME, revision, Spent(active_ms=before.active_ms + spent))

    def _claim(self, connection: Connection, row: Row[Any]) -> None:
        if row.state == LOCKED:
            raise AlreadyLocked
        if row.state == AWAITING:
            connection.execute(
                update(REVIEW_ITEMS)
                .where(REVIEW_ITEMS.c.alias == row.alias)
                .values(state=CLAIMED, reviewer=self.reviewer, changed=now())
            )


def _items() -> Any:
    return select(REVIEW_ITEMS, REVIEW_SHEETS.c.body).join(
        REVIEW_SHEETS, REVIEW_SHEETS.c.digest == REVIEW_ITEMS.c.sheet
    )


def _row(connection: Connection, alias: str, *, hold: bool = False) -> Row[Any]:
    query = _items().where(REVIEW_ITEMS.c.alias == alias)
    if hold:
        query = query.with_for_update(of=REVIEW_ITEMS)
    row: Row[Any] | None = connection.execute(query).one_or_none()
    if row is None:
        raise NoSuchReview(alias)
    return row


def _held(connection: Connection, alias: str) -> Row[Any]:
    """A review that nobody else changes until this transaction ends: revisions and the lock are decided by it."""
    return _row(connection, alias, hold=True)


def _item(row: Row[Any]) -> ReviewItem:
    return ReviewItem.model_validate(json.loads(row.body) | json.loads(row.handed_in))


def _verdict(criterion: str, draft: Draft, verdict: Verdict) -> CriterionVerdict:
    return CriterionVerdict(
        criterion=criterion, verdict=verdict, feedback=draft.feedback.strip(), evidence=draft.evidence
    )


def _ready(review: Review) -> None:
    problems: list[Problem] = []
    for criterion in review.item.criteria:
        draft = review.drafts.get(criterion.id, (0, Draft()))[1]
        problems += _lacks(criterion.id, draft, needed=criterion.id in review.needed)
    if review.whole[1].judgement is None:
        problems.append(Problem(WHOLE, "the overall judgement is lacking"))
    if problems:
        raise NotReady(problems)


def _lacks(criterion: str, draft: Draft, *, needed: bool) -> list[Problem]:
    if draft.verdict is None and needed:
        return [Problem(criterion, "a verdict is lacking")]
    if draft.verdict == Verdict.failed and not draft.feedback.strip():
        return [Problem(criterion, "a fail needs feedback")]
    return []
