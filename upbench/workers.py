"""A worker: executes the rounds of any run of the project that was handed over to workers."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core import Cause, Overtaken, StoreFault, UpBenchError
from runs import (
    OPEN,
    QUEUE,
    STOPPED,
    AttemptRounds,
    DiskGuard,
    Level,
    Machinery,
    Places,
    Records,
    RoundState,
    Stop,
    Worker,
    Workplace,
    at_work,
    bury_dead,
    forgetting_old_rounds,
    governing,
    handed_over,
    machinery,
    paused_worker,
)
from upbench.home import Home
from upbench.wiring import jobs_of, open_reaper, open_workplace, price_table

POLL_SECONDS, RAREST_SECONDS = 0.5, 2.0
"""How often a worker looks into the queue: where there are many, each looks more rarely."""

FEW = 10
IDLE_LOOK_SECONDS, ADOPT_LOOK_SECONDS = 0.5, 3.0
AGAIN_SECONDS, PATIENCE_SECONDS = 0.5, 60.0
"""A run that cannot be opened since database or bucket do not answer is opened again, for as long as a server may
take to restart; a worker that gave up at once would take what it carries of other runs with it."""

_FOREVER = float("inf")
TOLD, IDLE = "told", "idle"
_log = logging.getLogger("upbench.worker")


@dataclass(frozen=True)
class WorkerOrder:
    """What a worker is to do.

    Attributes:
        slots: Rounds at one time.
        until_idle: End when nothing is queued and nothing is under way here.
        drain_seconds: How long what is under way may take after it was told to finish; None: as long as it takes.
            What is not done by then stays, for others.
    """

    slots: int
    until_idle: bool = False
    drain_seconds: float | None = None


def place_of(home: Home, run: str) -> Workplace:
    """The workplace of a run on this machine, with the run's jobs as they were when it was begun.

    Raises:
        BadInput: The run or its pack is not there, or a key of its models. MissingTool: Its sandboxes do not work
            here.
    """
    row = Records(home.database).run(run)
    jobs = jobs_of(home, row, snapshot=True)
    return open_workplace(home, row.id, row.config, jobs, options=row.options, queue=row.queue)


async def serve_rounds(home: Home, order: WorkerOrder, finish: asyncio.Event | None = None) -> None:
    """Carry rounds until cancelled, drained, or (if so ordered) idle.

    A worker whose disk is full gives its rounds to others and takes none, until there is room again. Meanwhile it
    is listed as paused, and may be drained.

    Args:
        home: The project.
        order: What is to be done.
        finish: When set, nothing new is taken; as with `upbench worker drain`.

    A run that cannot be opened here (no key for its model, a damaged pack) is left to other workers, if there are
    any that have not tried; else it is stopped, and says so. Other runs go on.

    Raises:
        StoreFault: The records cannot be reached. Rounds that were under way stay, for others.
    """
    told = finish or asyncio.Event()
    while True:
        served = await _serve(home, order, told)
        if isinstance(served, DiskGuard):
            await _until_room(home, served, told)
        # Who handed something over a moment ago may have seen this worker, and started no other.
        elif served == TOLD or not _is_left(home):
            return
        if told.is_set():
            return
        _log.info("this worker goes on")


async def _until_room(home: Home, guard: DiskGuard, told: asyncio.Event) -> None:
    """Wait until there is room again, in the list of workers as one that is paused; or until it is told to end."""
    why = guard.look().says
    _log.warning("this worker carries no rounds until there is room: %s", why)
    with machinery(home.database, home.state) as by:
        async with paused_worker(by, why) as me:
            await guard.until_room(lambda: told.is_set() or me.draining.is_set() or me.ended.done())
            if me.draining.is_set():
                told.set()


def _is_left(home: Home) -> bool:
    with machinery(home.database, home.state) as by:
        return _is_queued(by)


def _is_queued(by: Machinery) -> bool:
    """Whether a round waits for a worker, or is carried by one."""
    return bool(by.engine.list(queue=QUEUE, states=OPEN, limit=1))


async def _serve(home: Home, order: WorkerOrder, finish: asyncio.Event) -> DiskGuard | str:
    """Carry rounds; why it ended: `TOLD`, `IDLE`, or what watches the disk that is full."""
    with machinery(home.database, home.state) as by:
        places = Places(lambda run: place_of(home, run), by)
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        full: asyncio.Future[DiskGuard] = asyncio.get_running_loop().create_future()
        working: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()

        async def opened(run: str) -> Workplace:
            try:
                return await _opened(places, run)
            except UpBenchError as error:
                if not _is_silence(error):
                    _refuse(home, by, await working, run, error)
                    raise Overtaken(run) from error
                if not failed.done():
                    failed.set_exception(error)
                raise asyncio.CancelledError from error  # the round stays, for a worker that reaches the records

        async def with_room(run: str) -> Workplace:
            place = await opened(run)
            if place.guard.look().level is not Level.ok and not full.done():
                full.set_result(place.guard)
            if full.done():
                raise asyncio.CancelledError  # the round stays, for a worker that has room
            return place

        rounds = AttemptRounds(with_room, by.engine)
        queues: Mapping[str, int] = {QUEUE: order.slots}
        poll = _poll_seconds(by)
        async with (
            # Also where no round comes: what this machine left when it died has long gone on elsewhere.
            open_reaper(home).at_work(),
            places.at_work(),
            at_work(by, {"attempt": places.holding(rounds.carry)}, queues, poll_seconds=poll) as me,
            forgetting_old_rounds(by, home.settings.keep_rounds_days),
        ):
            working.set_result(me)
            _log.info("worker %s carries up to %d rounds at one time", me.id, order.slots)
            adopting = asyncio.create_task(
                _adopt_on(home, me, by, places, ADOPT_LOOK_SECONDS * poll / POLL_SECONDS)
            )
            try:
                return await _until_told(home, me, by, places, (failed, full), order, finish)
            finally:
                adopting.cancel()
                failed.cancel()


async def _opened(places: Places, run: str) -> Workplace:
    """The workplace of a run; what it is read from is asked again when silent. Raises as `place_of`."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await places.of(run)
        except StoreFault as fault:
            if not _is_silence(fault) or time.monotonic() > until:
                raise
            _log.warning("run %s is opened again: %s", run, fault)
        await asyncio.sleep(AGAIN_SECONDS)


