"""What becomes of a run after it was begun: gone on with, extended, handed to workers, cancelled."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core import BadInput, Frozen
from jobs import Job
from runs import (
    DONE,
    QUEUE,
    ArmPlan,
    AttemptRow,
    Machinery,
    Records,
    RunConfig,
    RunOptions,
    RunRow,
    Stop,
    WorkerRow,
    Workplace,
    add_attempts,
    alone,
    check_prices,
    count_attempts,
    keep_pack,
    machinery,
    own_queue,
    plan_trials,
    sheets_of,
    user,
)
from upbench.going_on import larger_budget
from upbench.home import Home
from upbench.wiring import jobs_of, open_workplace, price_table

Again = Callable[[AttemptRow], bool]
"""Says of an ended attempt whether it is executed once more."""


def nothing_again(_attempt: AttemptRow) -> bool:
    """No ended attempt is."""
    return False


def reopened(home: Home, row: RunRow, *, detach: bool, options: RunOptions) -> Workplace:
    """The workplace in which a run is gone on with, here or (where it is theirs, or `detach`) by workers.

    Raises:
        BadInput: The run cannot be gone on with: see `Bench.reopen`.
    """
    if not row.config.executed:
        what = "what of it was made elsewhere is all there is"
        raise BadInput(f"nothing of run {row.id} is executed here: {what}", field="RUN")
    workers = detach or row.detached
    _check_budget(home, row, options)
    home.blobs.check()
    jobs = _jobs(home, row, workers)
    place = open_workplace(
        home,
        row.id,
        row.config,
        jobs,
        options=options,
        queue=row.queue or own_queue(row.id),
        execute=not workers,
        here=not workers,
    )
    if workers:
        place.records.set_pack(row.id, keep_pack(place.jobs.values(), home.blobs))
    return place


def _check_budget(home: Home, row: RunRow, options: RunOptions) -> None:
    """The run would not stop at once. Raises `BadInput`."""
    if not options.budget.given or row.state == DONE:
        return
    from core import CallJournal

    check_prices(row.config.executed, price_table(home.settings), budget=options.budget)
    spent = CallJournal(home.database).spent(row.id)
    if why := options.budget.met(spent):
        mend = f"raise it, for instance {' '.join(larger_budget(options.budget, spent))} (the whole run's)"
        raise BadInput(f"the run's budget is used up: {why}", field="--budget", mend=mend)


def _jobs(home: Home, row: RunRow, workers: bool) -> Sequence[Job]:
    """The run's jobs, which are what they were: from disk, or as they were kept."""
    if workers and row.pack is not None:
        kept = jobs_of(home, row, snapshot=True)
        if _regraded(home, row, kept) is None:
            return kept
    jobs = jobs_of(home, row, snapshot=False)
    known = {job.id: job for job in jobs}
    records = Records(home.database)
    executed = {agent.name for agent in row.config.executed}
    there = {attempt.trial for attempt in records.attempts(row.id) if attempt.agent in executed}
    missing = [name for name in row.config.jobs if name not in known]
    if not missing and {trial.id for trial in plan_trials(row.config, known, row.id)} != there:
        raise BadInput("its jobs or agents have changed since it was begun", file=row.pack_root, field="RUN")
    if not missing and (job := _regraded(home, row, jobs)):
        mend = f"first grade what is there by it: upbench grade {row.id} --checks"
        raise BadInput(f"the rubric of job {job} has changed since the run was begun", mend=mend)
    return jobs


def _regraded(home: Home, row: RunRow, jobs: Sequence[Job]) -> str | None:
    """The first job whose rubric or checks are not those by which the run is read."""
    sheets = sheets_of(home.database, row.id)
    for job in jobs:
        if job.id in sheets and sheets[job.id].grading_digest != job.grading_digest:
            return job.id
    return None


def extend(place: Workplace, by: Machinery, config: RunConfig) -> ArmPlan:
    """Let a run go on as `config` says: what of it failed gets further attempts.

    Raises:
        BadInput: A process of its own is executing the run.
    """
    if place.queue == QUEUE:
        place.records.extend(place.run_id, config)
    else:
        with alone(place, by):
            place.records.extend(place.run_id, config)
    place.config = config
    return add_attempts(place)


class Cancelled(Frozen):
    """What was cancelled.

    Attributes:
        at_work: Attempts that had begun and not ended. not_begun: Those that never will. done: Those that stay.
        already: Why the run had been stopped before.
        executed: Somebody executes it, and ends what is at work within seconds.
    """

    id: str
    at_work: int
    not_begun: int
    done: int
    executed: bool
    already: str | None = None


def cancel(home: Home, run: str) -> Cancelled:
    """Stop a run for good, from any process on any machine; what ended stays.

    Raises:
        BadInput: There is no such run, it has ended, or it is another's and was not named by its whole id.
    """
    records = Records(home.database)
    row = records.run(run)
    if row.owner not in (None, user()) and run != row.id:
        raise BadInput(f"run {row.id} is {row.owner}'s", field="RUN", mend="name it by its whole id")
    if not records.has_undone(row.id):
        raise BadInput(f"run {row.id} has ended: nothing is left to cancel", field="RUN")
    stopped = records.stop(row.id, Stop(reason="user_cancelled", detail=f"by {user()}"))
    with machinery(home.database, home.state) as by:
        executed = _is_executed(row, by)
    if not executed:
        records.set_run_state(row.id, "stopped")
    counts = count_attempts(home.database, row.id)
    return Cancelled(
        id=row.id,
        at_work=counts.states.get("running", 0),
        not_begun=counts.states.get("planned", 0),
        done=counts.states.get("done", 0),
        executed=executed,
        already=row.stop.reason if row.stop and not stopped else None,
    )


def _is_executed(row: RunRow, by: Machinery) -> bool:
    if row.detached:
        return bool(living_workers(by))
    return row.queue is not None and bool(by.locks.known_held([row.queue]))


def living_workers(by: Machinery) -> list[WorkerRow]:
    """The workers that take rounds of any run."""
    return [one for one in by.alive() if QUEUE in one.queues and not one.draining]
