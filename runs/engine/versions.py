"""Rounds that an earlier version of UpBench left in the engine's tables are made rounds of this one.

The library gives a round only to processes of the version that queued it. What waits in a queue is therefore
stamped anew; and it begins at its first step, as what was kept of its steps may be of another shape by now.
Effects are idempotent: nothing is paid or written twice for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, delete, literal, select, update

if TYPE_CHECKING:
    from dbos._sys_db import SystemDatabase

AT_ONCE = 500
"""Rounds in one transaction: others wait for it."""

_WAITING = ("ENQUEUED", "DELAYED")


def earlier(version: str) -> list[str]:
    """The versions before this one: they are counted from 1. What a later one left is none of ours."""
    return [str(number) for number in range(1, int(version))]


def take_over_queued(tables: SystemDatabase, version: str, queues: Sequence[str]) -> int:
    """Make what earlier versions left in these queues this version's; how many rounds that were."""
    status, taken = tables.tables.workflow_status, 0
    for state in _WAITING if earlier(version) else ():
        of_state = status.c.status == literal(state, literal_execute=True)  # an index knows where that begins
        mine = (of_state, status.c.queue_name.in_(queues), status.c.application_version.in_(earlier(version)))
        some = select(status.c.workflow_uuid).where(*mine).limit(AT_ONCE)
        while True:
            with tables.engine.begin() as connection:
                keys = list(connection.execute(some).scalars())
            if not keys:
                break
            taken += take_over(tables, version, keys)
    return taken


def take_over(tables: SystemDatabase, version: str, keys: Sequence[str]) -> int:
    """Make those of these rounds this version's that wait in a queue and are of an earlier one; how many."""
    status, outputs, taken = tables.tables.workflow_status, tables.tables.operation_outputs, 0
    for begin in range(0, len(keys) if earlier(version) else 0, AT_ONCE):
        some: list[ColumnElement[bool]] = [
            status.c.workflow_uuid.in_(keys[begin : begin + AT_ONCE]),
            status.c.status.in_(_WAITING),  # not what somebody has taken out of its queue meanwhile
            status.c.application_version.in_(earlier(version)),
        ]
        stamped = update(status).where(*some).values(application_version=version)
        with tables.engine.begin() as connection:
            found = list(connection.execute(stamped.returning(status.c.workflow_uuid)).scalars())
            connection.execute(delete(outputs).where(outputs.c.workflow_uuid.in_(found)))
        taken += len(found)
    return taken
