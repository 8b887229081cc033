"""Sitting the exam: gold reviews that are a person's alone, and afterwards what was right.

An exam has `EXAM` criteria or more, keys `pass` and keys `fail` among them, of submissions that are kept for exams
and that the person does not know. Who has not passed may sit another one, as long as there are such.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from sqlalchemy import Connection, Row, exists, func, select

from core import Frozen
from grading.adjudication.exam import EXAM, Answer, Qualification, Standing, standing
from grading.adjudication.gold import GoldKey, keys_of
from grading.adjudication.gold_standing import standing_in_force
from grading.adjudication.tables import GOLD, GOLD_ITEMS
from grading.items import ReviewCriterion
from grading.people.person import Person
from grading.queue.gold import barred_for
from grading.queue.slots import GOLD as GOLD_KIND
from grading.queue.slots import LOCKED, VOID, add_slots
from grading.tables import EVALUATIONS, REVIEW_ITEMS, REVIEW_SHEETS, REVIEW_SLOTS, VERDICTS
from rubrics import Verdict


class Answered(Frozen):
    """What somebody said of a criterion of an exam, and what was right."""

    criterion: ReviewCriterion
    said: str | None
    key: GoldKey

    @property
    def answer(self) -> Answer:
        """As it is measured; what was not said is not right."""
        said = Verdict(self.said) if self.said else Verdict.cannot_judge
        return Answer(said, Verdict(self.key.verdict), self.key.absent)


class Paper(Frozen):
    """One submission of an exam.

    Attributes:
        alias: Of the slot. state: `open`, `claimed` or `locked`.
        answers: What was right; empty until all of the exam is locked.
    """

    alias: str
    title: str
    state: str
    answers: tuple[Answered, ...] = ()


class Exam(Frozen):
    """How somebody is getting on with the exam.

    Attributes:
        in_force: As what the queue takes them. result: Of exams alone, once all that was given is locked.
        papers: What they were given, oldest first.
        may_begin: They may sit one now. ready: There is one for them.
    """

    in_force: Qualification
    result: Standing
    papers: tuple[Paper, ...]
    may_begin: bool
    ready: bool


def begin_exam(connection: Connection, person: Person) -> int:
    """Give a person an exam, if they need one and there is one; returns how many submissions that is.

    Args:
        connection: Of a write transaction.
        person: Who.
    """
    # Held first: whoever begins for the same person at the same time finds what they were given here.
    items = select(REVIEW_ITEMS.c.alias).where(REVIEW_ITEMS.c.alias.in_(_exam_items(connection)))
    connection.execute(items.order_by(REVIEW_ITEMS.c.alias).with_for_update()).all()
    if not _may_begin(connection, person.id):
        return 0
    chosen = _chosen(connection, person)
    for item in chosen:
        add_slots(connection, item, GOLD_KIND, required=person.id)
    return len(chosen)


def exam_of(connection: Connection, person: Person) -> Exam:
    """How a person is getting on with the exam."""
    rows = _papers(connection, person.id)
    over = all(row.state == LOCKED for row in rows)
    papers = [
        Paper(
            alias=row.alias,
            title=json.loads(row.body)["title"],
            state=row.state,
            answers=_answers(connection, person.id, row) if over else (),
        )
        for row in rows
    ]
    may_begin = _may_begin(connection, person.id)
    return Exam(
        in_force=standing_in_force(connection, person.id),
        # What else somebody judged of gold must not move this page.
        result=standing([[one.answer for one in paper.answers] for paper in papers]),
        papers=tuple(papers),
        may_begin=may_begin,
        ready=may_begin and bool(_chosen(connection, person)),
    )


def _may_begin(connection: Connection, person: str) -> bool:
    if standing_in_force(connection, person) == Qualification.qualified:
        return False
    return all(row.state == LOCKED for row in _papers(connection, person))


def _chosen(connection: Connection, person: Person) -> list[str]:
    """Items that make up an exam for a person; empty: there are too few."""
    items, known = REVIEW_ITEMS.c, _exam_items(connection)
    query = (
        select(items.alias, items.job, items.pack, func.count().label("keys"))
        .add_columns(func.count().filter(GOLD.c.verdict == "fail").label("fails"))
        .join(GOLD, GOLD.c.item == items.alias)
        .where(items.alias.in_(known), GOLD.c.retired.is_(False), items.settled.is_not(None))
        .where(items.alias.not_in(barred_for(person.id)))
        .group_by(items.alias, items.job, items.pack)
    )
    rows = [
        row
        for row in (connection.execute(query) if known else ())
        if not {f"job:{row.job}", f"pack:{row.pack}"} & person.conflicts
    ]
    secrets.SystemRandom().shuffle(rows)
    rows.sort(key=lambda row: not 0 < row.fails < row.keys)  # of both kinds first
    chosen: list[Row[Any]] = []
    for row in rows:
        chosen.append(row)
        keys, fails = sum(one.keys for one in chosen), sum(one.fails for one in chosen)
        if keys >= EXAM and 0 < fails < keys:
            return [str(one.alias) for one in chosen]
    return []


def _exam_items(connection: Connection) -> list[str]:
    """The items that are kept for exams and have keys."""
    # These are few and slots are many: asked in one go, a database may begin at the wrong end.
    keyed = exists().where(GOLD.c.item == GOLD_ITEMS.c.item, GOLD.c.retired.is_(False))
    query = select(GOLD_ITEMS.c.item).where(GOLD_ITEMS.c.exam.is_(True), keyed)
    return list(connection.execute(query).scalars())


def _papers(connection: Connection, person: str) -> list[Row[Any]]:
    slot, known = REVIEW_SLOTS.c, _exam_items(connection)
    if not known:
        return []
    mine = (slot.kind == GOLD_KIND, slot.state != VOID, (slot.reviewer == person) | (slot.required == person))
    query = (
        select(slot.alias, slot.item, slot.state, REVIEW_SHEETS.c.body, REVIEW_ITEMS.c.attempt_id)
        .add_columns(REVIEW_ITEMS.c.submission, REVIEW_ITEMS.c.grading_digest)
        .join(REVIEW_ITEMS, REVIEW_ITEMS.c.alias == slot.item)
        .join(REVIEW_SHEETS, REVIEW_SHEETS.c.digest == REVIEW_ITEMS.c.sheet)
        .where(slot.item.in_(known), slot.probability.is_(None), *mine)
        .order_by(slot.claimed.nulls_last(), slot.alias)
    )
    return list(connection.execute(query))


def _answers(connection: Connection, person: str, row: Row[Any]) -> tuple[Answered, ...]:
    same = {name: getattr(row, name) for name in ("attempt_id", "submission", "grading_digest")}
    query = (
        select(VERDICTS.c.criterion, VERDICTS.c.verdict)
        .join(EVALUATIONS, EVALUATIONS.c.id == VERDICTS.c.evaluation)
        .where(*(EVALUATIONS.c[name] == value for name, value in same.items()))
        .where(EVALUATIONS.c.grader == person, EVALUATIONS.c.stage == GOLD_KIND, EVALUATIONS.c.revision == 1)
    )
    said = {str(one.criterion): str(one.verdict) for one in connection.execute(query)}
    keys = keys_of(connection, row.item)
    criteria = [ReviewCriterion.model_validate(one) for one in json.loads(row.body)["criteria"]]
    return tuple(
        Answered(criterion=one, said=said.get(one.id), key=keys[one.id]) for one in criteria if one.id in keys
    )
