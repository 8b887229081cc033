"""Executes a run in this process: starts its rounds, carries them, shows how far it is, and stops clean."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from sqlalchemy import select

from core import BadInput, Cause, in_thread
from runs.ahead import count_queued
from runs.engine.port import OPEN, Engine
from runs.govern import Governor
from runs.later import add_attempts
from runs.machinery import Machinery
from runs.options import QUEUE
from runs.preflight import preflight_of
from runs.records import Records
from runs.rows import DONE, INTERRUPTED, STOPPED, AttemptRow
from runs.starting import AHEAD, alone, begin_rounds, bury, stop_if_failed
from runs.tables import RUNS
from runs.trial import KIND, AttemptRounds
from runs.workers.worker import Worker, at_work
from runs.workplace import Workplace

LOOK_SECONDS = 0.2
PIECE = 50
"""Attempts whose rounds are started at one time: the first are carried while others are started."""

QUICK_SECONDS, SLOW_SECONDS = 0.05, 0.5
"""How often a queue is looked at: a run of its own is not to wait, and costs nobody else anything."""


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
    by: Machinery,
    *,
    watcher: Watcher = _ignore,
    again: Callable[[AttemptRow], bool] = lambda _attempt: False,
    shown: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Progress:
    """Execute every attempt of the run that has not ended (and those that `again` names).

    Cancelling the task stops clean: sandboxes are closed, unfinished executions stay unfinished, the run is
    marked `interrupted`, and calling this again goes on.

    Args:
        place: What the trials share; its `options` say how many are executed at one time.
        by: What executes runs.
        watcher: Told after every change.
        again: Ended attempts to execute once more.
        shown: Made and entered once the run is this process's, for as long as it is executed.

    Raises:
        BadInput: Another process is executing this run, or workers go on with it since it was looked up.
        StoreFault: The records cannot be written; the run is left as it is.
    """
    with alone(place, by):
        async with place.at_work():
            place.guard.refuse()
            _go_on(place)
            place.stop = None
            with shown():
                return await _run(place, by, watcher, again)


def _go_on(place: Workplace) -> None:
    """The run is this process's, unless a verdict has handed it to workers since it was looked up."""
    query = select(RUNS.c.queue).where(RUNS.c.id == place.run_id).with_for_update()
    with place.database.write() as connection:
        if connection.execute(query).scalar_one() == QUEUE != place.queue:
            what = f"workers go on with run {place.run_id} since a review has been decided"
            raise BadInput(what, field="RUN", mend="watch it, or resume it once more")
        Records(place.database.joined(connection)).go_on(place.run_id, place.options, place.queue)


async def _run(place: Workplace, by: Machinery, watcher: Watcher, again: Callable[[AttemptRow], bool]) -> Progress:
    attempts = place.records.attempts(place.run_id)
    todo = [attempt for attempt in attempts if attempt.state != DONE or again(attempt)]
    progress = _progress(attempts, todo)
    known = {attempt.id for attempt in attempts}

    def expect(names: Sequence[str]) -> None:
        progress.total += len(set(names) - known)
        known.update(names)

    def watch(attempt: AttemptRow, cause: Cause | None, over: bool) -> None:
        expect([attempt.id])  # a verdict may have added it
        progress.running = [one for one in progress.running if one.id != attempt.id]
        if cause is None:
            progress.running.append(attempt)
        elif over:
            progress.causes[cause] += 1
            progress.done += 1
        watcher(progress)

    async def here(_run_id: str) -> Workplace:
        return place

    governor = Governor(place, by)
    rounds = AttemptRounds(here, by.engine, watch)
    slots = {place.queue: place.options.concurrency}
    poll = QUICK_SECONDS if len(todo) > 1 else SLOW_SECONDS / 5
    state, ended = INTERRUPTED, False
    try:
        by.engine.prepare([place.queue])
        async with at_work(by, {KIND: rounds.carry}, slots, poll_seconds=poll) as worker:
            first = preflight_of(attempts, large=place.options.preflight)
            if first:
                await _carry(place, by.engine, worker, governor, first)
                stop_if_failed(place, first)
            if not place.stopped():
                made = {attempt.id for attempt in first}
                rest = [attempt for attempt in todo if attempt.id not in made]
                await _carry(place, by.engine, worker, governor, rest)
            ended = await _carry_later(place, by.engine, worker, governor, expect)
        bury(place, by.engine)
        state = _end_state(place)
    finally:
        if not ended:
            place.records.set_run_state(place.run_id, state)
    return progress


def _progress(attempts: Sequence[AttemptRow], todo: Sequence[AttemptRow]) -> Progress:
    chosen = {attempt.id for attempt in todo}
    progress = Progress(total=len(attempts), done=len(attempts) - len(todo))
    progress.causes.update(a.cause for a in attempts if a.cause and a.id not in chosen)
    return progress


async def _carry_later(
    place: Workplace, engine: Engine, worker: Worker, governor: Governor, expect: Callable[[Sequence[str]], None]
) -> bool:
    """Carry what the run's protocol adds to it; whether the run was written down as done.

    A verdict may come at any moment. While the run is not done its round comes into the run's queue; afterwards
    workers carry it, and how the run stands is theirs to say.
    """
    while not place.stopped():
        later = [place.records.attempt(one.id) for one in add_attempts(place).planned]
        if not later and place.records.end_if_done(place.run_id):
            return True
        if not later and not engine.list(queue=place.queue, states=OPEN, limit=1):
            return False
        expect([attempt.id for attempt in later])
        await _carry(place, engine, worker, governor, later)
    return False


async def _carry(
    place: Workplace, engine: Engine, worker: Worker, governor: Governor, todo: Sequence[AttemptRow]
) -> None:
    """Start these, and wait until no round of the run is queued or under way, or it is stopped and none is."""
    governing = asyncio.create_task(governor.govern())
    starting = asyncio.create_task(_start(place, engine, todo))
    try:
        while not starting.done() or engine.list(queue=place.queue, states=OPEN[place.stopped() :], limit=1):
            going = {worker.ended, governing} | ({starting} if not starting.done() else set())
            done, _ = await asyncio.wait(going, timeout=LOOK_SECONDS, return_when="FIRST_COMPLETED")
            for one in done:
                one.result()
        starting.result()
    finally:
        governing.cancel()
        starting.cancel()
        await asyncio.gather(governing, starting, return_exceptions=True)


async def _start(place: Workplace, engine: Engine, todo: Sequence[AttemptRow]) -> None:
    """Start rounds while others are carried, and never so many ahead that to look at them costs much."""
    for begin in range(0, len(todo), PIECE):
        while not place.stopped():
            if count_queued(place.database, place.run_id, AHEAD) < AHEAD:
                break
            await asyncio.sleep(LOOK_SECONDS)
        else:
            return
        piece = asyncio.ensure_future(in_thread(begin_rounds, place, engine, todo[begin : begin + PIECE]))
        try:
            await asyncio.shield(piece)
        except asyncio.CancelledError:
            await piece  # it goes on in any case: what it starts is to be there when the run is left
            raise


def _end_state(place: Workplace) -> str:
    undone = place.records.count_undone(place.run_id)
    if undone == 0:
        return DONE
    return STOPPED if place.records.stop_of(place.run_id) else INTERRUPTED
