"""Reading and writing the rows of runs. Nothing is ever deleted; every write is idempotent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Update, bindparam, func, select, update
from sqlalchemy.dialects.sqlite import insert

from core import BadInput, Cause, Database, StoreFault, Submission, cause_row
from jobs import Job
from runs.keys import attempt_id, execution_id, now
from runs.pipeline import COLLECT
from runs.plan import Arm, PlannedTrial, RunConfig
from runs.sheets import add_sheets
from runs.tables import ATTEMPTS, EXECUTIONS, RUNS, STEPS, TRIALS
from sandbox import SandboxInfo

T = TypeVar("T")

PLANNED, RUNNING, DONE = "planned", "running", "done"

# The statements of the hot path are made once: building one costs more than carrying it out.
_LAST_EXECUTION = (
    select(EXECUTIONS.c.id, EXECUTIONS.c.e, EXECUTIONS.c.cause)
    .where(EXECUTIONS.c.attempt == bindparam("attempt"))
    .order_by(EXECUTIONS.c.e.desc())
    .limit(1)
)
_COLLECTED = select(STEPS.c.name).where(STEPS.c.round == bindparam("round"), STEPS.c.name == COLLECT)
_ADD_EXECUTION = insert(EXECUTIONS)
_SET_EXECUTION = update(EXECUTIONS).where(EXECUTIONS.c.id == bindparam("key"))
_SET_ATTEMPT = update(ATTEMPTS).where(ATTEMPTS.c.id == bindparam("key"))
_SET_RUN = update(RUNS).where(RUNS.c.id == bindparam("key"))


@dataclass(frozen=True)
class RunRow:
    """A run. `state` is `running`, `interrupted` or `done`."""

    id: str
    created: str
    pack_root: Path
    config: RunConfig
    state: str


@dataclass(frozen=True)
class AttemptRow:
    """An attempt with what identifies its trial; `cause` is that of its last execution."""

    id: str
    run: str
    trial: str
    agent: str
    job: str
    repeat: int
    k: int
    arm: Arm
    parent: str | None
    state: str
    cause: Cause | None
    submission: Submission | None
    finished: str | None

    @property
    def graded(self) -> bool:
        """It has ended, and what it handed in counts (see `core.causes`); else it is missing."""
        return self.state == DONE and self.cause is not None and cause_row(self.cause).graded


@dataclass(frozen=True)
class ExecutionRow:
    """One execution of an attempt; `sandbox` is what it was last opened as, once its agent's work has ended."""

    id: str
    attempt: str
    e: int
    started: str
    cause: Cause | None
    detail: str
    steps: int
    seconds: float | None
    working_seconds: float | None
    work_minutes: float | None
    dollars: float | None
    sandbox: SandboxInfo | None


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
    ) -> None:
        """Write a run with its jobs' sheets, its trials and their first attempts, all or nothing."""
        with self._database.write() as connection:
            connection.execute(
                insert(RUNS).values(
                    id=run_id,
                    created=now(),
                    pack_root=str(pack_root.absolute()),
                    config=config.model_dump_json(),
                    state=RUNNING,
                )
            )
            add_sheets(connection, run_id, jobs)
            _insert_trials(connection, run_id, trials, first=0)

    def regrade_by(self, run_id: str, job: Job) -> None:
        """From now on the job's verdicts of record are read by its present rubric and checks."""
        with self._database.write() as connection:
            add_sheets(connection, run_id, [job])

    def add_trial(self, run_id: str, config: RunConfig, trial: PlannedTrial) -> None:
        """Add a trial at the end of a run's plan; `config` is the run's, with the trial's agent and job."""
        with self._database.write() as connection:
            position = connection.execute(
                select(func.count()).select_from(TRIALS).where(TRIALS.c.run == run_id)
            ).scalar_one()
            connection.execute(_SET_RUN, {"key": run_id, "config": config.model_dump_json()})
            _insert_trials(connection, run_id, [trial], first=position)

    def set_run_state(self, run_id: str, state: str) -> None:
        """Set a run's state."""
        self._write(_SET_RUN, {"key": run_id, "state": state})

    def runs(self) -> list[RunRow]:
        """All runs, newest first."""
        rows = self._all(select(RUNS).order_by(RUNS.c.created.desc(), RUNS.c.id.desc()))
        return [_sound(_run, row) for row in rows]

    def run(self, name: str) -> RunRow:
        """The run of that id, of that unambiguous beginning of an id, or the newest for `last`.

        Raises:
            BadInput: There is none, or several.
        """
        found = self.runs()
        if name == "last" and found:
            return found[0]
        begun = [run for run in found if name and run.id.startswith(name)]
        exact = [run for run in found if run.id == name] or begun
        if len(exact) != 1:
            what = "no such run" if not exact else f"{len(exact)} runs begin so"
            raise BadInput(f"{name!r}: {what}", field="RUN", mend="`upbench runs list` names them")
        return exact[0]

    def attempts(self, run_id: str) -> list[AttemptRow]:
        """All attempts of a run, in the order of the plan."""
        return self._attempts(TRIALS.c.run == run_id)

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
        rows: list[Row[Any]] = []
        for start in range(0, len(attempts), 500):
            rows += self._all(query.where(EXECUTIONS.c.attempt.in_(attempts[start : start + 500])))
        return [_sound(_execution, row) for row in rows]

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

    def begin(self, attempt: str) -> str:
        """The execution to work on: the unfinished one (a resume keeps its number), or a new one.

        One that failed after the agent's work was collected is taken up again: only its grading is done anew.
        """
        with self._database.write() as connection:
            last = connection.execute(_LAST_EXECUTION, {"attempt": attempt}).one_or_none()
            if last is not None and last.cause is None:
                return str(last.id)
            if last is not None and connection.execute(_COLLECTED, {"round": last.id}).first():
                name = str(last.id)
                connection.execute(_SET_EXECUTION, {"key": name, "cause": None, "detail": None})
            else:
                e = 1 if last is None else last.e + 1
                name = execution_id(attempt, e)
                connection.execute(_ADD_EXECUTION, {"id": name, "attempt": attempt, "e": e, "started": now()})
            connection.execute(_SET_ATTEMPT, {"key": attempt, "state": RUNNING, "cause": None, "finished": None})
        return name

    def note_execution(self, execution: str, **values: Any) -> None:
        """Keep facts of an execution as they become known."""
        self._write(_SET_EXECUTION, {"key": execution, **values})

    def keep_submission(self, attempt: str, submission: Submission) -> None:
        """Keep what an attempt handed in."""
        text = submission.model_dump_json(exclude_defaults=True)
        self._write(_SET_ATTEMPT, {"key": attempt, "submission": text})

    def finish(self, execution: str, cause: Cause, detail: str = "") -> None:
        """End an execution and its attempt for `cause`."""
        attempt = execution.rsplit(".", 1)[0]
        ended = {"key": execution, "cause": cause.value, "detail": detail or None}
        with self._database.write() as connection:
            connection.execute(_SET_EXECUTION, ended)
            connection.execute(
                _SET_ATTEMPT, {"key": attempt, "state": DONE, "cause": cause.value, "finished": now()}
            )

    def _attempts(self, condition: Any) -> list[AttemptRow]:
        columns = (ATTEMPTS, TRIALS.c.run, TRIALS.c.agent, TRIALS.c.job, TRIALS.c.repeat)
        query = select(*columns).join(TRIALS, TRIALS.c.id == ATTEMPTS.c.trial).where(condition)
        return [
            _sound(_attempt, row)
            for row in self._all(query.order_by(TRIALS.c.position, ATTEMPTS.c.k, ATTEMPTS.c.arm))
        ]

    def _all(self, query: Any) -> Sequence[Row[Any]]:
        with self._database.read() as connection:
            return connection.execute(query).all()

    def _write(self, statement: Update, values: dict[str, Any]) -> None:
        with self._database.write() as connection:
            connection.execute(statement, values)


