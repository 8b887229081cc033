"""What was found in submissions, kept beside them: for the record and for those who lead, never for reviewers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, and_, func, select

from core import Blobs, Database, Deliverable, StoreFault, canonical_json, insert_or_update
from grading.blinding.find import Finding, find_names
from grading.blinding.names import Kind
from grading.items import ReviewItem
from grading.render.model import suffix_of
from grading.render.shelf import Shelf
from grading.render.texts import Rendering
from grading.tables import REVIEW_ITEMS, REVIEW_SHEETS, REVIEW_UNBLINDING

Maker = Mapping[Kind, Sequence[str]]
"""The names of whoever made a submission: its agent's, its model's."""

AT_ONCE = 500
_FINDINGS = TypeAdapter(tuple[Finding, ...])
_KEEP = insert_or_update(REVIEW_UNBLINDING, ("attempt_id", "submission"), ("findings", "unread"))
_NOTHING = "[]"
_SAME = and_(
    REVIEW_UNBLINDING.c.attempt_id == REVIEW_ITEMS.c.attempt_id,
    REVIEW_UNBLINDING.c.submission == REVIEW_ITEMS.c.submission,
)


def search_names(database: Database, blobs: Blobs, makers: Mapping[str, Maker]) -> int:
    """Search the submissions of some attempts that people have begun to review; returns how many were searched.

    What was searched once is left alone, unless some of its files had not been rendered then: reviewers look at
    renderings, so that these are there once somebody has reviewed.

    Args:
        database: Of the project.
        blobs: Where renderings lie.
        makers: By id of an attempt.
    """
    shelf, searched, names = Shelf(database, blobs), 0, list(makers)
    for begin in range(0, len(names), AT_ONCE):
        for row in _unsearched(database, names[begin : begin + AT_ONCE]):
            item = ReviewItem.model_validate(json.loads(row.body) | json.loads(row.handed_in))
            renderings = [_rendering(shelf, file) for file in item.deliverables]
            findings = find_names(renderings, own=makers[row.attempt_id], expected=_expected(shelf, item))
            values = {
                "attempt_id": row.attempt_id,
                "submission": row.submission,
                "findings": canonical_json([finding.model_dump(exclude_defaults=True) for finding in findings]),
                "unread": sum(one.problem == _UNREAD for one in renderings),
            }
            with database.write() as connection:
                connection.execute(_KEEP, values)
            searched += 1
    return searched


def unblinded_in(connection: Connection, attempt_ids: Sequence[str]) -> set[tuple[str, str]]:
    """(attempt, digest of the submission) of those of some attempts in which something was found."""
    found: set[tuple[str, str]] = set()
    for begin in range(0, len(attempt_ids), AT_ONCE):
        some = REVIEW_UNBLINDING.c.attempt_id.in_(attempt_ids[begin : begin + AT_ONCE])
        query = select(REVIEW_UNBLINDING).where(some, REVIEW_UNBLINDING.c.findings != _NOTHING)
        found |= {(row.attempt_id, row.submission) for row in connection.execute(query)}
    return found


def findings_of(database: Database, attempt_id: str) -> tuple[Finding, ...]:
    """What was found in the submissions of an attempt."""
    query = select(REVIEW_UNBLINDING.c.findings).where(REVIEW_UNBLINDING.c.attempt_id == attempt_id)
    with database.read() as connection:
        texts = connection.execute(query.order_by(REVIEW_UNBLINDING.c.submission)).scalars().all()
    return tuple(finding for text in texts for finding in _FINDINGS.validate_json(text))


@dataclass(frozen=True)
class Flagged:
    """A submission in which something was found. alias: Of its item, which reviewers are not told."""

    alias: str
    title: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class FlaggedJob:
    """A job, and of how many of its submissions something was found."""

    job: str
    title: str
    submissions: int


def flagged_jobs(database: Database, most: int) -> tuple[list[FlaggedJob], int]:
    """Jobs in whose submissions something was found, at most so many; and how many more there are."""
    items = REVIEW_ITEMS.c
    jobs = (
        select(items.job, func.min(items.sheet).label("sheet"), func.count().label("submissions"))
        .join(REVIEW_UNBLINDING, _SAME)
        .where(REVIEW_UNBLINDING.c.findings != _NOTHING, items.job.is_not(None))
        .group_by(items.job)
        .subquery()
    )
    query = select(jobs, REVIEW_SHEETS.c.body).join(REVIEW_SHEETS, REVIEW_SHEETS.c.digest == jobs.c.sheet)
    with database.read() as connection:
        number = int(connection.execute(select(func.count()).select_from(jobs)).scalar_one())
        rows = connection.execute(query.order_by(jobs.c.job).limit(most)).all()
    found = [FlaggedJob(row.job, json.loads(row.body)["title"], int(row.submissions)) for row in rows]
    return found, number - len(found)


def flagged(database: Database, most: int, job: str) -> tuple[list[Flagged], int]:
    """Submissions of a job in which something was found, at most so many; and how many there are."""
    items, found = REVIEW_ITEMS.c, REVIEW_UNBLINDING.c
    told = (
        select(items.alias, REVIEW_SHEETS.c.body, found.findings)
        .join(REVIEW_UNBLINDING, _SAME)
        .join(REVIEW_SHEETS, REVIEW_SHEETS.c.digest == items.sheet)
        .where(found.findings != _NOTHING, items.job == job)
        .order_by(items.alias)
    )
    with database.read() as connection:
        number = connection.execute(select(func.count()).select_from(told.subquery())).scalar_one()
        rows = connection.execute(told.limit(most)).all()
    return [
        Flagged(row.alias, json.loads(row.body)["title"], _FINDINGS.validate_json(row.findings)) for row in rows
    ], int(number)


def check_findings(text: str) -> None:
    """Raises `ValueError` for what cannot be the findings of a submission."""
    _FINDINGS.validate_json(text)


_UNREAD = "it is not rendered"


def _unsearched(database: Database, attempt_ids: Sequence[str]) -> list[Row[Any]]:
    items, found = REVIEW_ITEMS.c, REVIEW_UNBLINDING.c
    query = (
        select(items.attempt_id, items.submission, items.handed_in, REVIEW_SHEETS.c.body)
        .join(REVIEW_SHEETS, REVIEW_SHEETS.c.digest == items.sheet)
        .outerjoin(REVIEW_UNBLINDING, _SAME)
        .where(items.attempt_id.in_(attempt_ids), items.state != "awaiting")
        .where(found.unread.is_(None) | (found.unread > 0))
        .order_by(items.attempt_id, items.alias)
    )
    with database.read() as connection:
        return list(connection.execute(query))


def _rendering(shelf: Shelf, file: Deliverable) -> Rendering:
    try:
        rendered = shelf.find(file.sha256, suffix_of(file), None)
    except StoreFault:
        rendered = None
    if rendered is not None:
        return rendered.of(file.path)
    return Rendering(path=file.path, sha256=file.sha256, media_type=file.media_type, problem=_UNREAD)


def _expected(shelf: Shelf, item: ReviewItem) -> Iterator[str]:
    """What the job itself says: a deliverable that speaks of that too names nobody."""
    yield from (item.title, item.brief, *(criterion.text for criterion in item.criteria))
    yield from _texts(_rendering(shelf, file) for file in item.inputs)


def _texts(renderings: Iterable[Rendering]) -> Iterator[str]:
    for rendering in renderings:
        yield rendering.path
        yield rendering.text
