"""Later attempts: what a run's protocol adds to it once earlier attempts have ended and are judged.

Whoever executes a run asks for all of it (`add_attempts`). Whoever takes a verdict in asks for the one trial that
it is of (`go_on_after`), in the transaction that stores it: waiting for people is a state of rows, and no round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from core import Database
from grading import word_awaited
from runs.arms import ArmPlan, ArmRules, judged_trials, plan_arms
from runs.engine.port import Engine
from runs.options import QUEUE
from runs.plan import PlannedAttempt
from runs.records import HOLD_RUN, Records
from runs.rows import DONE, PLANNED, RUNNING, STOPPED, AttemptRow, RunRow
from runs.sheets import sheets_of
from runs.tables import ATTEMPTS, RUNS
from runs.trial import start_attempt
from runs.workplace import Workplace

_GO_ON = update(RUNS).where(RUNS.c.id == bindparam("run"))


def add_attempts(place: Workplace, *, since: str | None = None) -> ArmPlan:
    """Write down the attempts that are due by the run's protocol; asked again, only what is new.

    Args:
        place: Of the run.
        since: Only in trials of which an attempt has ended from that moment on (ISO 8601).
    """
    row = place.records.run(place.run_id)
    if not row.config.arms:
        return ArmPlan(planned=())
    executed = {agent.name for agent in row.config.executed}
    found = place.records.attempts(row.id) if since is None else _ended_since(place, since)
    attempts = [attempt for attempt in found if attempt.agent in executed]
    plan = _plan(place.database, row, attempts)
    place.records.add_attempts(plan.planned)
    return plan


def _plan(database: Database, row: RunRow, attempts: Sequence[AttemptRow]) -> ArmPlan:
    """What is due after some attempts of a run, whole trials each; what agents are to be told is fixed by it."""
    return plan_arms(
        attempts,
        judged_trials(database, row.id, attempts=attempts),
        ArmRules.of(row.config),
        rubrics={job: sheet.rubric for job, sheet in sheets_of(database, row.id).items()},
        awaited=word_awaited(database, [attempt.id for attempt in attempts]),
    )


def _ended_since(place: Workplace, since: str) -> list[AttemptRow]:
    """All attempts of the trials of a run of which one has ended since."""
    query = select(ATTEMPTS.c.trial).where(ATTEMPTS.c.run == place.run_id, ATTEMPTS.c.finished >= since).distinct()
    with place.database.read() as connection:
        trials = [str(row.trial) for row in connection.execute(query)]
    return [attempt for trial in trials for attempt in place.records.attempts_of_trial(trial)]


@dataclass(frozen=True)
class Following:
    """What follows from an attempt that has been judged.

    Attributes:
        run: Id of its run.
        due: Attempts that the run's protocol asks for now.
        started: Keys of their rounds. queue: Where these wait.
        held: State of a run that is not gone on with by itself (`stopped`, `interrupted` ...): what is due is made
            once somebody resumes it.
    """

    run: str
    due: tuple[str, ...] = ()
    started: tuple[str, ...] = ()
    queue: str | None = None
    held: str | None = None


@dataclass(frozen=True)
class _Run:
    """Where rounds of a run are started without its workplace."""

    run_id: str
    queue: str
    records: Records


def go_on_after(database: Database, engine: Engine, connection: Connection, attempt: str) -> Following:
    """Start what the protocol of an attempt's run asks for now that the attempt is judged.

    Looks at the attempt's trial alone. Asked again, or by several at one time, it starts what is new, once.

    Args:
        database: Of the project.
        engine: That carries rounds, prepared.
        connection: Of the transaction that stores the verdict: the round is there with it, or neither is.
        attempt: Id of the attempt.

    Raises:
        KeyError: There is no such attempt.
    """
    here = database.joined(connection)
    records = Records(here)
    run = records.attempt(attempt).run
    connection.execute(HOLD_RUN, {"run": run}).one()  # with it: whether the run goes on, and who executes it
    row = records.run(run)
    planned = _due(here, records, row, attempt)
    due = tuple(one.id for one in planned)
    if row.stop is not None or row.state not in (RUNNING, DONE):
        return Following(run, due, held=STOPPED if row.stop is not None else row.state)
    if not due:
        return Following(run)
    # What is under way goes on where it is. A run that is done has no process any more: workers go on with it.
    queue = QUEUE if row.queue is None or row.state == DONE else row.queue
    if row.state == DONE:
        connection.execute(_GO_ON.values(state=RUNNING, queue=queue), {"run": run})
    records.add_attempts(planned)
    owner, started = _Run(run, queue, records), []
    for name in due:
        seen = records.attempt(name)
        if seen.state == PLANNED and seen.round is None:  # else whoever executes the run saw the verdict as well
            started.append(start_attempt(owner, engine, connection, name, seen=seen))
    return Following(run, due, tuple(key for key in started if key is not None), queue)


def _due(here: Database, records: Records, row: RunRow, attempt: str) -> tuple[PlannedAttempt, ...]:
    """The attempts that are due in the trial of an attempt, in any of its arms."""
    if not row.config.arms:
        return ()
    attempts = records.attempts_of_trial(attempt)
    if attempts[0].agent not in {agent.name for agent in row.config.executed}:
        return ()
    return _plan(here, row, attempts).planned
