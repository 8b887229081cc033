"""The trials of a run a page at a time, each with its attempts."""

from __future__ import annotations

from itertools import groupby

from sqlalchemy import Select, func, select

from core import Database
from runs.ahead import ATTEMPT_ROWS, IN_THE_PLAN, attempts_by
from runs.rows import AttemptRow
from runs.tables import ATTEMPTS, TRIALS


def attempts_of(run: str) -> Select[str]:
    """Chooses the ids of all attempts of a run, within a statement on the same database."""
    return select(ATTEMPTS.c.id).where(ATTEMPTS.c.run == run)


def attempts_with_remarks() -> Select[str]:
    """Chooses the ids of all attempts, of every run, that went on from reviewers' remarks."""
    return select(ATTEMPTS.c.id).where(ATTEMPTS.c.arm == "feedback")


def count_trials(database: Database, run: str) -> int:
    """How many trials a run has."""
    query = select(func.count()).select_from(TRIALS).where(TRIALS.c.run == run)
    with database.read() as connection:
        return int(connection.execute(query).scalar_one())


def agents_of(database: Database, run: str) -> dict[str, str]:
    """Whose each attempt of a run is: id of the attempt -> name of the agent."""
    query = select(ATTEMPTS.c.id, TRIALS.c.agent).join(TRIALS, TRIALS.c.id == ATTEMPTS.c.trial)
    with database.read() as connection:
        rows = connection.execute(query.where(ATTEMPTS.c.run == run).order_by(*IN_THE_PLAN))
        return {str(attempt): str(agent) for attempt, agent in rows}


def trials_of(database: Database, run: str, *, skip: int, most: int) -> list[list[AttemptRow]]:
    """The attempts of some trials of a run in the order of the plan, by trial.

    Args:
        database: Of the project.
        run: Its whole id.
        skip: So many trials at the beginning are left out.
        most: So many trials at most.
    """
    some = select(TRIALS.c.id).where(TRIALS.c.run == run).order_by(TRIALS.c.position).offset(skip).limit(most)
    with database.read() as connection:
        chosen = list(connection.execute(some).scalars())
    found = attempts_by(database, ATTEMPT_ROWS.where(ATTEMPTS.c.trial.in_(chosen)).order_by(*IN_THE_PLAN))
    return [list(attempts) for _, attempts in groupby(found, key=lambda attempt: attempt.trial)]
