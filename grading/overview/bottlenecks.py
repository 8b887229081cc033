"""What reviewing waits for: the oldest submissions, who holds what, open questions, slow and unclear criteria."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, and_, case, cast, func, select

from grading.adjudication.tables import ADJUDICATIONS, TICKETS
from grading.book import AWAITING, CLAIMED
from grading.figures.model import Figure
from grading.overview.coverage import meant, sheets_of, titles_of
from grading.overview.oversight import Scope
from grading.people.tables import PEOPLE
from grading.queue.slots import instant
from grading.tables import EVALUATIONS, REVIEW_ACTIVITY, REVIEW_ITEMS, REVIEW_SLOTS, VERDICTS

SHOWN = 20
HELD_SHOWN = 200
ENOUGH = 3
"""Reviews of a criterion, at least, before it is said to be slow or unclear."""
_DAY = 24 * 60 * 60 * 1000


@dataclass(frozen=True)
class Waiting:
    """A submission that waits for a review. state: `awaiting` or `claimed`. since: For so long, ISO 8601."""

    alias: str
    title: str
    state: str
    since: str


@dataclass(frozen=True)
class Held:
    """A review at somebody's desk.

    Attributes:
        slot: Its alias. who: Id of the person; name: As leads know them.
        claimed, expires: ISO 8601. lapsed: The time is over; whoever asks first gets it.
    """

    slot: str
    title: str
    kind: str
    who: str
    name: str
    claimed: str
    expires: str
    lapsed: bool


@dataclass(frozen=True)
class OfCriterion:
    """A figure of one criterion: active minutes a review, or the share that could not be judged."""

    job: str
    title: str
    criterion: str
    text: str
    figure: Figure


@dataclass(frozen=True)
class Bottlenecks:
    """What reviewing waits for.

    Attributes:
        waiting: The oldest first. held: What ends first, first; more_held: How many are not listed.
        adjudications, tickets: Open ones.
    """

    waiting: tuple[Waiting, ...]
    held: tuple[Held, ...]
    more_held: int
    adjudications: int
    tickets: int


@dataclass(frozen=True)
class HardCriteria:
    """Criteria that are hard. slow: Those that take longest. unclear: That people could judge least often."""

    slow: tuple[OfCriterion, ...]
    unclear: tuple[OfCriterion, ...]


def bottlenecks(connection: Connection, scope: Scope = None) -> Bottlenecks:
    """What reviewing waits for, of all submissions or of some attempts'."""
    held, number = _held(connection, scope)
    return Bottlenecks(
        waiting=_waiting(connection, scope),
        held=held,
        more_held=number - len(held),
        adjudications=_adjudications(connection, scope),
        tickets=_tickets(connection, scope),
    )


def hard_criteria(connection: Connection, scope: Scope = None) -> HardCriteria:
    """Criteria that take long or are not judged; reads all that was said and all activity of those attempts."""
    return HardCriteria(_slow(connection, scope), _unclear(connection, scope))


def _waiting(connection: Connection, scope: Scope) -> tuple[Waiting, ...]:
    item = REVIEW_ITEMS.c
    query = (
        select(item.alias, item.sheet, item.state, item.changed)
        .where(item.state.in_((AWAITING, CLAIMED)), *meant(scope))
        .order_by(item.changed, item.alias)
        .limit(SHOWN)
    )
    rows = connection.execute(query).all()
    titles = titles_of(connection, [row.sheet for row in rows])
    return tuple(Waiting(row.alias, titles.get(row.sheet, ""), row.state, row.changed) for row in rows)


def _held(connection: Connection, scope: Scope) -> tuple[tuple[Held, ...], int]:
    slot, at = REVIEW_SLOTS.c, instant()
    query = (
        select(
            slot.alias, slot.kind, slot.reviewer, slot.claimed, slot.expires, REVIEW_ITEMS.c.sheet, PEOPLE.c.name
        )
        .join(REVIEW_ITEMS, REVIEW_ITEMS.c.alias == slot.item)
        .outerjoin(PEOPLE, PEOPLE.c.id == slot.reviewer)
        .where(slot.state == CLAIMED, *meant(scope))
    )
    number = int(connection.execute(select(func.count()).select_from(query.subquery())).scalar_one())
    rows = connection.execute(query.order_by(slot.expires, slot.alias).limit(HELD_SHOWN)).all()
    titles = titles_of(connection, [row.sheet for row in rows])
    return tuple(
        Held(
            slot=row.alias,
            title=titles.get(row.sheet, ""),
            kind=row.kind,
            who=row.reviewer or "",
            name=row.name or row.reviewer or "",
            claimed=row.claimed or "",
            expires=row.expires or "",
            lapsed=bool(row.expires and row.expires < at),
        )
        for row in rows
    ), number


