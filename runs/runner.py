"""Runs a plan: bounded concurrency, progress, a clean stop, and going on where a run was left."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from core import Cause
from runs.lock import only_one
from runs.records import DONE, AttemptRow
from runs.stages import Workplace
from runs.trial import run_attempt


@dataclass
class Progress:
    """How far a run is; handed to the watcher after each change.

    Attributes:
        running: Attempts at work now. causes: Count of each cause among the ended ones.
    """

    total: int
    done: int = 0
    running: list[AttemptRow] = field(default_factory=list)
    causes: Counter[Cause] = field(default_factory=Counter)


Watcher = Callable[[Progress], None]


def _ignore(_progress: Progress) -> None:
    return


async def run_trials(
    place: Workplace,
    *,
    concurrency: int,
    executions: int = 2,
    watcher: Watcher = _ignore,
    times: int = 1,
    again: Callable[[AttemptRow], bool] = lambda _attempt: False,
) -> Progress:
    """Run every attempt of the run that has not ended (and those that `again` names), `concurrency` at a time.

    Cancelling the task stops clean: sandboxes are closed, unfinished executions stay unfinished, the run is
    marked `interrupted`, and calling this again goes on.

    Args:
        place: What the trials share.
        concurrency: Attempts at one time.
        executions: Bound on the executions of one attempt.
        watcher: Told after every change.
        times: How often each step's effect is run (tests prove idempotence with 2).
        again: Ended attempts to execute once more.

    Raises:
        BadInput: Another process is executing this run.
        StoreFault: The records cannot be written; the run is left as it is.
    """
    with only_one(place.run_id, place.scratch.parent):
        async with place.at_work():
            return await _run(place, concurrency, executions, watcher, times, again)


async def _run(
    place: Workplace,
    concurrency: int,
    executions: int,
    watcher: Watcher,
    times: int,
    again: Callable[[AttemptRow], bool],
) -> Progress:
    attempts = place.records.attempts(place.run_id)
    todo = [attempt for attempt in attempts if attempt.state != DONE or again(attempt)]
    chosen = {attempt.id for attempt in todo}
    progress = Progress(total=len(attempts), done=len(attempts) - len(todo))
    progress.causes.update(a.cause for a in attempts if a.cause and a.id not in chosen)
    queue = iter(todo)

    async def worker() -> None:
        for attempt in queue:
            if place.cancelled():
                return
            progress.running.append(attempt)
            watcher(progress)
            try:
                progress.causes[await run_attempt(place, attempt, executions=executions, times=times)] += 1
                progress.done += 1
            finally:
                progress.running.remove(attempt)
            watcher(progress)

    place.records.set_run_state(place.run_id, "running")
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(todo))):
                group.create_task(worker())
    except BaseExceptionGroup as group_error:
        place.records.set_run_state(place.run_id, "interrupted")
        raise group_error.exceptions[0] from group_error
    except asyncio.CancelledError:
        place.records.set_run_state(place.run_id, "interrupted")
        raise
    place.records.set_run_state(place.run_id, "interrupted" if progress.done < progress.total else "done")
    return progress
