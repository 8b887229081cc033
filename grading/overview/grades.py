"""What graders said of the attempts of a trial, for those who lead: by name, every revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from grading.book import read_evaluations
from grading.evaluations import CriterionVerdict, Evaluation
from grading.items import ReviewCriterion
from grading.overview.coverage import sheets_of
from grading.people.tables import PEOPLE
from grading.tables import REVIEW_ITEMS


@dataclass(frozen=True)
class Grade:
    """One evaluation. grader: A person's name, `checks`, or the digest of a judge.

    Attributes:
        verdicts: With the criterion as reviewers read it; None: its rubric is not up for review.
    """

    evaluation: Evaluation
    grader: str
    verdicts: tuple[tuple[CriterionVerdict, ReviewCriterion | None], ...]


def grades_of(connection: Connection, attempts: Sequence[str]) -> dict[str, list[Grade]]:
    """Attempt -> what was said of it, the oldest first."""
    evaluations = read_evaluations(connection, attempts)
    names = names_of(connection, sorted({one.grader for one in evaluations}))
    criteria = _criteria(connection, attempts)
    found: dict[str, list[Grade]] = {attempt: [] for attempt in attempts}
    for one in evaluations:
        known = criteria.get((one.attempt_id, one.grading_digest), {})
        verdicts = tuple((verdict, known.get(verdict.criterion)) for verdict in one.verdicts)
        found[one.attempt_id].append(Grade(one, names.get(one.grader, one.grader), verdicts))
    return found


def names_of(connection: Connection, people: Sequence[str]) -> dict[str, str]:
    """Id -> name, of those who have an account."""
    rows = connection.execute(select(PEOPLE.c.id, PEOPLE.c.name).where(PEOPLE.c.id.in_(people)))
    return {row.id: row.name or row.id for row in rows}


def _criteria(
    connection: Connection, attempts: Sequence[str]
) -> Mapping[tuple[str, str], Mapping[str, ReviewCriterion]]:
    item = REVIEW_ITEMS.c
    query = select(item.attempt_id, item.grading_digest, item.sheet).where(item.attempt_id.in_(attempts))
    rows = connection.execute(query).all()
    sheets = sheets_of(connection, sorted({row.sheet for row in rows}))
    read = {
        digest: {c["id"]: ReviewCriterion.model_validate(c) for c in body["criteria"]}
        for digest, body in sheets.items()
    }
    return {(row.attempt_id, row.grading_digest): read.get(row.sheet, {}) for row in rows}
