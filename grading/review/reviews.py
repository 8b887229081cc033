"""Reviews as one reviewer sees them, read by a few statements however many they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from grading.adjudication.voids import voided_in
from grading.book import AWAITING, CLAIMED, LOCKED, read_evaluations
from grading.evaluations import Evaluation
from grading.items import ReviewItem
from grading.people.person import Person
from grading.queue.leases import WITH_ITEM
from grading.queue.open_to import held_by, open_to
from grading.queue.slots import ADJUDICATION, instant
from grading.record import records_of
from grading.review.drafts import Draft, Whole, drafts_of
from grading.review.problems import NoSuchReview
from grading.tables import REVIEW_ITEMS, REVIEW_SHEETS, REVIEW_SLOTS

AT_ONCE = 500
"""Reviews that are read together."""
LOST = "lost"
_SLOT, _ITEM = REVIEW_SLOTS.c, REVIEW_ITEMS.c


@dataclass(frozen=True)
class Review:
    """An opened review. `drafts` and `whole` come with their revisions; 0: nothing saved yet.

    Attributes:
        alias: Of the slot.
        state: `awaiting` (open to the reviewer), `claimed` (at their desk), `locked` (by them), or `lost`: their
            time was over and somebody else has taken it; what they save and lock is kept as a further review.
        needed: Criteria that only a person can decide here; the others a check has decided, or they are voided.
        voided: Criteria that count for nobody any more: nothing is asked of them.
        expires: Until when it is the reviewer's, ISO 8601 in UTC.
        previous: The item of the submission that this one reworks, where the person reviewed that; None: it is the
            first, or it is to them: who has not seen the one before is not told that there was one.
        said: After the lock, what the others said; empty before.
    """

    alias: str
    item: ReviewItem
    state: str
    drafts: dict[str, tuple[int, Draft]]
    whole: tuple[int, Whole]
    needed: frozenset[str]
    voided: frozenset[str] = frozenset()
    locked: tuple[Evaluation, ...] = ()
    said: tuple[Evaluation, ...] = ()
    expires: str | None = None
    previous: str | None = None
    earlier: dict[str, Draft] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """How many of the needed criteria have no verdict yet."""
        return sum(name not in self.drafts or self.drafts[name][1].verdict is None for name in self.needed)

    @property
    def changed(self) -> bool:
        """There is a previous submission to compare this one with."""
        return self.previous is not None


def rows_for(person: Person) -> Select[Any]:
    """Slots with their items and sheets; `free`: the person may take it, `held`: had it, and kept it."""
    return select(
        _SLOT.alias,
        _SLOT.item,
        _SLOT.kind,
        _SLOT.state,
        _SLOT.reviewer,
        _SLOT.expires,
        _SLOT.claimed,
        _SLOT.locked,
        _SLOT.rank,
        _ITEM.attempt_id,
        _ITEM.handed_in,
        _ITEM.grading_digest,
        _ITEM.previous,
        REVIEW_SHEETS.c.body,
        open_to(person, instant()).label("free"),
        _SLOT.alias.in_(held_by(person)).label("held"),
    ).select_from(WITH_ITEM.join(REVIEW_SHEETS, REVIEW_SHEETS.c.digest == _ITEM.sheet))


def row_of(connection: Connection, person: Person, alias: str, *, hold: bool = False) -> Row[Any]:
    """One slot. With `hold` nobody else changes it until the transaction ends.

    Raises:
        NoSuchReview: There is none, or it is not this person's to see: which of both is not told.
    """
    query = rows_for(person).where(_SLOT.alias == alias)
    if hold:
        query = query.with_for_update(of=REVIEW_SLOTS)
    row: Row[Any] | None = connection.execute(query).one_or_none()
    if row is None or not (is_own(row, person) or row.free or row.held):
        raise NoSuchReview(alias)
    return row


def is_own(row: Row[Any], person: Person) -> bool:
    """Whether it is at the person's desk, or was locked by them; a seat at an adjudication is no review."""
    return bool(row.reviewer == person.id and row.state in (CLAIMED, LOCKED) and row.kind != ADJUDICATION)


