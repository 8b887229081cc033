"""An adjudicator's decision becomes the verdict of record."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from pydantic import Field
from sqlalchemy import Connection, Row, func, select, update

from core import Frozen, canonical_json
from grading.adjudication.disputes import OVERALL
from grading.adjudication.pay_rule import dollars_for
from grading.adjudication.problems import Decided, NoSuchReview, NotReady, OwnReview, Problem
from grading.adjudication.seats import close_seats
from grading.adjudication.tables import ADJUDICATIONS
from grading.adjudication.tickets import open_ticket
from grading.adjudication.triggers import CLOSED, OPEN
from grading.book import insert_evaluation, now
from grading.evaluations import CriterionVerdict, Evaluation, Evidence, Judgement
from grading.tables import EVALUATIONS, REVIEW_ITEMS
from rubrics import Verdict

MAX_TEXT = 20_000

Settle = Callable[[Connection, str], object]
"""Asked, in the caller's transaction, whether the item of that alias is settled by now."""


class Reason(StrEnum):
    """Why reviewers came to stand against each other, as the adjudicator sees it; or why they said nothing."""

    criterion_ambiguous = "criterion_ambiguous"
    evidence_missed = "evidence_missed"
    error = "error"
    legitimately_subjective = "legitimately_subjective"
    preview_fault = "preview_fault"
    not_judged = "not_judged"


class Decision(Frozen):
    """What an adjudicator decides.

    Attributes:
        verdict: On the criterion. judgement: Of the submission as a whole. One of the two, as the case asks.
        feedback: For whoever made the submission, as on any verdict; a fail needs it.
        note: For the reviewers who are overturned, and for the leads.
    """

    verdict: Verdict | None = None
    judgement: Judgement | None = None
    reason: Reason
    feedback: str = Field(default="", max_length=MAX_TEXT)
    note: str = Field(default="", max_length=MAX_TEXT)
    evidence: tuple[Evidence, ...] = Field(default=(), max_length=20)


def close(
    connection: Connection,
    alias: str,
    person: str,
    decision: Decision,
    *,
    settle: Settle | None = None,
    own_reviews: bool = False,
) -> str:
    """Close an adjudication in the caller's transaction, and return the alias of its item.

    The decision is an evaluation of stage `adjudication`, which stands before what the reviewers said. A criterion
    that was found ambiguous gets a rubric ticket.

    Args:
        connection: Of a write transaction.
        alias: Of the adjudication.
        person: Id of the adjudicator.
        decision: What is decided.
        settle: Asked afterwards whether the item is settled by now.
        own_reviews: People may also adjudicate what they reviewed themselves.

    Raises:
        NoSuchReview: No such adjudication. Decided: It is closed, or its criterion voided.
        OwnReview: The person reviewed the submission.
        NotReady: The verdict is lacking, or the feedback on a fail.
    """
    case, item = _held(connection, alias)
    if case.state != OPEN:
        raise Decided
    if not own_reviews and person in reviewers_of(connection, item):
        raise OwnReview
    problems = _lacks(case.criterion, decision)
    if problems:
        raise NotReady(problems)
    minutes = close_seats(connection, case, person)
    insert_evaluation(connection, _evaluation(connection, case, item, person, decision, minutes))
    connection.execute(
        update(ADJUDICATIONS)
        .where(ADJUDICATIONS.c.alias == alias)
        .values(
            state=CLOSED,
            adjudicator=person,
            reason=decision.reason.value,
            body=canonical_json(decision.model_dump(mode="json", exclude_defaults=True)),
            closed=now(),
        )
    )
    if decision.reason == Reason.criterion_ambiguous and case.criterion != OVERALL:
        text = decision.note.strip() or "Reviewers read this criterion differently; adjudicated as ambiguous."
        open_ticket(connection, item.alias, case.criterion, person, text)
    if settle is not None:
        settle(connection, item.alias)
    return str(item.alias)


def reviewers_of(connection: Connection, item: Row[Any]) -> frozenset[str]:
    """The people who reviewed an item's submission, in whatever stage but adjudication."""
    found = connection.execute(
        select(EVALUATIONS.c.grader)
        .where(
            *_of(item),
            EVALUATIONS.c.grader_kind == "human",
            EVALUATIONS.c.stage != "adjudication",
        )
        .distinct()
    )
    return frozenset(found.scalars())


def _held(connection: Connection, alias: str) -> tuple[Row[Any], Row[Any]]:
    """The adjudication and its item, which nobody else changes until this transaction ends; the item first."""
    query = select(ADJUDICATIONS).where(ADJUDICATIONS.c.alias == alias)
    known = connection.execute(query).one_or_none()
    if known is None:
        raise NoSuchReview(alias)
    held = select(REVIEW_ITEMS).where(REVIEW_ITEMS.c.alias == known.item).with_for_update()
    item = connection.execute(held).one_or_none()
    if item is None:
        raise NoSuchReview(alias)
    return connection.execute(query.with_for_update()).one(), item


def _lacks(criterion: str, decision: Decision) -> list[Problem]:
    if criterion == OVERALL:
        return [] if decision.judgement is not None else [Problem(OVERALL, "the overall judgement is lacking")]
    if decision.verdict is None:
        return [Problem(criterion, "a verdict is lacking")]
    if decision.verdict == Verdict.failed and not decision.feedback.strip():
        return [Problem(criterion, "a fail needs feedback")]
    return []


def _evaluation(
    connection: Connection,
    case: Row[Any],
    item: Row[Any],
    person: str,
    decision: Decision,
    minutes: float | None,
) -> Evaluation:
    own = (EVALUATIONS.c.grader == person, EVALUATIONS.c.stage == "adjudication")
    last = connection.execute(select(func.max(EVALUATIONS.c.revision)).where(*_of(item), *own)).scalar_one()
    verdicts: tuple[CriterionVerdict, ...] = ()
    if case.criterion != OVERALL and decision.verdict is not None:
        verdict = CriterionVerdict(
            criterion=case.criterion,
            verdict=decision.verdict,
            feedback=decision.feedback.strip(),
            evidence=decision.evidence,
        )
        verdicts = (verdict,)
    return Evaluation(
        attempt_id=item.attempt_id,
        submission=item.submission,
        grading_digest=item.grading_digest,
        grader=person,
        grader_kind="human",
        stage="adjudication",
        revision=(last or 0) + 1,  # one evaluation a decision: a person may decide several of an item
        minutes=minutes,
        cost=dollars_for(connection, len(verdicts), minutes),
        judgement=decision.judgement if case.criterion == OVERALL else None,
        verdicts=verdicts,
    )


def _of(item: Row[Any]) -> tuple[Any, ...]:
    return (
        EVALUATIONS.c.attempt_id == item.attempt_id,
        EVALUATIONS.c.submission == item.submission,
        EVALUATIONS.c.grading_digest == item.grading_digest,
    )
