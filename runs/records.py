"""Reading and writing the rows of runs. Nothing is ever deleted; every write is idempotent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Update, bindparam, func, insert, or_, select, update

from core import BadInput, Cause, Database, Overtaken, Submission, insert_new
from jobs import Job
from runs.keys import attempt_id, execution_id, now, user
from runs.options import RunOptions, Stop
from runs.plan import PlannedAttempt, PlannedTrial, RunConfig
from runs.rows import (
    DONE,
    PLANNED,
    RUNNING,
    AttemptRow,
    ExecutionRow,
    RunRow,
    Standing,
    attempt_row,
    execution_row,
    read_cause,
    sound_run,
)
from runs.sheets import add_sheets
from runs.tables import ATTEMPTS, EXECUTIONS, RUNS, TRIALS

# The statements of the hot path are made once: building one costs more than carrying it out.
_LAST_EXECUTION = (
    select(EXECUTIONS.c.id, EXECUTIONS.c.e, EXECUTIONS.c.cause, EXECUTIONS.c.collected)
    .where(EXECUTIONS.c.attempt == bindparam("attempt"))
    .order_by(EXECUTIONS.c.e.desc())
    .limit(1)
)
_ATTEMPT = (
    select(ATTEMPTS, TRIALS.c.agent, TRIALS.c.job, TRIALS.c.repeat)
    .join(TRIALS, TRIALS.c.id == ATTEMPTS.c.trial)
    .where(ATTEMPTS.c.id == bindparam("attempt"))
    .with_for_update(of=ATTEMPTS)
)
_CAUSE = select(EXECUTIONS.c.cause).where(EXECUTIONS.c.id == bindparam("execution"))
_WORK = select(EXECUTIONS.c.result, EXECUTIONS.c.collected).where(EXECUTIONS.c.id == bindparam("execution"))
HOLD_RUN = select(RUNS.c.id).where(RUNS.c.id == bindparam("run")).with_for_update()
_STANDING = select(RUNS.c.state, RUNS.c.stop, RUNS.c.started).where(RUNS.c.id == bindparam("run"))
_CAUSES_SINCE = (
    select(ATTEMPTS.c.cause, func.count())
    .where(ATTEMPTS.c.run == bindparam("run"), ATTEMPTS.c.finished >= bindparam("since"))
    .group_by(ATTEMPTS.c.cause)
)
_NEWEST_FIRST = select(RUNS).order_by(RUNS.c.created.desc(), RUNS.c.id.desc())
_HELD = select(ATTEMPTS.c.rounds, ATTEMPTS.c.round, ATTEMPTS.c.state).with_for_update()
_HOLD_ATTEMPT = _HELD.where(ATTEMPTS.c.id == bindparam("attempt"))
_ADD_EXECUTION = insert(EXECUTIONS)
_SET_EXECUTION = update(EXECUTIONS).where(EXECUTIONS.c.id == bindparam("key"))
_SET_OPEN = _SET_EXECUTION.where(EXECUTIONS.c.cause.is_(None))
_SET_ATTEMPT = update(ATTEMPTS).where(ATTEMPTS.c.id == bindparam("key"))
_SET_RUN = update(RUNS).where(RUNS.c.id == bindparam("key"))


class Records:
    """The rows of runs in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_run(
        self,
        run_id: str,
        config: RunConfig,
        pack_root: Path,
        trials: Sequence[PlannedTrial],
        jobs: Iterable[Job],
        *,
        options: RunOptions | None = None,
        **more: str | None,
    ) -> None:
        """Write a run with its jobs' sheets, its trials and their first attempts, all or nothing.

        Args:
            run_id: Its new id.
            config: What it measures.
            pack_root: Where its pack lies.
            trials: Its plan.
            jobs: Its jobs.
            options: How it is executed.
            more: `owner`, `queue` and `pack` of `RunRow`.
        """
        with self._database.write() as connection:
            connection.execute(
                insert(RUNS).values(
                    id=run_id,
                    created=now(),
                    pack_root=str(pack_root.absolute()),
                    config=config.model_dump_json(),
                    state=PLANNED,
                    options=(options or RunOptions()).model_dump_json(),
                    **more,
                )
            )
            add_sheets(connection, run_id, jobs)
            _insert_trials(connection, run_id, trials, first=0)

    def regrade_by(self, run_id: str, job: Job) -> None:
        """From now on the job's verdicts of record are read by its present rubric and checks."""
        with self._database.write() as connection:
            connection.execute(HOLD_RUN, {"run": run_id})
            add_sheets(connection, run_id, [job])

    def add_trial(self, run_id: str, config: RunConfig, trial: PlannedTrial) -> None:
        """Add a trial at the end of a run's plan; `config` is the run's, with the trial's agent and job."""
        with self._database.write() as connection:
            connection.execute(HOLD_RUN, {"run": run_id})
            position = connection.execute(
                select(func.count()).select_from(TRIALS).where(TRIALS.c.run == run_id)
            ).scalar_one()
            connection.execute(_SET_RUN, {"key": run_id, "config": config.model_dump_json()})
            _insert_trials(connection, run_id, [trial], first=position)

    def add_attempts(self, attempts: Iterable[PlannedAttempt]) -> None:
        """Add later attempts to their trials; those that are there stay as they are."""
        rows = [{"remarks": None} | attempt.row() for attempt in attempts]
        if rows:
            with self._database.write() as connection:
                connection.execute(insert_new(ATTEMPTS), rows)

    def extend(self, run_id: str, config: RunConfig) -> None:
        """From now on later attempts are made as `config` says."""
        self._write(_SET_RUN, {"key": run_id, "config": config.model_dump_json()})

    def set_run_state(self, run_id: str, state: str) -> None:
        """Set a run's state."""
        self._write(_SET_RUN, {"key": run_id, "state": state})

    def stop(self, run_id: str, stop: Stop) -> bool:
        """Let nothing more of a run be begun; False where it was stopped before: the first reason stays."""
        query = update(RUNS).where(RUNS.c.id == run_id, RUNS.c.stop.is_(None)).values(stop=stop.model_dump_json())
        with self._database.write() as connection:
            return connection.execute(query).rowcount > 0

    def go_on(self, run_id: str, options: RunOptions, queue: str) -> None:
        """A run is begun, or resumed: it is executed so, its rounds wait there, and nothing stops it any more."""
        standing = {"state": RUNNING, "stop": None, "started": now()}
        self._write(_SET_RUN, {"key": run_id, "options": options.model_dump_json(), "queue": queue, **standing})

    def set_pack(self, run_id: str, pack: str) -> None:
        """From now on that snapshot of the pack is the run's."""
        self._write(_SET_RUN, {"key": run_id, "pack": pack})

    def stop_of(self, run_id: str) -> Stop | None:
        """Why nothing more of a run is begun."""
        return self.standing_of(run_id).stop

    def standing_of(self, run_id: str) -> Standing:
        """How a run stands now: what whoever governs it looks at all the time."""
        with self._database.read() as connection:
            row = connection.execute(_STANDING, {"run": run_id}).one()
        return Standing(row.state, Stop.model_validate_json(row.stop) if row.stop else None, row.started)

    def causes_since(self, run_id: str, since: str) -> dict[Cause, int]:
        """For what the attempts of a run ended for good from `since` (ISO 8601) on, counted along an index."""
        causes: Counter[Cause] = Counter()
        with self._database.read() as connection:
            for text, count in connection.execute(_CAUSES_SINCE, {"run": run_id, "since": since}):
                causes[read_cause(text) or Cause.store_damaged] += count
        return causes

    def runs(self) -> list[RunRow]:
        """All runs, newest first."""
        return [sound_run(row) for row in self._all(_NEWEST_FIRST)]

    def run(self, name: str) -> RunRow:
        """The run of that id, or of that unambiguous beginning of an id; `last`: the user's own newest.

        Raises:
            BadInput: There is none, or several.
        """
        if name == "last":
            found = self._all(_NEWEST_FIRST.where(_own(user())).limit(1))
        else:
            begun = _NEWEST_FIRST.where(RUNS.c.id.startswith(name, autoescape=True))
            found = self._all(_NEWEST_FIRST.where(RUNS.c.id == name)) or [
                row for row in (self._all(begun) if name else ()) if row.id.startswith(name)
            ]
        if len(found) != 1:
            what = "no such run" if not found else f"{len(found)} runs begin so"
            raise BadInput(f"{name!r}: {what}", field="RUN", mend="`upbench runs list --all` names them")
        return sound_run(found[0])

    def attempts(self, run_id: str) -> list[AttemptRow]:
        """All attempts of a run, in the order of the plan."""
        return self._attempts(TRIALS.c.run == run_id)

    def count_undone(self, run_id: str) -> int:
        """How many attempts of a run have not ended."""
        query = select(func.count()).select_from(ATTEMPTS).where(ATTEMPTS.c.run == run_id)
        with self._database.read() as connection:
            return int(connection.execute(query.where(ATTEMPTS.c.state.in_((PLANNED, RUNNING)))).scalar_one())

    def has_undone(self, run_id: str) -> bool:
        """Whether an attempt of a run has not ended."""
        left = select(ATTEMPTS.c.id).where(ATTEMPTS.c.run == run_id, ATTEMPTS.c.state.in_((PLANNED, RUNNING)))
        with self._database.read() as connection:
            return connection.execute(left.limit(1)).first() is not None

    def has_unstarted(self, run_id: str) -> bool:
        """Whether an attempt of a run waits for its first round."""
        waiting = select(ATTEMPTS.c.id).where(
            ATTEMPTS.c.run == run_id, ATTEMPTS.c.state == PLANNED, ATTEMPTS.c.rounds == 0
        )
        with self._database.read() as connection:
            return connection.execute(waiting.limit(1)).first() is not None

    def end_if_done(self, run_id: str) -> bool:
        """Write down that a run is done if nothing of it is left; whether it is."""
        left = select(ATTEMPTS.c.id).where(ATTEMPTS.c.run == run_id, ATTEMPTS.c.state.in_((PLANNED, RUNNING)))
        with self._database.read() as connection:
            if connection.execute(left.limit(1)).first() is not None:
                return False
        ended = update(RUNS).where(RUNS.c.id == run_id, ~left.exists()).values(state=DONE)
        with self._database.write() as connection:
            connection.execute(HOLD_RUN, {"run": run_id})  # whoever adds attempts to it holds it as well
            return connection.execute(ended).rowcount > 0

    def attempt(self, attempt: str) -> AttemptRow:
        """One attempt. Raises `KeyError`."""
        found = self._attempts(ATTEMPTS.c.id == attempt)
        if not found:
            raise KeyError(attempt)
        return found[0]

    def attempts_of_trial(self, trial: str) -> list[AttemptRow]:
        """The attempts of a trial, named by its id or an attempt's or execution's.

        Raises:
            BadInput: There is no such trial.
        """
        found = self._attempts(ATTEMPTS.c.trial == trial.split(".", maxsplit=1)[0])
        if not found:
            raise BadInput(f"{trial!r}: no such trial", field="TRIAL", mend="`upbench runs show RUN` names them")
        return found

    def executions(self, attempts: Sequence[str]) -> list[ExecutionRow]:
        """The executions of some attempts, in order."""
        query = select(EXECUTIONS).order_by(EXECUTIONS.c.attempt, EXECUTIONS.c.e)
        pieces = (attempts[start : start + 500] for start in range(0, len(attempts), 500))
        rows = (row for some in pieces for row in self._all(query.where(EXECUTIONS.c.attempt.in_(some))))
        return [execution_row(row) for row in rows]

    def executions_of(self, attempts: Sequence[str]) -> dict[str, list[ExecutionRow]]:
        """The executions of each of some attempts, in order; one that was never begun has none."""
        found: dict[str, list[ExecutionRow]] = {name: [] for name in attempts}
        for execution in self.executions(attempts):
            found[execution.attempt].append(execution)
        return found

    def has_ended(self, execution: str) -> bool | None:
        """Whether that execution has ended; None where there is none of that name."""
        query = select(EXECUTIONS.c.cause).where(EXECUTIONS.c.id == execution)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else row.cause is not None

    def next_round(
        self, connection: Connection, attempt: str, *, seen: AttemptRow | None = None
    ) -> tuple[str, str] | None:
        """The execution that an attempt's next round carries, and that round's key.

        It is the unfinished one (a resume keeps its number), or one whose work was collected (only its grading is
        done anew); else a new one.

        Args:
            connection: A write transaction.
            attempt: Its id.
            seen: The attempt as the caller saw it. Where somebody has started another round of it meanwhile, or it
                has ended, there is none.
        """
        held = connection.execute(_HOLD_ATTEMPT, {"attempt": attempt}).one()
        if seen is not None and (held.round, held.state == DONE) != (seen.round, seen.state == DONE):
            return None
        rounds = held.rounds + 1
        last = connection.execute(_LAST_EXECUTION, {"attempt": attempt}).one_or_none()
        name = execution_id(attempt, 1)
        if last is not None:
            again = last.cause is None or last.collected
            name = str(last.id) if again else execution_id(attempt, last.e + 1)
            if again and last.cause is not None:
                connection.execute(_SET_EXECUTION, {"key": name, "cause": None, "detail": None})
        key = f"{name}.r{rounds}"
        planned = {"state": PLANNED, "cause": None, "finished": None, "rounds": rounds, "round": key}
        connection.execute(_SET_ATTEMPT, {"key": attempt, **planned})
        return name, key

    def begin(self, execution: str, key: str | None = None) -> AttemptRow | None:
        """Begin an execution, or go on with it: its attempt; None where it has ended already.

        Raises:
            Overtaken: The round of that key is not its attempt's last: another carries it.
        """
        name, _, e = execution.rpartition(".e")
        with self._database.write() as connection:
            attempt = connection.execute(_ATTEMPT, {"attempt": name}).one()
            if key is not None and attempt.round != key:
                raise Overtaken(key)
            there = connection.execute(_CAUSE, {"execution": execution}).one_or_none()
            if there is None:
                row = {"id": execution, "attempt": name, "e": int(e), "started": now()}
                connection.execute(_ADD_EXECUTION, row)
            elif there.cause is not None:
                return None
            connection.execute(_SET_ATTEMPT, {"key": name, "state": RUNNING, "cause": None, "finished": None})
        return attempt_row(attempt)

    def work_of(self, execution: str) -> tuple[str | None, bool]:
        """How the agent's work of an execution ended (an `AgentResult`), and whether it is collected."""
        with self._database.read() as connection:
            row = connection.execute(_WORK, {"execution": execution}).one()
        return row.result, bool(row.collected)

    def note_execution(self, execution: str, **values: Any) -> None:
        """Keep facts of an execution that has not ended as they become known."""
        self._write(_SET_OPEN, {"key": execution, **values})

    def keep_submission(self, attempt: str, submission: Submission, execution: str | None = None) -> None:
        """Keep what an attempt handed in; with an execution, as the work of that which is graded.

        Raises:
            Overtaken: That execution has ended: another worker brought it to its end.
        """
        text = submission.model_dump_json(exclude_defaults=True)
        with self._database.write() as connection:
            if execution is not None:
                kept = connection.execute(_SET_OPEN, {"key": execution, "collected": 1})
                if kept.rowcount == 0:
                    raise Overtaken(execution)
            connection.execute(_SET_ATTEMPT, {"key": attempt, "submission": text})

    def finish(
        self, execution: str, cause: Cause, detail: str = "", *, then: Callable[[Connection], None] | None = None
    ) -> None:
        """End an execution and its attempt for `cause`, and do `then` in the same transaction.

        One that has ended for that cause already is left as it is, and `then` is not done again.

        Raises:
            Overtaken: It has ended for another: another worker brought it to its end.
        """
        attempt = execution.rsplit(".", 1)[0]
        ended = {"key": execution, "cause": cause.value, "detail": detail or None}
        with self._database.write() as connection:
            if connection.execute(_SET_OPEN, ended).rowcount == 0:
                if connection.execute(_CAUSE, {"execution": execution}).scalar_one() != cause.value:
                    raise Overtaken(execution)
                return
            connection.execute(
                _SET_ATTEMPT, {"key": attempt, "state": DONE, "cause": cause.value, "finished": now()}
            )
            if then is not None:
                then(connection)

    def _attempts(self, condition: Any) -> list[AttemptRow]:
        columns = (ATTEMPTS, TRIALS.c.agent, TRIALS.c.job, TRIALS.c.repeat)
        query = select(*columns).join(TRIALS, TRIALS.c.id == ATTEMPTS.c.trial).where(condition)
        query = query.order_by(TRIALS.c.position, ATTEMPTS.c.k, ATTEMPTS.c.arm)
        return [attempt_row(row) for row in self._all(query)]

    def _all(self, query: Any) -> Sequence[Row[Any]]:
        with self._database.read() as connection:
            return connection.execute(query).all()

    def _write(self, statement: Update, values: dict[str, Any]) -> None:
        with self._database.write() as connection:
            connection.execute(statement, values)


def _own(name: str) -> ColumnElement[bool]:
    """Runs of that user; those of whom nobody knows the owner are everybody's."""
    return or_(RUNS.c.owner == name, RUNS.c.owner.is_(None))


def _insert_trials(connection: Connection, run_id: str, trials: Sequence[PlannedTrial], *, first: int) -> None:
    rows = [t.model_dump() | {"run": run_id, "position": position} for position, t in enumerate(trials, first)]
    attempts = [
        {
            "id": attempt_id(t.id, 1, "alone"),
            "trial": t.id,
            "run": run_id,
            "arm": "alone",
            "k": 1,
            "state": PLANNED,
        }
        for t in trials
    ]
    if rows:
        connection.execute(insert(TRIALS), rows)
        connection.execute(insert(ATTEMPTS), attempts)