def _insert_trials(connection: Connection, run_id: str, trials: Sequence[PlannedTrial], *, first: int) -> None:
    rows = [t.model_dump() | {"run": run_id, "position": position} for position, t in enumerate(trials, first)]
    attempts = [
        {"id": attempt_id(t.id, 1, "alone"), "trial": t.id, "arm": "alone", "k": 1, "state": PLANNED}
        for t in trials
    ]
    if rows:
        connection.execute(insert(TRIALS), rows)
        connection.execute(insert(ATTEMPTS), attempts)


def _sound(make: Callable[[Row[Any]], T], row: Row[Any]) -> T:
    try:
        return make(row)
    except ValueError as error:
        raise StoreFault(Cause.store_failed, f"the record of {row.id} is damaged") from error


def _run(row: Row[Any]) -> RunRow:
    return RunRow(
        id=row.id,
        created=row.created,
        pack_root=Path(row.pack_root),
        config=RunConfig.model_validate_json(row.config),
        state=row.state,
    )


def _attempt(row: Row[Any]) -> AttemptRow:
    return AttemptRow(
        id=row.id,
        run=row.run,
        trial=row.trial,
        agent=row.agent,
        job=row.job,
        repeat=row.repeat,
        k=row.k,
        arm=row.arm,
        parent=row.parent,
        state=row.state,
        cause=Cause(row.cause) if row.cause else None,
        submission=Submission.model_validate_json(row.submission) if row.submission else None,
        finished=row.finished,
    )


def _execution(row: Row[Any]) -> ExecutionRow:
    return ExecutionRow(
        id=row.id,
        attempt=row.attempt,
        e=row.e,
        started=row.started,
        cause=Cause(row.cause) if row.cause else None,
        detail=row.detail or "",
        steps=row.steps or 0,
        seconds=row.seconds,
        working_seconds=row.working_seconds,
        work_minutes=row.work_minutes,
        dollars=row.dollars,
        sandbox=SandboxInfo.model_validate_json(row.sandbox) if row.sandbox else None,
    )