def _is_silence(error: UpBenchError) -> bool:
    """Whether records or blobs did not answer; not that they answered with what cannot be used."""
    return isinstance(error, StoreFault) and error.cause is not Cause.store_damaged


def _refuse(home: Home, by: Machinery, me: Worker, run: str, error: UpBenchError) -> None:
    """Leave the run to those who may be able to open it; where nobody is, it is stopped."""
    if by.workers.refuse(me.id, run, str(error)):
        _log.warning("run %s cannot be opened here: %s", run, error)
    others = {one.id for one in by.alive() if QUEUE in one.queues and not one.draining}
    if others - by.workers.refused(run).keys():
        me.shunned.add(run)
        return
    me.shunned.discard(run)  # its rounds that wait come to nothing, here or elsewhere
    records = Records(home.database)
    records.stop(run, Stop(reason="cannot_open", detail=f"on {socket.gethostname()}: {error}"))
    records.set_run_state(run, STOPPED)


async def _until_told(
    home: Home,
    me: Worker,
    by: Machinery,
    places: Places,
    troubles: tuple[asyncio.Future[None], asyncio.Future[DiskGuard]],
    order: WorkerOrder,
    finish: asyncio.Event,
) -> DiskGuard | str:
    since: float | None = None
    failed, full = troubles
    while True:
        watched: set[asyncio.Future[Any]] = {me.ended, failed} if full.done() else {me.ended, failed, full}
        done, _ = await asyncio.wait(watched, timeout=IDLE_LOOK_SECONDS, return_when="FIRST_COMPLETED")
        for one in done:
            one.result()
        if not full.done() and (guard := places.without_room()) is not None:
            full.set_result(guard)
        if since is None and (me.draining.is_set() or finish.is_set()):
            since = time.monotonic()
            me.pause()
        if full.done():
            me.pause()
            # What is under way comes to its end here while there is some room; without, it goes on elsewhere.
            if not places.carried() or full.result().look().level is Level.stop:
                return full.result() if since is None else TOLD
        if since is not None:
            if not by.engine.list(worker=me.id, states=OPEN[1:], limit=1):
                return TOLD
            if time.monotonic() - since >= (order.drain_seconds or _FOREVER):
                _log.info("worker %s has no more time: what it has goes on elsewhere", me.id)
                return TOLD
        elif order.until_idle and not full.done() and await _is_idle(home, me, by, places):
            return IDLE  # nobody else asks the engine twice a second


def _poll_seconds(by: Machinery) -> float:
    """The more workers there are, the sooner one of them looks. The last to come decides for all."""
    return min(RAREST_SECONDS, POLL_SECONDS * max(1.0, (len(by.alive()) + 1) / FEW))


async def _is_idle(home: Home, me: Worker, by: Machinery, places: Places) -> bool:
    if by.engine.list(worker=me.id, states=OPEN[1:], limit=1) or _is_waited_for(by, places):
        return False
    await _adopt(home, me, by, places)  # what nobody governs is something to do as well
    return not _is_waited_for(by, places)


def _is_waited_for(by: Machinery, places: Places) -> bool:
    return _is_queued(by) or places.waiting()


async def _adopt_on(home: Home, me: Worker, by: Machinery, places: Places, pause: float) -> None:
    while True:
        await _adopt(home, me, by, places)
        await asyncio.sleep(pause)


async def _adopt(home: Home, me: Worker, by: Machinery, places: Places) -> None:
    """Open the runs that nobody governs: no round of theirs may come that would make anybody open them.

    Also those that could not be opened here before: whoever they were left to may have gone.
    """
    try:
        if by.engine.list(states=[RoundState.dead], limit=1):
            bury_dead(home.database, by.engine, price_table(home.settings))
        runs = handed_over(home.database, QUEUE)
        governed = by.locks.known_held([governing(run) for run in runs])
    except UpBenchError as error:
        _log.warning("what nobody governs is not looked for: %s", error)
        return
    for run in runs:
        if governing(run) not in governed:
            try:
                await places.of(run)
                if run in me.shunned:
                    me.shunned.discard(run)
                    by.workers.accept(me.id, run)
            except UpBenchError as error:
                if run in me.shunned and not _is_silence(error):
                    _refuse(home, by, me, run, error)
                else:  # one that cannot be opened here is governed elsewhere
                    _log.warning("a run that nobody governs is not opened: %s", error)
