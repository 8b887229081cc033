"""What reviewers said, counted by the database: so many rows as there are reviewers, however much they said.

Counted is what was said first, in reviews of whatever kind. Gold is among it but where reviewers are compared with
others or with adjudicators: figures that left it out would tell which it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Float, and_, case, cast, func, select

from grading.adjudication.leniency import Sums
from grading.tables import EVALUATIONS, VERDICTS
from rubrics import Verdict

REVIEWS = ("primary", "overlap")
ALL = (*REVIEWS, "gold")

_WITH_VERDICTS = VERDICTS.join(EVALUATIONS, EVALUATIONS.c.id == VERDICTS.c.evaluation)
_PLACE = (
    EVALUATIONS.c.attempt_id,
    EVALUATIONS.c.submission,
    EVALUATIONS.c.grading_digest,
    VERDICTS.c.criterion,
)


@dataclass(frozen=True, slots=True)
class Tally:
    """What one reviewer said, in numbers.

    Attributes:
        reviews: Locked. minutes: Active, in all of those of which they are known.
        verdicts: Given; timed: in reviews whose minutes are known; shown: pointing at some evidence.
        fails, fails_shown: The same of fails.
        met, agreed: Of their verdicts those that were adjudicated, and those of them that the adjudicator shared.
    """

    reviews: int = 0
    minutes: float = 0.0
    verdicts: int = 0
    timed: int = 0
    shown: int = 0
    fails: int = 0
    fails_shown: int = 0
    met: int = 0
    agreed: int = 0


def first_of(person: str | None, stages: tuple[str, ...] = ALL) -> tuple[ColumnElement[bool], ...]:
    """The evaluations that count: of one person, or of everybody."""
    chosen = (
        EVALUATIONS.c.grader_kind == "human",
        EVALUATIONS.c.stage.in_(stages),
        EVALUATIONS.c.revision == 1,
    )
    return chosen if person is None else (*chosen, EVALUATIONS.c.grader == person)


def tallies(connection: Connection, person: str | None = None) -> dict[str, Tally]:
    """Reviewer -> what they said in numbers, of one person or of everybody; by three statements."""
    found: dict[str, dict[str, Any]] = {}
    for query in (_reviews(person), _verdicts(person), _adjudicated(person)):
        for row in connection.execute(query):
            numbers = {name: value for name, value in row._mapping.items() if name != "grader"}
            found.setdefault(row.grader, {}).update(numbers)
    return {name: Tally(**{key: value or 0 for key, value in one.items()}) for name, one in sorted(found.items())}


def residual_sums(connection: Connection) -> dict[str, Sums]:
    """Reviewer -> sums of their residuals, see `grading.adjudication.leniency`; by one statement."""
    passed = case((VERDICTS.c.verdict == Verdict.passed.value, 1.0), else_=0.0)
    words = (
        select(
            EVALUATIONS.c.grader,
            passed.label("passed"),
            func.count().over(partition_by=_PLACE).label("voices"),
            func.sum(passed).over(partition_by=_PLACE).label("passes"),
        )
        .select_from(_WITH_VERDICTS)
        .where(*first_of(None, REVIEWS), VERDICTS.c.verdict != Verdict.cannot_judge.value)
        .subquery()
    )
    others = (words.c.passes - words.c.passed) / cast(words.c.voices - 1, Float)
    residual = select(words.c.grader, (words.c.passed - others).label("r")).where(words.c.voices > 1).subquery().c
    rows = connection.execute(
        select(
            residual.grader,
            func.count().label("n"),
            func.sum(residual.r).label("total"),
            func.sum(residual.r * residual.r).label("squares"),
        ).group_by(residual.grader)
    )
    return {row.grader: Sums(int(row.n), float(row.total), float(row.squares)) for row in rows}


def _reviews(person: str | None) -> Any:
    columns = (func.count().label("reviews"), func.sum(EVALUATIONS.c.minutes).label("minutes"))
    return select(EVALUATIONS.c.grader, *columns).where(*first_of(person)).group_by(EVALUATIONS.c.grader)


def _verdicts(person: str | None) -> Any:
    shown, failed = VERDICTS.c.evidence != "[]", VERDICTS.c.verdict == Verdict.failed.value
    return (
        select(
            EVALUATIONS.c.grader,
            func.count().label("verdicts"),
            _number(EVALUATIONS.c.minutes.is_not(None)).label("timed"),
            _number(shown).label("shown"),
            _number(failed).label("fails"),
            _number(and_(failed, shown)).label("fails_shown"),
        )
        .select_from(_WITH_VERDICTS)
        .where(*first_of(person))
        .group_by(EVALUATIONS.c.grader)
    )


def _adjudicated(person: str | None) -> Any:
    last, final = EVALUATIONS.alias("last"), VERDICTS.alias("final")
    same = and_(
        last.c.attempt_id == EVALUATIONS.c.attempt_id,
        last.c.submission == EVALUATIONS.c.submission,
        last.c.grading_digest == EVALUATIONS.c.grading_digest,
        last.c.grader_kind == "human",
        last.c.stage == "adjudication",
    )
    decided = and_(final.c.evaluation == last.c.id, final.c.criterion == VERDICTS.c.criterion)
    return (
        select(
            EVALUATIONS.c.grader,
            func.count().label("met"),
            _number(final.c.verdict == VERDICTS.c.verdict).label("agreed"),
        )
        .select_from(_WITH_VERDICTS.join(last, same).join(final, decided))
        .where(*first_of(person, REVIEWS))
        .group_by(EVALUATIONS.c.grader)
    )


def _number(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.sum(case((condition, 1), else_=0))
