"""The attempts of a run one after the other, in pieces: however many there are, few are in memory at one time."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from core import Cause, Database
from runs.ahead import ATTEMPT_ROWS, IN_THE_PLAN, attempts_by
from runs.records import Records
from runs.rows import AttemptRow, ExecutionRow
from runs.tables import ATTEMPTS, TRIALS

AT_ONCE = 200

Listed = tuple[AttemptRow, list[ExecutionRow]]
"""An attempt with its executions, in order."""


def list_attempts(database: Database, run: str, *, most: int | None = None, odd: bool = False) -> Iterator[Listed]:
    """The attempts of a run in the order of the plan, each with its executions.

    Only their ids are read at once; the rest comes in pieces, each in a transaction of its own, so that whoever
    prints them may take their time.

    Args:
        database: Of the project.
        run: Its whole id.
        most: No more than so many; None: all.
        odd: Only those that have ended for another cause than that they handed in.
    """
    query = select(ATTEMPTS.c.id).join(TRIALS, TRIALS.c.id == ATTEMPTS.c.trial).where(ATTEMPTS.c.run == run)
    if odd:
        query = query.where(ATTEMPTS.c.cause != Cause.submitted.value)
    with database.read() as connection:
        names = list(connection.execute(query.order_by(*IN_THE_PLAN).limit(most)).scalars())
    records = Records(database)
    for begin in range(0, len(names), AT_ONCE):
        some = names[begin : begin + AT_ONCE]
        executions = records.executions_of(some)
        for attempt in attempts_by(database, ATTEMPT_ROWS.where(ATTEMPTS.c.id.in_(some)).order_by(*IN_THE_PLAN)):
            yield attempt, executions[attempt.id]