def item_of(row: Row[Any]) -> ReviewItem:
    """What is reviewed."""
    return ReviewItem.model_validate(json.loads(row.body) | json.loads(row.handed_in))


def reviews_of(connection: Connection, person: Person, rows: Sequence[Row[Any]]) -> list[Review]:
    """The reviews of some rows of `rows_for`, by five statements for each 500 of them."""
    found: list[Review] = []
    for begin in range(0, len(rows), AT_ONCE):
        some = rows[begin : begin + AT_ONCE]
        drafts = drafts_of(connection, [row.alias for row in some], person.id)
        said: dict[str, list[Evaluation]] = {row.attempt_id: [] for row in some}
        for evaluation in read_evaluations(connection, list(said)):
            said[evaluation.attempt_id].append(evaluation)
        voided = voided_in(connection, {row.grading_digest for row in some})
        known = _reviewed(connection, person, [row.previous for row in some if row.previous is not None])
        for row in some:
            out = voided.get(row.grading_digest, frozenset())
            previous = row.previous if row.previous in known else None
            found.append(_made(row, person, previous, *drafts[row.alias], said[row.attempt_id], out))
    return found


def _reviewed(connection: Connection, person: Person, items: Sequence[str]) -> frozenset[str]:
    """Those of some items that a person has locked a review of; a seat at an adjudication is none."""
    if not items:
        return frozenset()
    query = select(_SLOT.item).where(
        _SLOT.item.in_(items),
        _SLOT.reviewer == person.id,
        _SLOT.state == LOCKED,
        _SLOT.kind != ADJUDICATION,
    )
    return frozenset(connection.execute(query).scalars())


def _made(
    row: Row[Any],
    person: Person,
    previous: str | None,
    drafts: dict[str, tuple[int, Draft]],
    whole: tuple[int, Whole],
    said: Sequence[Evaluation],
    voided: frozenset[str],
) -> Review:
    item, own = item_of(row), is_own(row, person)
    evaluations = [e for e in said if e.grading_digest == item.grading_digest]
    checked = records_of([e for e in evaluations if e.grader_kind == "check"])
    decided = {name for name, record in checked.items() if record.verdict is not None}
    state = row.state if own else AWAITING if row.free else LOST
    locked = state == LOCKED
    return Review(
        alias=row.alias,
        item=item,
        state=state,
        drafts=drafts,
        whole=whole,
        needed=frozenset(c.id for c in item.criteria if c.id not in decided | voided),
        voided=voided,
        locked=tuple(e for e in evaluations if _is_of(e, row, person)) if locked else (),
        said=tuple(e for e in evaluations if e.grader_kind != "human") if locked else (),
        expires=row.expires if state == CLAIMED else None,
        previous=previous,
    )


def _is_of(evaluation: Evaluation, row: Row[Any], person: Person) -> bool:
    return evaluation.grader_kind == "human" and (evaluation.grader, evaluation.stage) == (person.id, row.kind)


def earlier_of(connection: Connection, person: Person, previous: str | None) -> dict[str, Draft]:
    """A person's own first verdicts on the submission of an item, by criterion; empty: they did not review it."""
    if previous is None:
        return {}
    query = select(_ITEM.attempt_id, _ITEM.submission).where(_ITEM.alias == previous)
    row = connection.execute(query).one_or_none()
    if row is None:
        return {}
    own = [
        evaluation
        for evaluation in read_evaluations(connection, [row.attempt_id])
        if (evaluation.grader, evaluation.submission) == (person.id, row.submission)
        and evaluation.grader_kind == "human"
        and evaluation.stage != ADJUDICATION
    ]
    found: dict[str, Draft] = {}
    for evaluation in sorted(own, key=lambda e: e.revision):  # the first stands, and corrections beside it
        for said in evaluation.verdicts:
            draft = Draft(verdict=said.verdict, feedback=said.feedback, evidence=said.evidence)
            found.setdefault(said.criterion, draft)
    return found
