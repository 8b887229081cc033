"""What of a run is still ahead, read in bounded pieces: a large run is started bit by bit."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, case, func, select

from core import Cause, Database, cause_row
from runs.rows import DONE, PLANNED, RUNNING, AttemptRow, attempt_row
from runs.tables import ATTEMPTS, RUNS, TRIALS

_GRADED = [cause.value for cause in Cause if cause_row(cause).graded]
ATTEMPT_ROWS = select(ATTEMPTS, TRIALS.c.agent, TRIALS.c.job, TRIALS.c.repeat).join(
    TRIALS, TRIALS.c.id == ATTEMPTS.c.trial
)
IN_THE_PLAN = (TRIALS.c.position, ATTEMPTS.c.k, ATTEMPTS.c.arm)
_BEGUN_FIRST = case((ATTEMPTS.c.state == RUNNING, 0), else_=1)


def unstarted(database: Database, run: str, limit: int, *, begin: int = 0) -> tuple[list[AttemptRow], int]:
    """The next attempts of a run that wait for their first round, in the order of the plan.

    Args:
        database: The project's.
        run: Its id.
        limit: So many at most.
        begin: A position in the plan before which none is thought to be left: what was started is not gone through
            again each time. Where too few are found after it, they are looked for before it as well.

    Returns:
        The attempts, and where to begin the next time.
    """
    waiting = (ATTEMPTS.c.run == run, ATTEMPTS.c.state == PLANNED, ATTEMPTS.c.rounds == 0)
    query = ATTEMPT_ROWS.add_columns(TRIALS.c.position).where(TRIALS.c.run == run, *waiting)
    query = query.order_by(*IN_THE_PLAN).limit(limit)
    with database.read() as connection:
        rows = connection.execute(query.where(TRIALS.c.position >= begin)).all()
        if begin and len(rows) < limit:
            rows = connection.execute(query).all()
    return [attempt_row(row) for row in rows], rows[-1].position if rows else 0


def undone(database: Database, run: str, *, after: str = "", limit: int = 500) -> list[AttemptRow]:
    """Attempts of a run that have not ended and have a round, by id, from the one after `after` on."""
    waiting = (ATTEMPTS.c.run == run, ATTEMPTS.c.state.in_((PLANNED, RUNNING)), ATTEMPTS.c.rounds > 0)
    # Picked along the index of what is under way, of which there is never much; left to itself the server goes
    # through all attempts by their ids until it has found so many.
    going = select(ATTEMPTS.c.id).where(*waiting, ATTEMPTS.c.id > after).cte("going")
    going = going.prefix_with("MATERIALIZED", dialect="postgresql")
    some = select(going.c.id).order_by(going.c.id).limit(limit)
    return attempts_by(database, ATTEMPT_ROWS.where(ATTEMPTS.c.id.in_(some)).order_by(ATTEMPTS.c.id))


def handed_over(database: Database, queue: str) -> list[str]:
    """Ids of the runs that wait in a queue and have not ended."""
    query = select(RUNS.c.id).where(RUNS.c.queue == queue, RUNS.c.state == RUNNING).order_by(RUNS.c.id)
    with database.read() as connection:
        return [str(row.id) for row in connection.execute(query)]


def count_queued(database: Database, run: str, limit: int) -> int:
    """How many attempts of a run wait for a worker; those beyond `limit` are not counted."""
    queued = (ATTEMPTS.c.run == run, ATTEMPTS.c.state == PLANNED, ATTEMPTS.c.rounds > 0)
    some = select(ATTEMPTS.c.id).where(*queued).limit(limit).subquery()
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def before_the_rest(database: Database, run: str, agent: str, limit: int) -> list[AttemptRow]:
    """What the preflight of an agent depends on: nothing where one of its attempts passed.

    Returns:
        At most `limit` of its attempts that have ended, and as many of those that have not: those at work first,
        then in the order of the plan.
    """
    mine = and_(ATTEMPTS.c.run == run, TRIALS.c.agent == agent)
    ended = ATTEMPT_ROWS.where(mine, ATTEMPTS.c.state == DONE)
    if attempts_by(database, ended.where(ATTEMPTS.c.cause.in_(_GRADED)).limit(1)):
        return []
    ahead = ATTEMPT_ROWS.where(mine, ATTEMPTS.c.state.in_((PLANNED, RUNNING))).order_by(_BEGUN_FIRST, *IN_THE_PLAN)
    return attempts_by(database, ended.order_by(*IN_THE_PLAN).limit(limit)) + attempts_by(
        database, ahead.limit(limit)
    )


def attempts_by(database: Database, query: Any) -> list[AttemptRow]:
    """The attempts that a query made of `ATTEMPT_ROWS` finds."""
    with database.read() as connection:
        return [attempt_row(row) for row in connection.execute(query)]
