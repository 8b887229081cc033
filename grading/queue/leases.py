"""Leases: a slot is at one reviewer's desk for twenty minutes at a time, taken by one statement."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Update,
    and_,
    bindparam,
    delete,
    exists,
    func,
    select,
    update,
)

from core import insert_new
from grading.book import now
from grading.people.person import Person
from grading.queue.gold import one_more
from grading.queue.open_to import HELD, filters, is_lapsed, open_to
from grading.queue.slots import CLAIMED, GOLD, LOCKED, OPEN, PRIMARY, Turn, instant
from grading.tables import REVIEW_DRAFTS, REVIEW_ITEMS, REVIEW_SLOTS

LEASE = timedelta(minutes=20)

_HOLD = insert_new(REVIEW_DRAFTS)
_BEGIN = (
    update(REVIEW_ITEMS)
    .where(REVIEW_ITEMS.c.alias == bindparam("item"), REVIEW_ITEMS.c.state == "awaiting")
    .values(state="claimed", changed=bindparam("at"))
)
# Whoever is at another slot of the item holds that, and waits for the item: it is left out, or both would wait.
_OTHERS = (
    select(REVIEW_SLOTS.c.alias)
    .where(
        REVIEW_SLOTS.c.item == bindparam("of_item"),
        REVIEW_SLOTS.c.kind == PRIMARY,
        REVIEW_SLOTS.c.state == OPEN,
        func.substr(REVIEW_SLOTS.c.rank, 1, 1) >= Turn.usual.value,  # so that it is not looked up by rank
    )
    .with_for_update(skip_locked=True)
)
_HURRY = (
    update(REVIEW_SLOTS)
    .where(REVIEW_SLOTS.c.alias.in_(_OTHERS))
    .values(rank=Turn.begun.value + func.substr(REVIEW_SLOTS.c.rank, 2))
)


def take_next(connection: Connection, person: Person, *, after: str | None = None) -> tuple[str, bool] | None:
    """The alias of the slot that a person is to go on with, and whether it became theirs only now.

    First what they have in hand already, then what is most wanted: submissions that others have begun, then the
    order of the hash. None: there is nothing for them.

    Args:
        connection: Of a write transaction.
        person: Who asks.
        after: A slot that they are at, and that is not meant.
    """
    own = connection.execute(_in_hand(person, after).limit(1)).scalar()
    if own is not None:
        renew(connection, person, own)
        return str(own), False
    for which in _next_open(person, after):
        first = which.with_for_update(of=REVIEW_SLOTS, skip_locked=True)
        taken = connection.execute(_take(person, REVIEW_SLOTS.c.alias == first.scalar_subquery())).one_or_none()
        if taken is not None:
            return _taken(connection, person, taken), True
    return None


def take(connection: Connection, person: Person, alias: str) -> bool:
    """Take this slot, if it is open to the person; False: it is not."""
    this = select(REVIEW_SLOTS.c.alias).select_from(WITH_ITEM)
    this = this.where(REVIEW_SLOTS.c.alias == alias, open_to(person, instant())).with_for_update(of=REVIEW_SLOTS)
    taken = connection.execute(_take(person, REVIEW_SLOTS.c.alias == this.scalar_subquery())).one_or_none()
    if taken is None:
        return False
    _taken(connection, person, taken)
    return True


def renew(connection: Connection, person: Person, alias: str) -> str | None:
    """Let a person have a slot of theirs for the full time again, also after it was over; returns until when.

    None: it is not theirs.
    """
    held = and_(REVIEW_SLOTS.c.alias == alias, *_mine(person))
    renewed = update(REVIEW_SLOTS).where(held).values(expires=instant(LEASE)).returning(REVIEW_SLOTS.c.expires)
    expires: str | None = connection.execute(renewed).scalar()
    return expires


def release(connection: Connection, person: Person, alias: str) -> bool:
    """Give a slot back; drafts stay. False: it was not theirs."""
    given = (
        update(REVIEW_SLOTS)
        .where(REVIEW_SLOTS.c.alias == alias, *_mine(person))
        .values(state=OPEN, reviewer=None, expires=None, claimed=None)
        .returning(REVIEW_SLOTS.c.item)
    )
    item = connection.execute(given).scalar()
    marks = (
        REVIEW_DRAFTS.c.alias == alias,
        REVIEW_DRAFTS.c.reviewer == person.id,
        REVIEW_DRAFTS.c.criterion == HELD,
    )
    connection.execute(delete(REVIEW_DRAFTS).where(*marks))
    if item is None:
        return False
    _nobody_has_begun(connection, [str(item)])
    return True


def release_all(connection: Connection, person: str) -> int:
    """Take back every slot that a person has in hand or awaits, as when their account is closed; drafts stay.

    Returns how many they had in hand.
    """
    required = (REVIEW_SLOTS.c.required == person, REVIEW_SLOTS.c.state != LOCKED)
    connection.execute(update(REVIEW_SLOTS).where(*required).values(required=None, until=None))
    held = (REVIEW_SLOTS.c.reviewer == person, REVIEW_SLOTS.c.state == CLAIMED)
    free = {"state": OPEN, "reviewer": None, "expires": None, "claimed": None}
    items = connection.execute(
        update(REVIEW_SLOTS).where(*held).values(**free).returning(REVIEW_SLOTS.c.item)
    ).scalars()
    given = [str(item) for item in items]
    _nobody_has_begun(connection, given)
    return len(given)


def coming(connection: Connection, person: Person, *, after: str | None = None) -> str | None:
    """As `take_next`, without taking it."""
    own = connection.execute(_in_hand(person, after).limit(1)).scalar()
    for which in () if own else _next_open(person, after):
        own = own or connection.execute(which).scalar()
    return None if own is None else str(own)


def note_begun(connection: Connection, person: str, alias: str, item: str) -> None:
    """What else is true once a person has a slot."""
    body = {"alias": alias, "reviewer": person, "criterion": HELD, "revision": 1, "body": "{}", "ts": now()}
    connection.execute(_HOLD, body)
    connection.execute(_BEGIN, {"item": item, "at": now()})
    connection.execute(_HURRY, {"of_item": item})


WITH_ITEM = REVIEW_SLOTS.join(REVIEW_ITEMS, REVIEW_ITEMS.c.alias == REVIEW_SLOTS.c.item)


def _next_open(person: Person, after: str | None) -> Iterator[Select[Any]]:
    """Find the slot that a person would be given next, of those that somebody is needed for.

    First what somebody has begun and left. Each is read along an index, from its first row on.
    """
    at = instant()
    for free in (is_lapsed(at), REVIEW_SLOTS.c.state == OPEN):
        query = select(REVIEW_SLOTS.c.alias).select_from(WITH_ITEM)
        query = query.where(free, *filters(person, at), REVIEW_SLOTS.c.rank < Turn.decided.value)
        if after is not None:
            query = query.where(REVIEW_SLOTS.c.alias != after)
        yield query.order_by(REVIEW_SLOTS.c.rank).limit(1)


def _mine(person: Person) -> tuple[ColumnElement[bool], ...]:
    return (REVIEW_SLOTS.c.reviewer == person.id, REVIEW_SLOTS.c.state == CLAIMED)


def _in_hand(person: Person, after: str | None) -> Select[Any]:
    query = select(REVIEW_SLOTS.c.alias).where(*_mine(person))
    if after is not None:
        query = query.where(REVIEW_SLOTS.c.alias != after)
    return query.order_by(REVIEW_SLOTS.c.claimed, REVIEW_SLOTS.c.rank)


def _take(person: Person, which: ColumnElement[bool]) -> Any:
    values: dict[str, Any] = {
        "state": CLAIMED,
        "reviewer": person.id,
        "claimed": instant(),
        "expires": instant(LEASE),
    }
    taking: Update = update(REVIEW_SLOTS).where(which).values(**values)
    return taking.returning(*(REVIEW_SLOTS.c[name] for name in ("alias", "item", "kind", "rank", "probability")))


def _taken(connection: Connection, person: Person, row: Row[Any]) -> str:
    note_begun(connection, person.id, row.alias, row.item)
    if row.kind == GOLD and row.probability is not None:
        one_more(connection, after=row.rank)
    return str(row.alias)


def _nobody_has_begun(connection: Connection, items: list[str]) -> None:
    begun = exists().where(
        REVIEW_SLOTS.c.item == REVIEW_ITEMS.c.alias, REVIEW_SLOTS.c.state.in_((CLAIMED, LOCKED))
    )
    for start in range(0, len(items), 500):
        some = REVIEW_ITEMS.c.alias.in_(items[start : start + 500])
        back = update(REVIEW_ITEMS).where(some, REVIEW_ITEMS.c.state == "claimed", ~begun)
        connection.execute(back.values(state="awaiting", changed=now()))
