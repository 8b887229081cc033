"""What leads are shown of gold: what there is, what could be, and how reviews of it went."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, case, exists, func, select

from core import Frozen
from grading.adjudication.exam import Qualification
from grading.adjudication.gold import GoldKey, keys_from_record, keys_of
from grading.adjudication.gold_standing import standing_in_force
from grading.adjudication.problems import NoSuchReview
from grading.adjudication.tables import ADJUDICATIONS, GOLD, GOLD_ITEMS, GOLD_STANDINGS
from grading.adjudication.triggers import CLOSED
from grading.items import ReviewCriterion
from grading.queue.slots import GOLD as GOLD_KIND
from grading.queue.slots import LOCKED, OPEN, VOID
from grading.tables import REVIEW_ITEMS, REVIEW_SHEETS, REVIEW_SLOTS

MOST = 100
"""Candidates that are looked at in one go."""


class GoldItem(Frozen):
    """A submission with keys, or one that could have some.

    Attributes:
        item: Its alias; no reviewer knows it as gold.
        keys, fails: How many criteria have a key, and of these a `fail`; None: not told.
        criteria: How many there are.
        exam: For exams alone.
        made: How it was changed; None: it is as it was handed in.
        reviews, open: Gold reviews of it that are locked, and that nobody has begun; None: not told.
    """

    item: str
    job: str
    title: str
    criteria: int
    keys: int
    fails: int | None
    exam: bool = False
    made: str | None = None
    reason: str = ""
    reviews: int | None = 0
    open: int | None = 0

    @property
    def untold(self) -> GoldItem:
        """The same without what would tell what is wrong with it, or when a review was of it."""
        made = self.made and "a changed copy"
        return self.model_copy(update={"fails": None, "reviews": None, "open": None, "made": made, "reason": ""})


class GoldSheet(Frozen):
    """The criteria of a submission, with what is known to be right, or what the record would say."""

    item: str
    job: str
    title: str
    criteria: tuple[ReviewCriterion, ...]
    files: tuple[str, ...]
    keys: dict[str, GoldKey]
    suggested: dict[str, GoldKey]
    exam: bool = False
    made: str | None = None
    reason: str = ""
    settled: bool = False
    origin: str | None = None


def gold_list(connection: Connection) -> list[GoldItem]:
    """Every submission with keys, by job."""
    keyed = exists().where(GOLD.c.item == GOLD_ITEMS.c.item, GOLD.c.retired.is_(False))
    query = (
        select(GOLD_ITEMS, REVIEW_SHEETS.c.body, REVIEW_ITEMS.c.job)
        .join(REVIEW_ITEMS, REVIEW_ITEMS.c.alias == GOLD_ITEMS.c.item)
        .join(REVIEW_SHEETS, REVIEW_SHEETS.c.digest == REVIEW_ITEMS.c.sheet)
        .where(keyed)
        .order_by(REVIEW_ITEMS.c.job, GOLD_ITEMS.c.item)
    )
    rows = connection.execute(query).all()
    slots = _slots(connection, (row.item for row in rows))
    found = []
    for row in rows:
        kept = {
            "exam": bool(row.exam),
            "made": row.made,
            "reason": row.reason,
            "reviews": slots.get((row.item, LOCKED), 0),
            "open": slots.get((row.item, OPEN), 0),
        }
        found.append(_gold_item(row.item, row.body, keys_of(connection, row.item), **kept))
    return found


def gold_candidates(connection: Connection, job: str | None = None, *, most: int = MOST) -> list[GoldItem]:
    """Settled submissions without keys of which the record knows some well enough; adjudicated ones come first."""
    items = REVIEW_ITEMS.c
    adjudicated = exists().where(ADJUDICATIONS.c.item == items.alias, ADJUDICATIONS.c.state == CLOSED)
    query = (
        select(items.alias, REVIEW_SHEETS.c.body)
        .join(REVIEW_SHEETS, REVIEW_SHEETS.c.digest == items.sheet)
        .where(
            items.settled.is_not(None),
            ~exists().where(GOLD.c.item == items.alias, GOLD.c.retired.is_(False)),
            *([] if job is None else [items.job == job]),
        )
        .order_by(case((adjudicated, 0), else_=1), items.alias)
        .limit(most)
    )
    found = []
    for row in connection.execute(query).all():
        keys = keys_from_record(connection, row.alias)
        if keys:
            found.append(_gold_item(row.alias, row.body, keys))
    return found


def _gold_item(item: str, body: str, keys: Mapping[str, GoldKey], **kept: Any) -> GoldItem:
    sheet = json.loads(body)
    return GoldItem(
        item=item,
        job=sheet["job"],
        title=sheet["title"],
        criteria=len(sheet["criteria"]),
        keys=len(keys),
        fails=sum(key.verdict == "fail" for key in keys.values()),
        **kept,
    )


def gold_sheet(connection: Connection, item: str) -> GoldSheet:
    """A submission's criteria and keys. Raises `NoSuchReview`."""
    query = (
        select(REVIEW_ITEMS, REVIEW_SHEETS.c.body)
        .join(REVIEW_SHEETS, REVIEW_SHEETS.c.digest == REVIEW_ITEMS.c.sheet)
        .where(REVIEW_ITEMS.c.alias == item)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NoSuchReview(item)
    about = connection.execute(select(GOLD_ITEMS).where(GOLD_ITEMS.c.item == item)).one_or_none()
    sheet, handed_in = json.loads(row.body), json.loads(row.handed_in)
    return GoldSheet(
        item=item,
        job=sheet["job"],
        title=sheet["title"],
        criteria=tuple(ReviewCriterion.model_validate(one) for one in sheet["criteria"]),
        files=tuple(one["path"] for one in handed_in.get("deliverables", ())),
        keys=keys_of(connection, item),
        suggested=keys_from_record(connection, item),
        exam=bool(about.exam) if about else False,
        made=about.made if about else None,
        reason=about.reason if about else "",
        settled=row.settled is not None,
        origin=about.origin if about else None,
    )


def standings(connection: Connection) -> dict[str, Qualification]:
    """Person -> as what the queue takes them now, of everybody who has locked a gold review."""
    people = connection.execute(select(GOLD_STANDINGS.c.person).order_by(GOLD_STANDINGS.c.person)).scalars()
    return {str(person): standing_in_force(connection, str(person)) for person in list(people)}


def _slots(connection: Connection, items: Iterable[str]) -> dict[tuple[str, str], int]:
    """(item, state) -> gold slots."""
    slot = REVIEW_SLOTS.c
    found: dict[tuple[str, str], int] = {}
    for item in items:
        query = select(slot.state, func.count()).where(
            slot.item == item, slot.kind == GOLD_KIND, slot.state != VOID
        )
        for state, count in connection.execute(query.group_by(slot.state)):
            found[item, str(state)] = int(count)
    return found
