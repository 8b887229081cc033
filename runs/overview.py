"""A run at a glance: counts and sums by a few statements, whatever the run's size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, String, Subquery, case, func, literal, or_, select, tuple_

from core import CallTotals, Cause, Database, StoreFault, call_totals
from runs.rows import DONE, PLANNED, RUNNING, DamagedRun, RunRow, read_cause, sound_run
from runs.tables import ATTEMPTS, EXECUTIONS, RUNS, TRIALS

RECENT = timedelta(minutes=10)
"""The rate of a run is that of this time."""

WORK, JUDGES = "work", "judges"


@dataclass(frozen=True)
class AttemptCounts:
    """How far the attempts of a run are.

    Attributes:
        states: Attempts by state. causes: Ended attempts by cause.
        recent: How many ended lately. since: When the first of those did; None where there is none.
        last: When the last one ended.
    """

    states: Mapping[str, int] = field(default_factory=dict)
    causes: Mapping[Cause, int] = field(default_factory=dict)
    recent: int = 0
    since: datetime | None = None
    last: datetime | None = None

    @property
    def total(self) -> int:
        """All attempts."""
        return sum(self.states.values())

    def per_minute(self, at: datetime) -> float | None:
        """Attempts that ended in a minute, lately; None while too few have."""
        if self.since is None or self.recent < 2:
            return None
        seconds = (at - self.since).total_seconds()
        return (self.recent - 1) * 60 / seconds if seconds > 0 else None


def _of(run: str) -> Subquery:
    return select(ATTEMPTS).where(ATTEMPTS.c.run == run).subquery("mine")


def count_attempts(database: Database, run: str, at: datetime | None = None) -> AttemptCounts:
    """Count the attempts of a run: one statement."""
    lately = ((at or datetime.now(UTC)) - RECENT).isoformat(timespec="milliseconds")
    mine = _of(run)
    recent = case((mine.c.finished >= lately, mine.c.finished))
    query = select(
        mine.c.state,
        mine.c.cause,
        func.count().label("number"),
        func.count(recent).label("recent"),
        func.min(recent).label("since"),
        func.max(mine.c.finished).label("last"),
    ).group_by(mine.c.state, mine.c.cause)
    states: dict[str, int] = {}
    causes: dict[Cause, int] = {}
    first: list[str] = []
    last: list[str] = []
    number = 0
    with database.read() as connection:
        for row in connection.execute(query):
            states[row.state] = states.get(row.state, 0) + row.number
            if row.state == DONE and (cause := read_cause(row.cause)) is not None:
                causes[cause] = causes.get(cause, 0) + row.number
            number += row.recent
            first += [row.since] if row.since else []
            last += [row.last] if row.last else []
    return AttemptCounts(
        states,
        causes,
        number,
        since=datetime.fromisoformat(min(first)) if first else None,
        last=datetime.fromisoformat(max(last)) if last else None,
    )


def count_arms(database: Database, run: str) -> dict[str, int]:
    """The attempts of a run by arm: one statement."""
    query = select(ATTEMPTS.c.arm, func.count()).where(ATTEMPTS.c.run == run).group_by(ATTEMPTS.c.arm)
    with database.read() as connection:
        return {str(arm): int(number) for arm, number in connection.execute(query.order_by(ATTEMPTS.c.arm))}


def newest_runs(database: Database, most: int, *, owner: str | None = None) -> list[RunRow | DamagedRun]:
    """The newest runs, at most `most`; with `owner` only that user's, and those of whom nobody knows the owner.

    One that is damaged hides no other.
    """
    query = select(RUNS).order_by(RUNS.c.created.desc(), RUNS.c.id.desc()).limit(most)
    if owner is not None:
        query = query.where(or_(RUNS.c.owner == owner, RUNS.c.owner.is_(None)))
    with database.read() as connection:
        return [_sound_or_damaged(row) for row in connection.execute(query)]


def _sound_or_damaged(row: Row[Any]) -> RunRow | DamagedRun:
    try:
        return sound_run(row)
    except StoreFault:
        return DamagedRun(row.id, row.created, row.owner)


def count_by_run(database: Database, runs: Sequence[str]) -> dict[str, dict[str, int]]:
    """The attempts of some runs by state: one statement, which looks at no other run."""
    query = (
        select(ATTEMPTS.c.run, ATTEMPTS.c.state, func.count())
        .where(ATTEMPTS.c.run.in_(runs))
        .group_by(ATTEMPTS.c.run, ATTEMPTS.c.state)
    )
    found: dict[str, dict[str, int]] = {}
    with database.read() as connection:
        for run, state, number in connection.execute(query):
            found.setdefault(run, {})[state] = number
    return found


def told_dollars(database: Database, agents: Mapping[str, Iterable[str]]) -> dict[str, float]:
    """What was told that work cost which was done elsewhere: one statement.

    Args:
        database: Of the project.
        agents: Of each run, the names of those who did it.
    """
    named = [(run, name) for run, names in agents.items() for name in names]
    if not named:
        return {}
    query = (
        select(TRIALS.c.run, func.sum(EXECUTIONS.c.dollars))
        .join(ATTEMPTS, ATTEMPTS.c.id == EXECUTIONS.c.attempt)
        .join(TRIALS, TRIALS.c.id == ATTEMPTS.c.trial)
        .where(TRIALS.c.run.in_(list(agents)), tuple_(TRIALS.c.run, TRIALS.c.agent).in_(named))
        .group_by(TRIALS.c.run)
    )
    with database.read() as connection:
        return {run: float(dollars or 0.0) for run, dollars in connection.execute(query)}


def seconds_of_run(database: Database, run: str) -> float:
    """The work of all executions of a run, added up: one statement."""
    mine = _of(run)
    query = select(func.sum(EXECUTIONS.c.seconds)).join(mine, mine.c.id == EXECUTIONS.c.attempt)
    with database.read() as connection:
        return float(connection.execute(query).scalar_one() or 0.0)


@dataclass(frozen=True)
class AtWork:
    """An attempt at work, and since when its execution is (ISO 8601)."""

    trial: str
    agent: str
    job: str
    repeat: int
    k: int
    e: int
    started: str


def attempts_at_work(database: Database, run: str, limit: int) -> list[AtWork]:
    """Those of a run that are at work, longest first, at most `limit` of them: one statement."""
    query = (
        select(
            TRIALS.c.id.label("trial"),
            TRIALS.c.agent,
            TRIALS.c.job,
            TRIALS.c.repeat,
            ATTEMPTS.c.k,
            EXECUTIONS.c.e,
            EXECUTIONS.c.started,
        )
        .join(ATTEMPTS, ATTEMPTS.c.trial == TRIALS.c.id)
        .join(EXECUTIONS, EXECUTIONS.c.attempt == ATTEMPTS.c.id)
        .where(ATTEMPTS.c.run == run, ATTEMPTS.c.state == RUNNING, EXECUTIONS.c.cause.is_(None))
        .order_by(EXECUTIONS.c.started, ATTEMPTS.c.id)
        .limit(limit)
    )
    with database.read() as connection:
        return [AtWork(**row._mapping) for row in connection.execute(query)]


def totals_of_run(database: Database, run: str) -> tuple[CallTotals, CallTotals]:
    """What the model calls of a run's agents, and of its judges, used and cost: two statements."""
    mine = _of(run)

    def keys(group: str, ending: str) -> Select[str, str]:
        return select(literal(group, String).label("name"), mine.c.id.concat(ending).label("prefix"))

    both = keys(WORK, ".e").union_all(keys(JUDGES, "/judge/")).subquery("both")
    found = call_totals(database, select(both.c.name, both.c.prefix))
    return found.get(WORK, CallTotals()), found.get(JUDGES, CallTotals())


@dataclass(frozen=True)
class OpenCount:
    """How many attempts of a run that is going on are in some state; `queue`: where its rounds wait."""

    run: str
    queue: str
    state: str
    number: int


def count_open(database: Database) -> list[OpenCount]:
    """Of all runs that are going on: one statement."""
    mine = RUNS.join(ATTEMPTS, ATTEMPTS.c.run == RUNS.c.id)
    query = (
        select(RUNS.c.id, func.coalesce(RUNS.c.queue, ""), ATTEMPTS.c.state, func.count())
        .select_from(mine)
        .where(RUNS.c.state.in_((PLANNED, RUNNING)))
        .group_by(RUNS.c.id, RUNS.c.queue, ATTEMPTS.c.state)
    )
    with database.read() as connection:
        return [OpenCount(*row) for row in connection.execute(query)]
