"""Slots: the reviews that a submission is to have, made with it and added later."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from grading.evaluations import Stage
from grading.items import Reviewing
from grading.tables import REVIEW_ITEMS, REVIEW_SLOTS

OPEN, CLAIMED, LOCKED, VOID = "open", "claimed", "locked", "void"
PRIMARY: Stage = "primary"
OVERLAP: Stage = "overlap"
GOLD: Stage = "gold"
ADJUDICATION: Stage = "adjudication"
STATES = (OPEN, CLAIMED, LOCKED, VOID)
KINDS: tuple[Stage, ...] = (PRIMARY, OVERLAP, GOLD, ADJUDICATION)
ADD_SLOTS = insert(REVIEW_SLOTS)


class Turn(StrEnum):
    """The first character of a slot's rank: slots of one turn come in the order of a hash."""

    required = "0"  # of a rework, of those who reviewed what came before
    begun = "1"  # of a submission that somebody has begun, so that it gets done
    usual = "5"
    decided = "8"  # checks have decided every criterion: nobody is sent there, whoever likes may go


_OF_PREVIOUS = (
    select(REVIEW_ITEMS.c.alias)
    .where((REVIEW_ITEMS.c.attempt_id == bindparam("name")) | (REVIEW_ITEMS.c.alias == bindparam("name")))
    .order_by(REVIEW_ITEMS.c.settled.desc().nulls_last(), REVIEW_ITEMS.c.alias)
    .limit(1)
)
_REVIEWERS = select(REVIEW_SLOTS.c.number, REVIEW_SLOTS.c.reviewer).where(
    REVIEW_SLOTS.c.item == bindparam("item"),
    REVIEW_SLOTS.c.kind == PRIMARY,
    REVIEW_SLOTS.c.state == LOCKED,
)


def instant(after: timedelta = timedelta()) -> str:
    """The time so long from now, ISO 8601 in UTC, to the millisecond."""
    return (datetime.now(UTC) + after).isoformat(timespec="milliseconds")


def rank_of(alias: str, turn: Turn = Turn.usual) -> str:
    """Where a slot stands in the queue: the same whoever asks, and nothing that follows from who made it."""
    return turn.value + sha256(f"rank/{alias}".encode()).hexdigest()[:12]


def drawn(item: str, what: str, probability: float) -> bool:
    """Whether chance wants it of an item: seeded by the item's own random alias, so that it falls once."""
    share = int.from_bytes(sha256(f"{what}/{item}".encode()).digest()[:6], "big") / (1 << 48)
    return share < probability


def slots_of(
    item: str, reviewing: Reviewing, *, turn: Turn = Turn.usual, required: dict[int, str] | None = None
) -> list[dict[str, Any]]:
    """The rows of the slots of a new item; the first has the item's own alias.

    Args:
        item: Its alias.
        reviewing: How many.
        turn: When it is its turn.
        required: Of a rework: number of a primary slot -> who is to have it.
    """
    required, until = required or {}, None
    if required:
        until = instant(timedelta(hours=reviewing.continuity_hours))
    rows = [
        _row(item, PRIMARY, number, None, Turn.required if number in required else turn)
        | {"required": required.get(number), "until": until if number in required else None}
        for number in range(1, reviewing.primary + 1)
    ]
    rows[0] |= {"alias": item, "rank": rank_of(item, Turn.required if 1 in required else turn)}
    if reviewing.overlap and drawn(item, OVERLAP, reviewing.overlap):
        rows.append(_row(item, OVERLAP, 1, reviewing.overlap, turn) | {"required": None, "until": None})
    return [row | {"qualified": reviewing.qualified or None} for row in rows]


def _row(item: str, kind: str, number: int, probability: float | None, turn: Turn) -> dict[str, Any]:
    alias = secrets.token_hex(8)[: max(len(item), 10)]  # as long as the item's own, which says who came first
    return {
        "alias": alias,
        "item": item,
        "kind": kind,
        "number": number,
        "probability": probability,
        "state": OPEN,
        "rank": rank_of(alias, turn),
    }


def previous_of(connection: Connection, name: str) -> tuple[str, dict[int, str]]:
    """The item that a rework follows, by its attempt's id or its alias, and who had which primary slot of it."""
    item: str | None = connection.execute(_OF_PREVIOUS, {"name": name}).scalar()
    if item is None:
        return name, {}
    rows = connection.execute(_REVIEWERS, {"item": item}).all()
    return item, {row.number: row.reviewer for row in rows if row.reviewer}


def add_slots(
    connection: Connection,
    item: str,
    kind: Stage,
    count: int = 1,
    *,
    probability: float | None = None,
    required: str | None = None,
    after: str | None = None,
) -> list[str]:
    """Further slots of an item that is there; returns their aliases.

    Args:
        connection: Of the caller's write transaction, which must hold the item (`with_for_update`).
        item: Its alias.
        kind: Of the slots. A primary one makes the item wait for it.
        count: How many.
        probability: Of their inclusion, where chance decided it.
        required: Whose they are alone.
        after: A rank after which they are to come; None: anywhere.
    """
    of_kind = (REVIEW_SLOTS.c.item == item, REVIEW_SLOTS.c.kind == kind)
    last = connection.execute(select(func.max(REVIEW_SLOTS.c.number)).where(*of_kind)).scalar() or 0
    state = connection.execute(select(REVIEW_ITEMS.c.state).where(REVIEW_ITEMS.c.alias == item)).scalar_one()
    turn = Turn.begun if kind == PRIMARY and state != "awaiting" else Turn.usual
    common = {"required": required, "qualified": _for_qualified(connection, item) if kind != GOLD else None}
    rows = [_row(item, kind, last + n, probability, turn) | common for n in range(1, count + 1)]
    if after is not None:
        rows = [row | {"rank": _rank_after(after, str(row["rank"]))} for row in rows]
    if rows:
        connection.execute(ADD_SLOTS, rows)
    return [str(row["alias"]) for row in rows]


def _for_qualified(connection: Connection, item: str) -> bool | None:
    """Whether reviews of an item are for who has qualified alone, as with those that it has."""
    asked = select(REVIEW_SLOTS.c.qualified).where(REVIEW_SLOTS.c.item == item, REVIEW_SLOTS.c.qualified.is_(True))
    return True if connection.execute(asked.limit(1)).scalar() else None


def _rank_after(first: str, drawn_rank: str) -> str:
    """A rank of the usual turn between `first` and the end, as far along as `drawn_rank` is of all."""
    begin, share = int(first[1:], 16) if first[0] == Turn.usual else 0, int(drawn_rank[1:], 16)
    return f"{drawn_rank[0]}{begin + ((share * ((1 << 48) - begin)) >> 48):012x}"


def give_to(connection: Connection, slots: Sequence[str], person: str | None) -> None:
    """Let open slots be somebody's alone, without an end; None: anybody's."""
    chosen = (REVIEW_SLOTS.c.alias.in_(slots), REVIEW_SLOTS.c.state == OPEN)
    connection.execute(update(REVIEW_SLOTS).where(*chosen).values(required=person, until=None))
