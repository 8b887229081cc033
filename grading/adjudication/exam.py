"""Who is qualified to review, by what they said of gold submissions.

A reviewer is measured by balanced accuracy: the mean of the share of keys `pass` that they passed and the share of
keys `fail` that they failed; a `cannot_judge` is not right. So nobody does well by always saying the same.

The exam is passed with `EXAM` criteria or more, a balanced accuracy of `QUALIFIES`, and not one pass for something
that is not there. Later the last `WINDOW` criteria count: below `PAUSES` the reviewer is paused, and qualifies
anew by what they say of gold from then on. Where the criteria are all of one kind, balanced accuracy is not
defined, and nobody is qualified or paused by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, and_, select

from core import Frozen
from grading.adjudication.tables import GOLD
from grading.adjudication.voids import voided_in
from grading.tables import EVALUATIONS, REVIEW_ITEMS, VERDICTS
from rubrics import Verdict

EXAM = 12
QUALIFIES = 0.85
WINDOW = 60
PAUSES = 0.75


class Qualification(StrEnum):
    """How a reviewer stands."""

    unexamined = "unexamined"
    candidate = "candidate"
    qualified = "qualified"
    paused = "paused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reviewer said of a gold criterion, and what is right."""

    said: Verdict
    key: Verdict
    absent: bool = False

    @property
    def right(self) -> bool:
        """Whether it is what the key says."""
        return self.said == self.key

    @property
    def passed_absence(self) -> bool:
        """A pass for something that is not there."""
        return self.absent and self.key == Verdict.failed and self.said == Verdict.passed


class Standing(Frozen):
    """How a reviewer stands, and by what.

    Attributes:
        answers: Gold criteria that count at present (at most `WINDOW`).
        accuracy: Balanced, in [0, 1]; None: not defined.
        passed_absences: Passes for something that is not there, among them.
    """

    state: Qualification = Qualification.unexamined
    answers: int = 0
    accuracy: float | None = None
    passed_absences: int = 0


def balanced_accuracy(answers: Sequence[Answer]) -> float | None:
    """Mean of the shares of right answers among keys `pass` and among keys `fail`; None: one kind is lacking."""
    shares = []
    for kind in (Verdict.passed, Verdict.failed):
        of_kind = [answer for answer in answers if answer.key == kind]
        if not of_kind:
            return None
        shares.append(sum(answer.right for answer in of_kind) / len(of_kind))
    return sum(shares) / len(shares)


def standing(sittings: Sequence[Sequence[Answer]]) -> Standing:
    """How somebody stands after these sittings, oldest first; a sitting counts as a whole."""
    state, since = Qualification.unexamined, list[Answer]()
    for sitting in sittings:
        if not sitting:
            continue
        since = [*since, *sitting][-WINDOW:]
        state = Qualification.candidate if state == Qualification.unexamined else state
        accuracy = balanced_accuracy(since)
        if len(since) < EXAM or accuracy is None:
            continue
        if state == Qualification.qualified and accuracy < PAUSES:
            state, since = Qualification.paused, []
        elif state != Qualification.qualified and accuracy >= QUALIFIES and not _absences(since):
            state = Qualification.qualified
    return Standing(
        state=state, answers=len(since), accuracy=balanced_accuracy(since), passed_absences=_absences(since)
    )


def standing_of(connection: Connection, person: str) -> Standing:
    """How a person stands."""
    return standing(answers_of(connection, person))


def answers_of(connection: Connection, person: str, *, until: str | None = None) -> list[list[Answer]]:
    """What a person said first of gold criteria, one list for each review, oldest first; none voided.

    With `until` (ISO 8601 in UTC) only of what was locked before.
    """
    same_item = and_(
        REVIEW_ITEMS.c.attempt_id == EVALUATIONS.c.attempt_id,
        REVIEW_ITEMS.c.submission == EVALUATIONS.c.submission,
        REVIEW_ITEMS.c.grading_digest == EVALUATIONS.c.grading_digest,
    )
    same_key = and_(GOLD.c.item == REVIEW_ITEMS.c.alias, GOLD.c.criterion == VERDICTS.c.criterion)
    rows = connection.execute(
        select(
            EVALUATIONS.c.id,
            EVALUATIONS.c.grading_digest,
            VERDICTS.c.criterion,
            VERDICTS.c.verdict,
            GOLD.c.verdict.label("key"),
            GOLD.c.absent,
        )
        .join(VERDICTS, VERDICTS.c.evaluation == EVALUATIONS.c.id)
        .join(REVIEW_ITEMS, same_item)
        .join(GOLD, same_key)
        .where(
            EVALUATIONS.c.grader == person,
            EVALUATIONS.c.grader_kind == "human",
            EVALUATIONS.c.stage == "gold",
            EVALUATIONS.c.revision == 1,
            GOLD.c.retired.is_(False),
            *([] if until is None else [EVALUATIONS.c.ts < until]),
        )
        .order_by(EVALUATIONS.c.id, VERDICTS.c.position)
    ).all()
    voided = voided_in(connection, (row.grading_digest for row in rows))
    sittings: dict[int, list[Answer]] = {}
    for row in rows:
        if row.criterion not in voided.get(row.grading_digest, ()):
            answer = Answer(Verdict(row.verdict), Verdict(row.key), bool(row.absent))
            sittings.setdefault(row.id, []).append(answer)
    return list(sittings.values())


def _absences(answers: Sequence[Answer]) -> int:
    return sum(answer.passed_absence for answer in answers)