def _adjudications(connection: Connection, scope: Scope) -> int:
    query = select(func.count()).select_from(ADJUDICATIONS).where(ADJUDICATIONS.c.state == "open")
    if scope is not None:
        query = query.join(REVIEW_ITEMS, REVIEW_ITEMS.c.alias == ADJUDICATIONS.c.item).where(*meant(scope))
    return int(connection.execute(query).scalar_one())


def _tickets(connection: Connection, scope: Scope) -> int:
    query = select(func.count()).select_from(TICKETS).where(TICKETS.c.state == "open")
    if scope is not None:
        rubrics = select(REVIEW_ITEMS.c.grading_digest).where(*meant(scope))
        query = query.where(TICKETS.c.grading_digest.in_(rubrics))
    return int(connection.execute(query).scalar_one())


def _milliseconds(column: ColumnElement[str]) -> ColumnElement[int]:
    """The time of day of an ISO 8601 text with milliseconds: the same words for every database."""
    parts = ((12, 2, 3_600_000), (15, 2, 60_000), (18, 2, 1000), (21, 3, 1))
    hours, minutes, seconds, rest = (
        cast(func.substr(column, begin, length), Integer) * unit for begin, length, unit in parts
    )
    return hours + minutes + seconds + rest


def _slow(connection: Connection, scope: Scope) -> tuple[OfCriterion, ...]:
    """Active minutes a review, by criterion; intervals are short, so that one runs past midnight at most."""
    activity, slot, item = REVIEW_ACTIVITY.c, REVIEW_SLOTS.c, REVIEW_ITEMS.c
    long = _milliseconds(activity.end) - _milliseconds(activity.begin)
    total = func.sum(case((long < 0, long + _DAY), else_=long))
    reviews = func.count(func.distinct(activity.slot.concat("/").concat(activity.reviewer)))
    query = (
        select(item.job, func.min(item.sheet).label("sheet"), activity.criterion, total.label("total"))
        .add_columns(reviews.label("reviews"))
        .select_from(REVIEW_ACTIVITY)
        .join(REVIEW_SLOTS, slot.alias == activity.slot)
        .join(REVIEW_ITEMS, item.alias == slot.item)
        .where(activity.criterion.is_not(None), activity.criterion != "", *meant(scope))
        .group_by(item.job, activity.criterion)
        .having(reviews >= ENOUGH)
        .order_by((total / reviews).desc(), item.job, activity.criterion)
        .limit(SHOWN)
    )
    rows = connection.execute(query).all()
    figures = [Figure(value=float(row.total) / row.reviews / 60_000, n=row.reviews) for row in rows]
    return _named(connection, rows, figures)


def _unclear(connection: Connection, scope: Scope) -> tuple[OfCriterion, ...]:
    """The share of `cannot_judge` among what people said first, by criterion, where there is any."""
    said, item = EVALUATIONS.c, REVIEW_ITEMS.c
    could_not = func.sum(case((VERDICTS.c.verdict == "cannot_judge", 1), else_=0))
    number = func.count()
    first = (said.grader_kind == "human", said.stage.in_(("primary", "overlap")), said.revision == 1)
    query = (
        select(item.job, func.min(item.sheet).label("sheet"), VERDICTS.c.criterion, could_not.label("could_not"))
        .add_columns(number.label("number"))
        .select_from(EVALUATIONS)
        .join(VERDICTS, VERDICTS.c.evaluation == said.id)
        .join(REVIEW_ITEMS, same_submission())
        .where(*first, *meant(scope))
        .group_by(item.job, VERDICTS.c.criterion)
        .having(could_not > 0, number >= ENOUGH)
        .order_by((could_not * 1.0 / number).desc(), number.desc(), item.job, VERDICTS.c.criterion)
        .limit(SHOWN)
    )
    rows = connection.execute(query).all()
    figures = [Figure(value=row.could_not / row.number, n=row.number) for row in rows]
    return _named(connection, rows, figures)


def same_submission() -> ColumnElement[bool]:
    """An evaluation is of an item's submission, by its rubric."""
    names = ("attempt_id", "submission", "grading_digest")
    return and_(*(EVALUATIONS.c[name] == REVIEW_ITEMS.c[name] for name in names))


def _named(connection: Connection, rows: Sequence[Any], figures: Sequence[Figure]) -> tuple[OfCriterion, ...]:
    sheets = sheets_of(connection, sorted({row.sheet for row in rows}))
    found = []
    for row, figure in zip(rows, figures, strict=True):
        sheet = sheets.get(row.sheet, {"title": "", "criteria": []})
        texts = {criterion["id"]: criterion["text"] for criterion in sheet["criteria"]}
        text = texts.get(row.criterion, "")
        found.append(OfCriterion(row.job or "", sheet["title"], row.criterion, text, figure))
    return tuple(found)
