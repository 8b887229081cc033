"""What an adjudicator is shown: what the reviewers said, under names that give nobody away.

No times, no judges and no checks are among it, and the order of reviewers is drawn anew for each case with a key
of the server's, so that an adjudicator cannot tell from one case to the next who is who, nor by people's ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, exists, select

from core import sha256_bytes
from grading.adjudication.closing import Decision, reviewers_of
from grading.adjudication.disputes import OVERALL, Trigger
from grading.adjudication.problems import NoSuchReview
from grading.adjudication.tables import ADJUDICATIONS
from grading.adjudication.triggers import CLOSED, OPEN, of_item
from grading.book import read_evaluations
from grading.evaluations import CriterionVerdict, Evaluation
from grading.items import ReviewCriterion, ReviewItem
from grading.overview.looks import has_looked, looked_at
from grading.people.person import Person
from grading.tables import EVALUATIONS, REVIEW_ITEMS, REVIEW_SHEETS
from rubrics import Verdict


@dataclass(frozen=True)
class Position:
    """What one reviewer said, under a neutral name.

    Attributes:
        said: Verdict or overall judgement; None: nothing (left to a check).
        verdict: On the criterion, with feedback and evidence.
        fails: Where the overall judgement is adjudicated, what the reviewer failed.
    """

    who: str
    said: str | None
    verdict: CriterionVerdict | None = None
    fails: tuple[tuple[ReviewCriterion, CriterionVerdict], ...] = ()


@dataclass(frozen=True)
class Listed:
    """A case in the list. `criterion` None: the overall judgement."""

    alias: str
    title: str
    criterion: ReviewCriterion | None
    triggers: tuple[Trigger, ...]


@dataclass(frozen=True)
class Case:
    """One adjudication.

    Attributes:
        state: `open`, `closed` or `void`. decision: Once it is closed.
    """

    alias: str
    item: ReviewItem
    criterion: ReviewCriterion | None
    triggers: tuple[Trigger, ...]
    positions: tuple[Position, ...]
    state: str
    decision: Decision | None = None


def open_cases(connection: Connection, person: Person, most: int = 200) -> list[Listed]:
    """What a person may adjudicate, what waited longest first: nothing they reviewed or have an interest in.

    Nor of a job at anybody's work on which they looked as a lead.

    By one statement; `most` at once.
    """
    own = exists().where(
        EVALUATIONS.c.attempt_id == REVIEW_ITEMS.c.attempt_id,
        EVALUATIONS.c.submission == REVIEW_ITEMS.c.submission,
        EVALUATIONS.c.grading_digest == REVIEW_ITEMS.c.grading_digest,
        EVALUATIONS.c.grader == person.id,
        EVALUATIONS.c.grader_kind == "human",
        EVALUATIONS.c.stage != "adjudication",
    )
    query = _cases().where(ADJUDICATIONS.c.state == OPEN, ~own, ~looked_at(person.id))
    rows = connection.execute(query.order_by(ADJUDICATIONS.c.opened, ADJUDICATIONS.c.alias))
    return [_listed(row) for row in islice((row for row in rows if not _of_interest(row, person)), most)]


def case_of(connection: Connection, alias: str, person: Person, *, key: str = "") -> Case:
    """One adjudication, for somebody who may decide it.

    Args:
        connection: Of the book.
        alias: Of the adjudication.
        person: Who asks.
        key: Draws the order of reviewers; whoever does not know it cannot tell who stands where.

    Raises:
        NoSuchReview: There is none, or the person reviewed the submission or has an interest in it.
    """
    row = connection.execute(_cases().where(ADJUDICATIONS.c.alias == alias)).one_or_none()
    if row is None or not _open_to(connection, row, person):
        raise NoSuchReview(alias)
    item = ReviewItem.model_validate(json.loads(row.body_of_sheet) | json.loads(row.handed_in))
    listed = _listed(row)
    said = of_item(row, read_evaluations(connection, [row.attempt_id]))
    return Case(
        alias=alias,
        item=item,
        criterion=listed.criterion,
        triggers=listed.triggers,
        positions=tuple(_positions(f"{key}\0{alias}", row.criterion, item, said)),
        state=row.state,
        decision=Decision.model_validate_json(row.body) if row.state == CLOSED else None,
    )


def _cases() -> Any:
    return (
        select(ADJUDICATIONS, REVIEW_ITEMS.c.attempt_id, REVIEW_ITEMS.c.submission, REVIEW_ITEMS.c.grading_digest)
        .add_columns(REVIEW_ITEMS.c.handed_in, REVIEW_ITEMS.c.pack, REVIEW_SHEETS.c.body.label("body_of_sheet"))
        .join(REVIEW_ITEMS, REVIEW_ITEMS.c.alias == ADJUDICATIONS.c.item)
        .join(REVIEW_SHEETS, REVIEW_SHEETS.c.digest == REVIEW_ITEMS.c.sheet)
    )


def _open_to(connection: Connection, row: Row[Any], person: Person) -> bool:
    if _of_interest(row, person) or person.id in reviewers_of(connection, row):
        return False
    return not has_looked(connection, person.id, json.loads(row.body_of_sheet)["job"])


def _of_interest(row: Row[Any], person: Person) -> bool:
    if not person.conflicts:
        return False
    job = json.loads(row.body_of_sheet)["job"]
    return bool(person.conflicts & {f"job:{job}", f"pack:{row.pack}"})


def _listed(row: Row[Any]) -> Listed:
    sheet = json.loads(row.body_of_sheet)
    criteria = {c["id"]: ReviewCriterion.model_validate(c) for c in sheet["criteria"]}
    triggers = tuple(Trigger(word) for word in json.loads(row.triggers))
    return Listed(row.alias, sheet["title"], criteria.get(row.criterion), triggers)


def _positions(seed: str, criterion: str, item: ReviewItem, said: Sequence[Evaluation]) -> Iterator[Position]:
    primary = [e for e in said if e.grader_kind == "human" and e.stage == "primary"]
    first: dict[str, list[Evaluation]] = {}
    for evaluation in sorted(primary, key=lambda e: e.revision):
        first.setdefault(evaluation.grader, []).append(evaluation)
    # Of the case's own alias: another case of the same reviewers is in another order.
    drawn = sorted(first, key=lambda grader: sha256_bytes(f"{seed}\0{grader}".encode()))
    for number, grader in enumerate(drawn):
        who = f"Reviewer {chr(ord('A') + number)}" if number < 26 else f"Reviewer {number + 1}"
        if criterion == OVERALL:
            judgements = [e.judgement for e in first[grader] if e.judgement is not None]
            fails = tuple(_fails(item, first[grader]))
            yield Position(who, judgements[0] if judgements else None, fails=fails)
        else:
            verdict = _verdicts(first[grader]).get(criterion)
            yield Position(who, verdict.verdict.value if verdict else None, verdict)


def _fails(item: ReviewItem, said: Sequence[Evaluation]) -> Iterator[tuple[ReviewCriterion, CriterionVerdict]]:
    verdicts = _verdicts(said)
    for criterion in item.criteria:
        verdict = verdicts.get(criterion.id)
        if verdict is not None and verdict.verdict == Verdict.failed:
            yield criterion, verdict


def _verdicts(said: Sequence[Evaluation]) -> dict[str, CriterionVerdict]:
    found: dict[str, CriterionVerdict] = {}
    for evaluation in said:
        for verdict in evaluation.verdicts:
            found.setdefault(verdict.criterion, verdict)
    return found
