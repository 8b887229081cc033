"""Gold: submissions of which it is known what is right, by which reviewers are measured.

A key says pass or fail, and whether it fails because something is not there at all. Which reviews are gold is told
to nobody who reviews.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field
from sqlalchemy import Connection, select, update

from core import Frozen, insert_or_update
from grading.adjudication.problems import NoSuchReview
from grading.adjudication.tables import GOLD
from grading.adjudication.triggers import importances_of, of_item
from grading.adjudication.voids import voided_in
from grading.book import now, read_evaluations
from grading.record import Source, records_of
from grading.tables import REVIEW_ITEMS
from rubrics import Verdict

_SET = insert_or_update(GOLD, ("item", "criterion"), ("verdict", "absent", "why", "retired", "decided_by", "ts"))


class Key(Frozen):
    """What is right on one criterion of a gold submission.

    Attributes:
        absent: It fails because what the criterion asks for is not there at all; whoever passes it did not look.
        why: Shown to who learns by it.
    """

    verdict: Literal["pass", "fail"]
    absent: bool = False
    why: str = Field(default="", max_length=4_000)


def set_keys(connection: Connection, item: str, keys: Mapping[str, Key], by: str) -> None:
    """Say what is right of an item's submission; a key that is there already is replaced.

    Raises:
        NoSuchReview: No such item or criterion.
    """
    row = connection.execute(select(REVIEW_ITEMS.c.sheet).where(REVIEW_ITEMS.c.alias == item)).one_or_none()
    known = importances_of(connection, row.sheet) if row is not None else {}
    for criterion, key in keys.items():
        if criterion not in known:
            raise NoSuchReview(criterion)
        values = {"item": item, "criterion": criterion, "retired": False, "decided_by": by, "ts": now()}
        connection.execute(_SET, values | key.model_dump())


def keys_of(connection: Connection, item: str) -> dict[str, Key]:
    """Criterion -> what is right; empty: the item is no gold."""
    rows = connection.execute(select(GOLD).where(GOLD.c.item == item, GOLD.c.retired.is_(False)))
    return {row.criterion: Key(verdict=row.verdict, absent=row.absent, why=row.why) for row in rows}


def gold_items(connection: Connection) -> list[str]:
    """The items that have keys."""
    query = select(GOLD.c.item).where(GOLD.c.retired.is_(False)).distinct().order_by(GOLD.c.item)
    return list(connection.execute(query).scalars())


def retire(connection: Connection, item: str) -> None:
    """Measure nobody by an item any more; its keys are kept."""
    connection.execute(update(GOLD).where(GOLD.c.item == item).values(retired=True))


def keys_from_record(connection: Connection, item: str) -> dict[str, Key]:
    """What the record knows well enough for a key: what was adjudicated, and what several reviewers all said.

    Raises:
        NoSuchReview: No such item.
    """
    row = connection.execute(select(REVIEW_ITEMS).where(REVIEW_ITEMS.c.alias == item)).one_or_none()
    if row is None:
        raise NoSuchReview(item)
    said = of_item(row, read_evaluations(connection, [row.attempt_id]))
    voided = voided_in(connection, [row.grading_digest]).get(row.grading_digest, frozenset())
    people = [e for e in said if e.grader_kind == "human" and e.stage in ("primary", "adjudication")]
    graders: dict[str, set[str]] = {}
    words: dict[str, set[Verdict]] = {}
    for evaluation in people:
        for verdict in evaluation.verdicts:
            graders.setdefault(verdict.criterion, set()).add(evaluation.grader)
            words.setdefault(verdict.criterion, set()).add(verdict.verdict)
    keys: dict[str, Key] = {}
    for criterion, record in records_of(people, voided=voided).items():
        unanimous = len(graders[criterion]) > 1 and len(words[criterion]) == 1
        if record.source != Source.adjudication and not unanimous:
            continue
        if record.verdict in (Verdict.passed, Verdict.failed):
            keys[criterion] = Key(verdict="pass" if record.verdict == Verdict.passed else "fail")
    return keys
