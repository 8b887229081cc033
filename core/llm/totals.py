"""Totals of the call journal for many groups of calls at once: two statements, however many groups there are."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Subquery, Table, and_, case, collate, func, select

from core.llm.ledger import TOKEN_KINDS, CallTotals
from core.llm.protocol import Usage
from core.llm.tables import CALLS, WASTE
from core.store.database import Database

RECEIVED = "received"
_LAST = "\U0010ffff"


def call_totals(database: Database, groups: Select[Any]) -> dict[str, CallTotals]:
    """What groups of calls used and cost; a group without calls is not in it.

    Args:
        database: Holds the journal, and what `groups` selects from.
        groups: Selects rows of (`name`, `prefix`): the group's name, and a prefix of keys that belong to it. A
            prefix should end with a character that ends a part of a key, as those of `CallJournal.usage_of` do.
    """
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    with database.read() as connection:
        chosen = groups.subquery("groups")
        counted = _sums(CALLS, chosen, connection.dialect.name, CALLS.c.state)
        for row in connection.execute(counted):
            found[row.group][row.state] = row
        estimated = func.sum(case((WASTE.c.estimated.is_not(None), WASTE.c.dollars)))
        more = (func.sum(WASTE.c.estimated).label("estimated"), estimated.label("guessed"))
        for row in connection.execute(_sums(WASTE, chosen, connection.dialect.name).add_columns(*more)):
            found[row.group]["wasted"] = row
    return {name: _totals(rows) for name, rows in found.items()}


def _sums(table: Table, chosen: Subquery, dialect: str, *by: ColumnElement[Any]) -> Select[Any]:
    columns = [func.sum(table.c[name]).label(name) for name in (*TOKEN_KINDS, "dollars", "seconds", "waited")]
    return (
        select(
            chosen.c.name.label("group"),
            *by,
            func.count().label("number"),
            func.count(table.c.dollars).label("priced"),
            *columns,
        )
        .select_from(chosen.join(table, _within(table, chosen.c.prefix, dialect)))
        .group_by(chosen.c.name, *by)
    )


def _within(table: Table, prefix: ColumnElement[Any], dialect: str) -> ColumnElement[bool]:
    """Keys that begin with the prefix, as a range that the index serves."""
    if dialect == "postgresql":  # keys are ordered by their bytes, other columns by the database's language
        prefix = collate(prefix, "C")
    return and_(table.c.key >= prefix, table.c.key < prefix.concat(_LAST))


def _totals(rows: dict[str, Row[Any]]) -> CallTotals:
    received, wasted = rows.get(RECEIVED), rows.get("wasted")
    sums = [row for row in (received, wasted) if row is not None]
    return CallTotals(
        calls=received.number if received else 0,
        failed=rows["failed"].number if "failed" in rows else 0,
        open=rows["started"].number if "started" in rows else 0,
        usage=_usage(received),
        dollars=sum(row.dollars or 0.0 for row in sums),
        unpriced_calls=sum(row.number - row.priced for row in sums),
        wasted_tries=wasted.number if wasted else 0,
        wasted_usage=_usage(wasted),
        wasted_dollars=(wasted.dollars or 0.0) if wasted else 0.0,
        estimated_calls=(wasted.estimated or 0) if wasted else 0,
        estimated_dollars=(wasted.guessed or 0.0) if wasted else 0.0,
        seconds=sum(row.seconds or 0.0 for row in sums),
        waited=sum(row.waited or 0.0 for row in rows.values()),
    )


def _usage(row: Row[Any] | None) -> Usage:
    return Usage() if row is None else Usage(**{kind: getattr(row, kind) or 0 for kind in TOKEN_KINDS})
