"""A reviewer's desk: the queue, drafts with revisions, the lock. Knows nothing of HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, and_, exc, func, or_, select, update

from grading.adjudication.gold_standing import refresh_standing
from grading.adjudication.late import note_late
from grading.adjudication.pay_rule import dollars_for
from grading.adjudication.voids import voided_in
from grading.book import CLAIMED, LOCKED, Book, insert_evaluation
from grading.evaluations import Evaluation, Judgement, Stage
from grading.people.person import Person
from grading.queue.activity import Interval, active_minutes, add_activity
from grading.queue.extra import kept_as, slot_for_lost
from grading.queue.leases import WITH_ITEM, coming, release, renew, take, take_next
from grading.queue.open_to import filters, is_lapsed
from grading.queue.settle import Due, Settled, Settling
from grading.queue.slots import ADJUDICATION, GOLD, OPEN, Turn, instant
from grading.review.drafts import WHOLE, Draft, Drafts, Whole, lacks, must_be_ready, verdict_of
from grading.review.problems import AlreadyLocked, Lost, NoSuchReview, NotReady, Problem
from grading.review.reviews import Review, earlier_of, is_own, item_of, reviews_of, row_of, rows_for
from grading.tables import EVALUATIONS, REVIEW_SLOTS

__all__ = ["Draft", "Review", "ReviewDesk", "Settled", "Whole"]

MOST = 50
"""Reviews of each kind that a queue shows."""
TRIES = 5

T = TypeVar("T")


class ReviewDesk:
    """What one reviewer may do with what is up for review.

    Args:
        book: What is up for review, and where verdicts go.
        reviewer: Who it is; an id alone: somebody without conflicts of interest or special skills.
        settled: Told when nothing more is awaited of people for an attempt; None: nobody is.
        due: Opens the adjudications of a submission, see `Due`; None: there are none.
    """

    def __init__(
        self, book: Book, reviewer: Person | str, settled: Settled | None = None, due: Due | None = None
    ) -> None:
        self._book, self._settling = book, Settling(settled, due)
        self.person = reviewer if isinstance(reviewer, Person) else Person(id=reviewer)
        self.reviewer = self.person.id

    def queue(self, most: int = MOST) -> list[Review]:
        """What the reviewer has begun, may begin and has locked of late, `most` of each kind.

        By job, in an order that says nothing of who made it. A submission that awaits several reviewers is there
        once.
        """
        mine, slot, at = REVIEW_SLOTS.c.reviewer == self.reviewer, REVIEW_SLOTS.c, instant()
        rows, fit = rows_for(self.person), tuple(filters(self.person, at))
        no_seat = slot.kind != ADJUDICATION
        kinds = (
            rows.where(mine, slot.state == CLAIMED).order_by(slot.claimed, slot.rank),
            rows.where(is_lapsed(at), ~mine, *fit).order_by(slot.rank),
            rows.where(slot.state == OPEN, *fit).order_by(slot.rank),
            rows.where(mine, slot.state == LOCKED, no_seat).order_by(slot.locked.desc(), slot.rank),
        )
        with self._book.database.read() as connection:
            found = [connection.execute(kind.limit(most)).all() for kind in kinds]
            begun, left, new, locked = found
            once = {row.item: row for row in reversed([*left, *new])}
            reviews = reviews_of(connection, self.person, [*begun, *once.values(), *locked])
        return sorted(reviews, key=lambda review: (review.item.title, review.alias))

    def counts(self) -> dict[str, int]:
        """How many reviews are `open` to the reviewer, `claimed` and `locked` by them; by one statement."""
        mine, slot, at = REVIEW_SLOTS.c.reviewer == self.reviewer, REVIEW_SLOTS.c, instant()
        of_slots = select(func.count()).select_from(REVIEW_SLOTS)
        of_items = self.person.conflicts or self.person.skills
        free = select(func.count(slot.item.distinct())).select_from(WITH_ITEM if of_items else REVIEW_SLOTS)
        free = free.where(slot.rank < Turn.decided.value, *filters(self.person, at))
        counts = {
            OPEN: free.where(or_(slot.state == OPEN, and_(is_lapsed(at), ~mine))).scalar_subquery(),
            CLAIMED: of_slots.where(mine, slot.state == CLAIMED).scalar_subquery(),
            LOCKED: of_slots.where(mine, slot.state == LOCKED, slot.kind != ADJUDICATION).scalar_subquery(),
        }
        query = select(*(count.label(name) for name, count in counts.items()))
        with self._book.database.read() as connection:
            row = connection.execute(query).one()
        return {name: int(getattr(row, name)) for name in counts}

    def open(self, alias: str) -> Review:
        """One review. Raises `NoSuchReview`."""
        with self._book.database.read() as connection:
            (review,) = reviews_of(connection, self.person, [row_of(connection, self.person, alias)])
            return replace(review, earlier=earlier_of(connection, self.person, review.previous))

    def kept_as(self, alias: str) -> str | None:
        """The slot at which a review is kept that was handed in when this one had gone to somebody else."""
        with self._book.database.read() as connection:
            return kept_as(connection, self.person, alias)

    def next_open(self, after: str | None = None) -> str | None:
        """The slot that the reviewer would go on with (not `after`), as `take_next` without taking it."""
        with self._book.database.read() as connection:
            return coming(connection, self.person, after=after)

    def take_next(self, after: str | None = None) -> str | None:
        """Take the slot that the reviewer is to go on with (not `after`); None: there is nothing for them."""
        found = self.take_next_as(after)
        return None if found is None else found[0]

    def take_next_as(self, after: str | None = None) -> tuple[str, bool] | None:
        """As `take_next`, and whether it became the reviewer's only now."""

        def work(connection: Connection) -> tuple[str, bool] | None:
            return take_next(connection, self.person, after=after)

        return self._again(work)

    def lease(self, alias: str) -> str:
        """Have a slot for twenty minutes from now, taking it if it is open; returns until when.

        Raises:
            NoSuchReview: There is none for this person. Lost: Somebody else has it by now. AlreadyLocked: It is.
        """

        def work(connection: Connection) -> str:
            row = row_of(connection, self.person, alias, hold=True)
            _not_locked(row, self.person)
            if not is_own(row, self.person) and not (row.free and take(connection, self.person, alias)):
                raise Lost
            expires = renew(connection, self.person, alias)
            if expires is None:
                raise Lost
            return expires

        return self._again(work)

    def voided(self, alias: str) -> frozenset[str]:
        """The criteria of a review that count for nobody any more. Raises `NoSuchReview`."""
        with self._book.database.read() as connection:
            digest = row_of(connection, self.person, alias).grading_digest
            return voided_in(connection, [digest]).get(digest, frozenset())

    def release(self, alias: str) -> None:
        """Give a slot back; drafts stay. What is not the reviewer's is left alone. Raises `NoSuchReview`."""
        with self._book.database.write() as connection:
            _not_locked(row_of(connection, self.person, alias, hold=True), self.person)
            release(connection, self.person, alias)

    def save(
        self,
        alias: str,
        criterion: str,
        revision: int,
        draft: Draft,
        active_ms: int = 0,
        uuid: str | None = None,
    ) -> int:
        """Save a draft made from `revision` and return the new revision.

        Raises:
            NoSuchReview: No such review or criterion. AlreadyLocked: It is locked.
            Conflict: Another tab saved in between; holds what is there.
        """

        def work(connection: Connection) -> int:
            row = self._held(connection, alias)
            if criterion not in {c.id for c in item_of(row).criteria}:
                raise NoSuchReview(criterion)
            return self._put(connection, alias, criterion, revision, draft, active_ms, uuid)

        return self._again(work)

    def judge(
        self,
        alias: str,
        revision: int,
        judgement: Judgement | None,
        active_ms: int = 0,
        uuid: str | None = None,
    ) -> int:
        """Save the overall judgement; raises as `save`."""

        def work(connection: Connection) -> int:
            self._held(connection, alias)
            return self._put(connection, alias, WHOLE, revision, Whole(judgement=judgement), active_ms, uuid)

        return self._again(work)

    def note_activity(self, alias: str, intervals: Sequence[Interval]) -> int:
        """Keep when the reviewer was active on a review that is theirs or was; returns how many are taken.

        Of one that was handed in too late they go to where it is kept. Raises `NoSuchReview`.
        """
        with self._book.database.write() as connection:
            alias = kept_as(connection, self.person, alias) or alias
            row = row_of(connection, self.person, alias)
            own = is_own(row, self.person)
            if not own and not row.held:
                raise NoSuchReview(alias)
            since, until = (row.claimed, row.locked) if own else (None, None)
            taken = add_activity(connection, alias, self.reviewer, intervals, since=since, until=until)
            if until and taken:
                note_late(connection, alias, self.reviewer)
            return taken

    def lock(self, alias: str) -> str:
        """Make the drafts verdicts that nobody can change, and return the attempt's id; see `lock_as`."""
        return self.lock_as(alias)[0]

    def lock_as(self, alias: str) -> tuple[str, str]:
        """Make the drafts verdicts that nobody can change; returns the attempt's id and the slot's alias.

        That is another slot where somebody else has taken this one meanwhile: an open one of the same submission,
        or one more that decides nothing. Nothing is lost.

        Raises:
            NotReady: Names what is lacking: verdicts, feedback on a fail, the overall judgement.
            AlreadyLocked: It is locked.
        """
        return self._again(lambda connection: self._lock(connection, alias))

    def _lock(self, connection: Connection, alias: str) -> tuple[str, str]:
        try:
            row = self._held(connection, alias)
        except NoSuchReview:
            kept = kept_as(connection, self.person, alias)
            if kept is None:
                raise
            raise AlreadyLocked(kept) from None
        (review,) = reviews_of(connection, self.person, [row])
        needs = {c.id: c.id in review.needed for c in review.item.criteria if c.id not in review.voided}
        must_be_ready(needs, review.drafts, review.whole[1])
        kind = row.kind
        if not is_own(row, self.person):
            alias, kind = slot_for_lost(connection, self.person, row.item, alias)
        minutes = active_minutes(connection, alias, self.reviewer)
        if minutes is None:
            minutes = Drafts(connection, alias, self.reviewer).minutes()
        evaluation = self._evaluation(review, row.attempt_id, kind, minutes)
        cost = dollars_for(connection, len(evaluation.verdicts), minutes)
        insert_evaluation(connection, evaluation.model_copy(update={"cost": cost}))
        locked = {"state": LOCKED, "reviewer": self.reviewer, "locked": instant(), "expires": None}
        connection.execute(update(REVIEW_SLOTS).where(REVIEW_SLOTS.c.alias == alias).values(**locked))
        if kind == GOLD:
            refresh_standing(connection, self.reviewer)
        self._settling(connection, row.item)
        return str(row.attempt_id), alias

    def correct(self, alias: str, criterion: str, draft: Draft) -> int:
        """Keep a later change of one locked verdict beside it, as a further revision; the first stays of record.

        Raises:
            NotReady: It is not locked yet, or lacks a verdict or feedback.
        """
        with self._book.database.write() as connection:
            row = row_of(connection, self.person, alias, hold=True)
            item = item_of(row)
            if criterion not in {c.id for c in item.criteria}:
                raise NoSuchReview(criterion)
            if row.state != LOCKED or not is_own(row, self.person):
                raise NotReady([Problem(criterion, "the review is not locked yet")])
            problems = lacks(criterion, draft, needed=True)
            if problems or draft.verdict is None:
                raise NotReady(problems)
            own = (
                EVALUATIONS.c.attempt_id == row.attempt_id,
                EVALUATIONS.c.grader == self.reviewer,
                EVALUATIONS.c.stage == row.kind,
            )
            last = connection.execute(select(func.max(EVALUATIONS.c.revision)).where(*own)).scalar_one()
            evaluation = Evaluation(
                attempt_id=row.attempt_id,
                submission=item.submission,
                grading_digest=item.grading_digest,
                grader=self.reviewer,
                grader_kind="human",
                stage=row.kind,
                revision=(last or 0) + 1,
                verdicts=(verdict_of(criterion, draft, draft.verdict),),
            )
            insert_evaluation(connection, evaluation)
            self._settling(connection, row.item, again=True)
            return evaluation.revision

    def _evaluation(self, review: Review, attempt_id: str, kind: Stage, minutes: float | None) -> Evaluation:
        verdicts = [
            verdict_of(c.id, draft, draft.verdict)
            for c in review.item.criteria
            if (draft := review.drafts.get(c.id, (0, Draft()))[1]).verdict is not None
            and not (c.id in review.voided and lacks(c.id, draft, needed=False))
        ]
        return Evaluation(
            attempt_id=attempt_id,
            submission=review.item.submission,
            grading_digest=review.item.grading_digest,
            grader=self.reviewer,
            grader_kind="human",
            stage=kind,
            judgement=review.whole[1].judgement,
            minutes=minutes,
            verdicts=tuple(verdicts),
        )

    def _held(self, connection: Connection, alias: str) -> Row[Any]:
        """A review to change, which nobody else changes until this transaction ends; an open one is taken.

        One that was lost stays with who has it: what is put down is kept all the same.
        """
        row = row_of(connection, self.person, alias, hold=True)
        _not_locked(row, self.person)
        if is_own(row, self.person):
            if row.expires is None or row.expires < instant():
                renew(connection, self.person, alias)
            return row
        if row.free and take(connection, self.person, alias):
            return row_of(connection, self.person, alias, hold=True)
        if not row.held:
            raise NoSuchReview(alias)
        return row

    def _put(
        self,
        connection: Connection,
        alias: str,
        criterion: str,
        revision: int,
        body: Draft | Whole,
        active_ms: int,
        uuid: str | None,
    ) -> int:
        drafts = Drafts(connection, alias, self.reviewer)
        drafts.add_time(active_ms)
        return drafts.put(criterion, revision, body, uuid)

    def _again(self, work: Callable[[Connection], T]) -> T:
        """Do it once more where the same person took another slot of the same submission at this very moment."""
        for _ in range(TRIES - 1):
            try:
                with self._book.database.write() as connection:
                    return work(connection)
            except exc.IntegrityError:
                continue
        with self._book.database.write() as connection:
            return work(connection)


def _not_locked(row: Row[Any], person: Person) -> None:
    if row.state == LOCKED and row.reviewer == person.id:
        raise AlreadyLocked(str(row.alias))
