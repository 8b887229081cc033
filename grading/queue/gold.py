"""Gold reviews in the queue: how many there are, of which submissions, and to whom they are open.

Chance wants a gold review beside so many of a hundred submissions that are published (`review_items.gold`). It is
of another submission, one of which it is known what is right. Of each of these one such slot is open at a time;
when somebody takes it, the next one opens further back in the queue, until there are as many as chance wanted. So
gold is spread over the queue, and everybody meets a submission once at most. Nobody who reviews can tell these
slots.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, literal_column, or_, select

from grading.adjudication.tables import ADJUDICATIONS, GOLD, GOLD_ITEMS, GOLD_KNOWN, GOLD_STANDINGS
from grading.queue.slots import ADJUDICATION, OPEN, VOID, add_slots
from grading.queue.slots import GOLD as GOLD_KIND
from grading.tables import REVIEW_ITEMS, REVIEW_SLOTS

QUALIFIED = "qualified"
_AT_ONCE = 500

_KNOWN, _ANY = GOLD_ITEMS.alias("known"), REVIEW_SLOTS.alias("any_slot")
# Written out, so that the index of exactly these is used.
DRAWN = (
    REVIEW_SLOTS.c.kind == literal_column(f"'{GOLD_KIND}'"),
    REVIEW_SLOTS.c.probability.is_not(None),
    REVIEW_SLOTS.c.state != VOID,
)
_WANTED = select(func.count(), func.max(REVIEW_ITEMS.c.gold)).where(REVIEW_ITEMS.c.gold.is_not(None))
_MADE = select(func.count()).select_from(REVIEW_SLOTS).where(*DRAWN)


def one_more(connection: Connection, *, like: str = "", after: str | None = None) -> str | None:
    """Open one more gold slot, if more are wanted than there are and some submission can have it.

    Args:
        connection: Of a write transaction.
        like: Category (as in `review_items`) of what it comes beside: one of the same is taken first.
        after: A rank after which it is to come.

    Returns:
        Its alias; None: none is wanted, or there is no submission for it.
    """
    wanted, probability = connection.execute(_WANTED).one()
    if not wanted or connection.execute(_MADE).scalar_one() >= wanted:
        return None
    pool = sorted(_pool(connection), key=lambda row: (row.category != like, row.made, secrets.randbits(32)))
    for row in pool:
        if _hold_free(connection, row.alias):
            (alias,) = add_slots(connection, row.alias, GOLD_KIND, probability=probability, after=after)
            return alias
    return None


def fill(connection: Connection) -> int:
    """Open as many gold slots as are wanted and can be; returns how many that was."""
    opened = 0
    while one_more(connection) is not None:
        opened += 1
    return opened


def unknown_to(person: str) -> Iterator[ColumnElement[bool]]:
    """Slots whose submission a person does not know from the other side of gold.

    A gold slot is not for who is barred from it, nor an ordinary slot for who has reviewed what was made from its
    submission.
    """
    slot, item = REVIEW_SLOTS.c, GOLD_ITEMS.c
    yield or_(slot.kind != GOLD_KIND, slot.item.not_in(barred_for(person)))
    had = exists().where(*_had(person), _ANY.c.item == item.item)
    changed = select(item.origin).where(item.origin != item.item, had)
    yield or_(slot.kind == GOLD_KIND, slot.item.not_in(changed))


def barred_for(person: str) -> Select[Any]:
    """The items by which a person cannot be measured.

    They have seen the keys, adjudicated it, or reviewed it or what it was made from, or what else was made from
    that.
    """
    item = GOLD_ITEMS.c
    same_origin = _KNOWN.c.origin == item.origin

    def in_family(column: ColumnElement[Any], *which: ColumnElement[bool]) -> Iterator[ColumnElement[bool]]:
        yield exists().where(column == item.origin, *which)
        yield exists().where(same_origin, column == _KNOWN.c.item, *which)

    return select(item.item).where(
        or_(
            *in_family(GOLD_KNOWN.c.item, GOLD_KNOWN.c.person == person),
            *in_family(ADJUDICATIONS.c.item, ADJUDICATIONS.c.adjudicator == person),
            *in_family(_ANY.c.item, *_had(person)),
        )
    )


def has_qualified(person: str, now: str) -> ColumnElement[bool]:
    """A person has qualified by gold and was not paused before the day of `now` (ISO 8601 in UTC)."""
    table = GOLD_STANDINGS.c
    passed = or_(
        and_(table.day < now[:10], table.state == QUALIFIED),
        and_(table.day >= now[:10], table.before == QUALIFIED),
    )
    return exists().where(table.person == person, passed)


def _had(person: str) -> tuple[ColumnElement[bool], ...]:
    """The slots at which a person reviews or has reviewed."""
    # Written out as well: `review_slots_once`.
    kind: ColumnElement[bool] = _ANY.c.kind != literal_column(f"'{ADJUDICATION}'")
    state: ColumnElement[bool] = _ANY.c.state != literal_column(f"'{VOID}'")
    return (_ANY.c.reviewer == person, kind, state)


@dataclass(frozen=True)
class _Free:
    """A submission that could have one more gold review; `made`: how many it has or had."""

    alias: str
    category: str | None
    made: int


def _pool(connection: Connection) -> list[_Free]:
    """The settled submissions with keys of which no drawn gold slot is open."""
    # These are few and the items are many: asked in one go, a database may begin at the wrong end.
    keyed = exists().where(GOLD.c.item == GOLD_ITEMS.c.item, GOLD.c.retired.is_(False))
    query = select(GOLD_ITEMS.c.item).where(GOLD_ITEMS.c.exam.is_(False), keyed).order_by(GOLD_ITEMS.c.item)
    known = [str(item) for item in connection.execute(query).scalars()]
    found: list[_Free] = []
    for begin in range(0, len(known), _AT_ONCE):
        some = known[begin : begin + _AT_ONCE]
        states = _states(connection, some)
        columns = (REVIEW_ITEMS.c.alias, REVIEW_ITEMS.c.category)
        settled = select(*columns).where(REVIEW_ITEMS.c.alias.in_(some), REVIEW_ITEMS.c.settled.is_not(None))
        found += [
            _Free(row.alias, row.category, len(states[row.alias]))
            for row in connection.execute(settled)
            if OPEN not in states[row.alias]
        ]
    return found


def _states(connection: Connection, items: Sequence[str]) -> dict[str, list[str]]:
    """Item -> the states of its drawn gold slots."""
    query = select(REVIEW_SLOTS.c.item, REVIEW_SLOTS.c.state).where(REVIEW_SLOTS.c.item.in_(items), *DRAWN)
    found: dict[str, list[str]] = {item: [] for item in items}
    for row in connection.execute(query):
        found[row.item].append(row.state)
    return found


def _hold_free(connection: Connection, item: str) -> bool:
    """Hold an item; False: somebody has opened a slot of it meanwhile."""
    connection.execute(select(REVIEW_ITEMS.c.alias).where(REVIEW_ITEMS.c.alias == item).with_for_update())
    return OPEN not in _states(connection, [item])[item]
