"""How well reviewers review: for themselves and for leads. Nobody's pay hangs on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, func, select

from core import Frozen
from grading.adjudication.closing import Decision
from grading.adjudication.disputes import OVERALL
from grading.adjudication.exam import Answer, Standing, answers_of, standing
from grading.adjudication.leniency import leniency, residuals
from grading.adjudication.tables import ADJUDICATIONS
from grading.adjudication.triggers import CLOSED
from grading.figures.counts import ratio
from grading.figures.model import Figure
from grading.items import ReviewCriterion
from grading.tables import EVALUATIONS, REVIEW_ITEMS, REVIEW_SHEETS, VERDICTS
from rubrics import Verdict

_REVIEWS = ("primary", "overlap")
_ALL = (*_REVIEWS, "gold")


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


@dataclass(frozen=True, slots=True)
class _Word:
    """One verdict in somebody's locked review."""

    place: tuple[str, ...]
    person: str
    verdict: Verdict
    evidence: bool
    gold: bool


@dataclass(frozen=True, slots=True)
class _Sitting:
    """A locked review: active minutes, and how many verdicts."""

    minutes: float | None
    verdicts: int


def quality_of_all(connection: Connection, *, gold_until: str | None = None) -> dict[str, Quality]:
    """Reviewer -> what is known of them, of everybody who reviewed.

    With `gold_until` (ISO 8601 in UTC) gold counts only of what was locked before: see `week_began`.
    """
    words, sittings = _words(connection), _sittings(connection)
    by_place: dict[tuple[str, ...], dict[str, bool]] = {}
    for word in words:
        if word.verdict != Verdict.cannot_judge and not word.gold:
            by_place.setdefault(word.place, {})[word.person] = word.verdict == Verdict.passed
    lenient = residuals(list(by_place.values()))
    counted = leniency(lenient)
    decided = _decided(connection)
    return {
        person: _quality(
            [word for word in words if word.person == person],
            sittings[person],
            decided,
            answers_of(connection, person, until=gold_until),
            Figure(
                value=counted.get(person),
                n=len(lenient.get(person, ())),
                why=None if person in counted else "too few criteria were judged by somebody else as well",
            ),
        )
        for person in sorted(sittings)
    }


def quality_of(connection: Connection, person: str, *, gold_until: str | None = None) -> Quality | None:
    """What is known of one reviewer; None: they have locked no review."""
    return quality_of_all(connection, gold_until=gold_until).get(person)


def week_began(today: datetime) -> str:
    """When the ISO week of a day began, in UTC.

    Reviewers are told how they did on gold until then: a figure that moves with a lock would tell which was gold.
    """
    monday = today.astimezone(UTC).date() - timedelta(days=today.astimezone(UTC).weekday())
    return f"{monday.isoformat()}T00:00:00+00:00"


def overturned(connection: Connection, person: str, *, last: int = 100) -> list[Overturned]:
    """Where an adjudicator decided otherwise than a person had said, the newest first; gold is not among it."""
    rows = connection.execute(
        select(ADJUDICATIONS, REVIEW_ITEMS.c.attempt_id, REVIEW_ITEMS.c.submission, REVIEW_ITEMS.c.grading_digest)
        .add_columns(REVIEW_SHEETS.c.body.label("sheet"))
        .join(REVIEW_ITEMS, REVIEW_ITEMS.c.alias == ADJUDICATIONS.c.item)
        .join(REVIEW_SHEETS, REVIEW_SHEETS.c.digest == REVIEW_ITEMS.c.sheet)
        .where(ADJUDICATIONS.c.state == CLOSED)
        .order_by(ADJUDICATIONS.c.closed.desc(), ADJUDICATIONS.c.alias)
    ).all()
    said = {(w.place, w.person): w.verdict.value for w in _words(connection, person) if not w.gold}
    judged = _judgements(connection, person)
    found: list[Overturned] = []
    for row in rows:
        place = (row.attempt_id, row.submission, row.grading_digest)
        own = judged.get(place) if row.criterion == OVERALL else said.get(((*place, row.criterion), person))
        decision = Decision.model_validate_json(row.body)
        final = decision.judgement if row.criterion == OVERALL else decision.verdict
        if own is not None and final is not None and own != str(final):
            found.append(_overturned(row, own, str(final), decision))
    return found[:last]


def _overturned(row: Row[Any], said: str, decided: str, decision: Decision) -> Overturned:
    sheet = json.loads(row.sheet)
    criteria = {c["id"]: ReviewCriterion.model_validate(c) for c in sheet["criteria"]}
    year, week, _ = datetime.fromisoformat(row.closed).isocalendar()
    return Overturned(
        week=f"{year}-W{week:02d}",
        title=sheet["title"],
        criterion=criteria.get(row.criterion),
        said=said,
        decided=decided,
        reason=decision.reason.value,
        note=decision.note,
        feedback=decision.feedback,
    )


