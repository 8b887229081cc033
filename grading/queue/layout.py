"""Items that were published before there were slots: the tables as they are now, and the slots."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, inspect, select, text, update

from core import add_missing_columns, create_all
from grading.items import Reviewing, category_text
from grading.queue.slots import ADD_SLOTS, CLAIMED, LOCKED, Turn, instant, slots_of
from grading.queue.turn import decided_by_checks
from grading.tables import METADATA, REVIEW_DRAFTS, REVIEW_ITEMS, REVIEW_SHEETS, REVIEW_SLOTS

AT_ONCE = 500
_FILL_IN = (
    update(REVIEW_ITEMS)
    .where(REVIEW_ITEMS.c.alias == bindparam("item"))
    .values(job=bindparam("of_job"), category=bindparam("of_category"), settled=bindparam("since"))
)


def add_slots_to_all(connection: Connection) -> None:
    """The second migration: slots, one for each item, drafts by slots; a fresh database has all that already."""
    if REVIEW_SLOTS.name in inspect(connection).get_table_names():
        return
    add_missing_columns(REVIEW_ITEMS)(connection)
    old = f"{REVIEW_DRAFTS.name}_of_items"
    connection.execute(text(f"ALTER TABLE {REVIEW_DRAFTS.name} RENAME TO {old}"))
    create_all(METADATA)(connection)
    make_missing_slots(connection)
    names = "alias, reviewer, criterion, revision, body, ts"
    connection.execute(text(f"INSERT INTO {REVIEW_DRAFTS.name} ({names}) SELECT {names} FROM {old}"))  # noqa: S608
    connection.execute(text(f"DROP TABLE {old}"))


def make_missing_slots(connection: Connection) -> int:
    """Give each item that has no slot the one it had by being there; returns how many there were.

    A locked item was locked by its one reviewer, a claimed one is theirs to go on with or anybody's.
    """
    sheets: dict[str, dict[str, Any]] = {}
    made = 0
    slotless = ~exists().where(REVIEW_SLOTS.c.item == REVIEW_ITEMS.c.alias)
    while rows := connection.execute(select(REVIEW_ITEMS).where(slotless).limit(AT_ONCE)).all():
        wanted = {row.sheet for row in rows} - set(sheets)
        query = select(REVIEW_SHEETS).where(REVIEW_SHEETS.c.digest.in_(wanted))
        sheets |= {row.digest: json.loads(row.body) for row in connection.execute(query)}
        slots = [_slot_of(connection, row, sheets[row.sheet]) for row in rows]
        connection.execute(ADD_SLOTS, slots)
        connection.execute(_FILL_IN, [_filled_in(row, sheets[row.sheet]) for row in rows])
        made += len(rows)
    return made


def _slot_of(connection: Connection, row: Row[Any], sheet: dict[str, Any]) -> dict[str, Any]:
    decides = all(criterion.get("decides") for criterion in sheet["criteria"])
    decided = decides and decided_by_checks(
        connection, row.attempt_id, row.grading_digest, [criterion["id"] for criterion in sheet["criteria"]]
    )
    (slot,) = slots_of(row.alias, Reviewing(), turn=Turn.decided if decided else Turn.usual)
    held: dict[str, Any] = {"reviewer": None, "expires": None, "claimed": None, "locked": None}
    if row.reviewer and row.state == "claimed":
        held = {
            "state": CLAIMED,
            "reviewer": row.reviewer,
            "claimed": row.changed,
            "expires": instant(),
            "locked": None,
        }
    elif row.reviewer and row.state == "locked":
        held = {
            "state": LOCKED,
            "reviewer": row.reviewer,
            "claimed": row.changed,
            "expires": None,
            "locked": row.changed,
        }
    return slot | held


def _filled_in(row: Row[Any], sheet: dict[str, Any]) -> dict[str, Any]:
    since = row.settled or (row.changed if row.state == "locked" else None)
    job, category = row.job or sheet["job"], row.category or category_text(sheet.get("category", ()))
    return {"item": row.alias, "of_job": job, "of_category": category, "since": since}
