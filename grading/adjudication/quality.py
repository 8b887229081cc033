"""How well reviewers review: for themselves and for leads. Nobody's pay hangs on it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Row, Select, and_, select

from core import Frozen
from grading.adjudication.closing import Decision
from grading.adjudication.disputes import OVERALL
from grading.adjudication.exam import Answer, Standing, answers_of, standing
from grading.adjudication.leniency import leniency
from grading.adjudication.tables import ADJUDICATIONS
from grading.adjudication.tallies import REVIEWS, Tally, first_of, residual_sums, tallies
from grading.adjudication.triggers import CLOSED
from grading.figures.counts import ratio
from grading.figures.model import Figure
from grading.items import ReviewCriterion
from grading.tables import EVALUATIONS, REVIEW_ITEMS, REVIEW_SHEETS, VERDICTS


class Quality(Frozen):
    """What is known of one reviewer.

    Attributes:
        reviews: Locked. minutes: Active, of those where they are known.
        gold: Share of gold criteria judged right. standing: What follows from them.
        agrees: Share of adjudicated criteria on which the adjudicator said the same.
        leniency: See `grading.adjudication.leniency`.
        evidence: Share of verdicts that point at some evidence. evidence_of_fails: The same of fails.
        minutes_per_criterion: Active minutes a verdict.
    """

    reviews: int
    minutes: float
    standing: Standing
    gold: Figure
    agrees: Figure
    leniency: Figure
    evidence: Figure
    evidence_of_fails: Figure
    minutes_per_criterion: Figure


class Overturned(Frozen):
    """A verdict of a reviewer that an adjudicator did not share.

    Attributes:
        week: ISO, as `2026-W47`. title: Of the job.
        criterion: None: the overall judgement.
        said, decided: Verdict or judgement. reason: Code of `Reason`.
        note, feedback: The adjudicator's words.
    """

    week: str
    title: str
    criterion: ReviewCriterion | None
    said: str
    decided: str
    reason: str
    note: str
    feedback: str


def quality_of_all(connection: Connection, *, gold_until: str | None = None) -> dict[str, Quality]:
    """Reviewer -> what is known of them, of everybody who reviewed.

    With `gold_until` (ISO 8601 in UTC) gold counts only of what was locked before: see `week_began`.
    """
    return _qualities(connection, tallies(connection), gold_until)


def quality_of(connection: Connection, person: str, *, gold_until: str | None = None) -> Quality | None:
    """What is known of one reviewer; None: they have locked no review."""
    return _qualities(connection, tallies(connection, person), gold_until).get(person)


def _qualities(connection: Connection, counted: Mapping[str, Tally], gold_until: str | None) -> dict[str, Quality]:
    lenient = residual_sums(connection) if counted else {}
    known = leniency(lenient)
    few = "too few criteria were judged by somebody else as well"
    gold = _who_met_gold(connection, counted)
    return {
        person: _quality(
            tally,
            answers_of(connection, person, until=gold_until) if person in gold else [],
            Figure(
                value=known.get(person),
                n=lenient[person].n if person in lenient else 0,
                why=None if person in known else few,
            ),
        )
        for person, tally in counted.items()
    }


def _who_met_gold(connection: Connection, people: Collection[str]) -> frozenset[str]:
    of_gold = (EVALUATIONS.c.stage == "gold", EVALUATIONS.c.grader.in_(people))
    return frozenset(connection.execute(select(EVALUATIONS.c.grader).where(*of_gold).distinct()).scalars())


def week_began(today: datetime) -> str:
    """When the ISO week of a day began, in UTC.

    Reviewers are told how they did on gold until then: a figure that moves with a lock would tell which was gold.
    """
    monday = today.astimezone(UTC).date() - timedelta(days=today.astimezone(UTC).weekday())
    return f"{monday.isoformat()}T00:00:00+00:00"


def overturned(connection: Connection, person: str, *, last: int = 100) -> list[Overturned]:
    """Where an adjudicator decided otherwise than a person had said, the newest first; gold is not among it."""
    final, word = EVALUATIONS.alias("final"), VERDICTS.alias("word")
    decided = and_(final.c.stage == "adjudication", final.c.grader == ADJUDICATIONS.c.adjudicator, _same(final))
    of_verdict = (
        _told(final.join(word, word.c.evaluation == final.c.id), decided, person)
        .join(VERDICTS, VERDICTS.c.evaluation == EVALUATIONS.c.id)
        .where(word.c.criterion == ADJUDICATIONS.c.criterion, VERDICTS.c.criterion == ADJUDICATIONS.c.criterion)
        .where(word.c.verdict != VERDICTS.c.verdict)
        .add_columns(VERDICTS.c.verdict.label("said"), word.c.verdict.label("decided"))
    )
    of_judgement = (
        _told(final, decided, person)
        .where(ADJUDICATIONS.c.criterion == OVERALL, final.c.judgement != EVALUATIONS.c.judgement)
        .add_columns(EVALUATIONS.c.judgement.label("said"), final.c.judgement.label("decided"))
    )
    rows = [row for query in (of_verdict, of_judgement) for row in connection.execute(query.limit(last))]
    newest = sorted(sorted(rows, key=lambda row: row.alias), key=lambda row: row.closed, reverse=True)
    return [_overturned(row) for row in newest[:last]]


def _same(final: FromClause) -> ColumnElement[bool]:
    """It is of the same submission, by the same rubric, as what the person said."""
    names = ("attempt_id", "submission", "grading_digest")
    return and_(*(final.c[name] == EVALUATIONS.c[name] for name in names))


def _told(final: FromClause, decided: ColumnElement[bool], person: str) -> Select[Any]:
    """The closed adjudications of what a person reviewed, each with its decision, the newest first."""
    of_item = and_(
        *(EVALUATIONS.c[n] == REVIEW_ITEMS.c[n] for n in ("attempt_id", "submission", "grading_digest"))
    )
    return (
        select(ADJUDICATIONS, REVIEW_SHEETS.c.body.label("sheet"))
        .join(REVIEW_ITEMS, REVIEW_ITEMS.c.alias == ADJUDICATIONS.c.item)
        .join(REVIEW_SHEETS, REVIEW_SHEETS.c.digest == REVIEW_ITEMS.c.sheet)
        .join(EVALUATIONS, of_item)
        .join(final, decided)
        .where(ADJUDICATIONS.c.state == CLOSED, *first_of(person, REVIEWS))
        .order_by(ADJUDICATIONS.c.closed.desc(), ADJUDICATIONS.c.alias)
    )


def _overturned(row: Row[Any]) -> Overturned:
    decision = Decision.model_validate_json(row.body)
    sheet = json.loads(row.sheet)
    criteria = {c["id"]: ReviewCriterion.model_validate(c) for c in sheet["criteria"]}
    year, week, _ = datetime.fromisoformat(row.closed).isocalendar()
    return Overturned(
        week=f"{year}-W{week:02d}",
        title=sheet["title"],
        criterion=criteria.get(row.criterion),
        said=row.said,
        decided=row.decided,
        reason=decision.reason.value,
        note=decision.note,
        feedback=decision.feedback,
    )


def _quality(tally: Tally, gold: Sequence[Sequence[Answer]], lenient: Figure) -> Quality:
    answers = [answer for sitting in gold for answer in sitting]
    return Quality(
        reviews=tally.reviews,
        minutes=round(tally.minutes, 1),
        standing=standing(gold),
        gold=_share(sum(a.right for a in answers), len(answers), "no gold criterion was judged"),
        agrees=_share(tally.agreed, tally.met, "nothing of it was adjudicated"),
        leniency=lenient,
        evidence=_share(tally.shown, tally.verdicts, "there is no verdict"),
        evidence_of_fails=_share(tally.fails_shown, tally.fails, "nothing was failed"),
        minutes_per_criterion=_share(tally.minutes, tally.timed, "no active time is known"),
    )


def _share(part: float, whole: float, why: str) -> Figure:
    value = ratio(part, whole)
    return Figure(value=value, n=int(whole), why=why if value is None else None)