def _quality(
    words: Sequence[_Word],
    sittings: Sequence[_Sitting],
    decided: dict[tuple[str, ...], str],
    gold: Sequence[Sequence[Answer]],
    lenient: Figure,
) -> Quality:
    answers = [answer for sitting in gold for answer in sitting]
    met = [(word, decided[word.place]) for word in words if word.place in decided and not word.gold]
    fails = [word for word in words if word.verdict == Verdict.failed]
    minutes = sum(one.minutes for one in sittings if one.minutes is not None)
    verdicts = sum(one.verdicts for one in sittings if one.minutes is not None)
    return Quality(
        reviews=len(sittings),
        minutes=round(minutes, 1),
        standing=standing(gold),
        gold=_share(sum(a.right for a in answers), len(answers), "no gold criterion was judged"),
        agrees=_share(sum(w.verdict == d for w, d in met), len(met), "nothing of it was adjudicated"),
        leniency=lenient,
        evidence=_share(sum(w.evidence for w in words), len(words), "there is no verdict"),
        evidence_of_fails=_share(sum(w.evidence for w in fails), len(fails), "nothing was failed"),
        minutes_per_criterion=_share(minutes, verdicts, "no active time is known"),
    )


def _share(part: float, whole: float, why: str) -> Figure:
    value = ratio(part, whole)
    return Figure(value=value, n=int(whole), why=why if value is None else None)


def _first(person: str | None, stages: Sequence[str]) -> list[Any]:
    chosen = [
        EVALUATIONS.c.grader_kind == "human",
        EVALUATIONS.c.stage.in_(stages),
        EVALUATIONS.c.revision == 1,
    ]
    return chosen if person is None else [*chosen, EVALUATIONS.c.grader == person]


def _words(connection: Connection, person: str | None = None) -> list[_Word]:
    """What was said first of each criterion, of gold as well: figures that left it out would tell which it is."""
    columns = (EVALUATIONS.c.attempt_id, EVALUATIONS.c.submission, EVALUATIONS.c.grading_digest)
    verdict = (VERDICTS.c.criterion, VERDICTS.c.verdict, VERDICTS.c.evidence)
    rows = connection.execute(
        select(*columns, EVALUATIONS.c.grader, EVALUATIONS.c.stage, *verdict)
        .join(VERDICTS, VERDICTS.c.evaluation == EVALUATIONS.c.id)
        .where(*_first(person, _ALL))
    )
    return [
        _Word(
            (r.attempt_id, r.submission, r.grading_digest, r.criterion),
            r.grader,
            Verdict(r.verdict),
            r.evidence != "[]",
            r.stage == "gold",
        )
        for r in rows
    ]


def _sittings(connection: Connection) -> dict[str, list[_Sitting]]:
    """Reviewer -> their locked reviews: minutes, and how many verdicts."""
    count = select(func.count()).where(VERDICTS.c.evaluation == EVALUATIONS.c.id).correlate(EVALUATIONS)
    rows = connection.execute(
        select(EVALUATIONS.c.grader, EVALUATIONS.c.minutes, count.scalar_subquery().label("verdicts")).where(
            *_first(None, _ALL)
        )
    )
    found: dict[str, list[_Sitting]] = {}
    for row in rows:
        found.setdefault(row.grader, []).append(_Sitting(row.minutes, row.verdicts))
    return found


def _judgements(connection: Connection, person: str) -> dict[tuple[str, ...], str]:
    columns = (EVALUATIONS.c.attempt_id, EVALUATIONS.c.submission, EVALUATIONS.c.grading_digest)
    query = select(*columns, EVALUATIONS.c.judgement).where(
        *_first(person, _REVIEWS), EVALUATIONS.c.judgement.is_not(None)
    )
    rows = connection.execute(query)
    return {(r.attempt_id, r.submission, r.grading_digest): r.judgement for r in rows}


def _decided(connection: Connection) -> dict[tuple[str, ...], str]:
    """What adjudicators decided, by criterion of a submission."""
    columns = (EVALUATIONS.c.attempt_id, EVALUATIONS.c.submission, EVALUATIONS.c.grading_digest)
    rows = connection.execute(
        select(*columns, VERDICTS.c.criterion, VERDICTS.c.verdict)
        .join(VERDICTS, VERDICTS.c.evaluation == EVALUATIONS.c.id)
        .where(and_(EVALUATIONS.c.grader_kind == "human", EVALUATIONS.c.stage == "adjudication"))
        .order_by(EVALUATIONS.c.id.desc())
    )
    return {(r.attempt_id, r.submission, r.grading_digest, r.criterion): r.verdict for r in rows}
