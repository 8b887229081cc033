"""What graders said of the attempts of a trial, for those who lead: by name, every revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from grading.adjudication.voids import voided_in
from grading.book import read_evaluations
from grading.evaluations import CriterionVerdict, Evaluation, Judgement
from grading.items import ReviewCriterion
from grading.overview.coverage import sheets_of
from grading.people.tables import PEOPLE
from grading.record import RecordVerdict, Source, judgement_of_record, records_of
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


@dataclass(frozen=True)
class Standing:
    """What is of record of an attempt now: of the submission and by the rubric that were graded last.

    Attributes:
        records: By criterion in the rubric's order; without a verdict it awaits one.
        voided: Criteria that count for nobody any more. judgement: None: there is none yet.
    """

    records: tuple[tuple[ReviewCriterion, RecordVerdict], ...]
    voided: tuple[ReviewCriterion, ...]
    judgement: Judgement | None


@dataclass(frozen=True)
class Graded:
    """All that was said of an attempt, the oldest first; standing: None where its rubric is not up for review."""

    grades: tuple[Grade, ...]
    standing: Standing | None


def grades_of(connection: Connection, attempts: Sequence[str]) -> dict[str, Graded]:
    """Attempt -> what was said of it, and what stands."""
    evaluations = read_evaluations(connection, attempts)
    names = names_of(connection, sorted({one.grader for one in evaluations}))
    criteria = _criteria(connection, attempts)
    voided = voided_in(connection, {digest for _, digest in criteria})
    found: dict[str, list[Grade]] = {attempt: [] for attempt in attempts}
    for one in evaluations:
        known = criteria.get((one.attempt_id, one.grading_digest), {})
        verdicts = tuple((verdict, known.get(verdict.criterion)) for verdict in one.verdicts)
        found[one.attempt_id].append(Grade(one, names.get(one.grader, one.grader), verdicts))
    return {attempt: Graded(tuple(own), _standing(own, criteria, voided)) for attempt, own in found.items()}


def _standing(
    grades: Sequence[Grade],
    criteria: Mapping[tuple[str, str], Mapping[str, ReviewCriterion]],
    voided: Mapping[str, frozenset[str]],
) -> Standing | None:
    if not grades:
        return None
    last = grades[-1].evaluation
    rubric = criteria.get((last.attempt_id, last.grading_digest))
    if rubric is None:
        return None
    same = (last.submission, last.grading_digest)
    said = [one.evaluation for one in grades if (one.evaluation.submission, one.evaluation.grading_digest) == same]
    out = voided.get(last.grading_digest, frozenset())
    records, nothing = records_of(said, voided=out), RecordVerdict(None, Source.nobody)
    return Standing(
        records=tuple((one, records.get(name, nothing)) for name, one in rubric.items() if name not in out),
        voided=tuple(one for name, one in rubric.items() if name in out),
        judgement=judgement_of_record(said),
    )


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
