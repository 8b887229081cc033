"""A worker: executes the rounds of any run of the project that was handed over to workers."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core import Cause, Overtaken, StoreFault, UpBenchError
from runs import (
    OPEN,
    QUEUE,
    STOPPED,
    AttemptRounds,
    Machinery,
    Places,
    Records,
    Stop,
    Worker,
    Workplace,
    at_work,
    forgetting_old_rounds,
    handed_over,
    machinery,
    runs_to_bury,
)
from upbench.home import Home
from upbench.wiring import jobs_of, open_reaper, open_workplace

POLL_SECONDS, RAREST_SECONDS = 0.5, 2.0
"""How often a worker looks into the queue: where there are many, each looks more rarely."""

FEW = 10
IDLE_LOOK_SECONDS, ADOPT_LOOK_SECONDS = 0.5, 3.0
_FOREVER = float("inf")
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

    Args:
        home: The project.
        order: What is to be done.
        finish: When set, nothing new is taken; as with `upbench worker drain`.

    A run that cannot be opened here (no key for its model, a damaged pack) is stopped, and says so; others go on.

    Raises:
        StoreFault: The records cannot be reached. Rounds that were under way stay, for others.
    """
    with machinery(home.database, home.state) as by:
        places = Places(lambda run: place_of(home, run), by)
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def opened(run: str) -> Workplace:
            try:
                return await places.of(run)
            except UpBenchError as error:
                if not isinstance(error, StoreFault) or error.cause is Cause.store_damaged:
                    _refuse(Records(home.database), run, error)
                    raise Overtaken(run) from error
                if not failed.done():
                    failed.set_exception(error)
                raise asyncio.CancelledError from error  # the round stays, for a worker that reaches the records

        rounds = AttemptRounds(opened, by.engine)
        queues: Mapping[str, int] = {QUEUE: order.slots}
        async with (
            # Also where no round comes: what this machine left when it died has long gone on elsewhere.
            open_reaper(home).at_work(),
            places.at_work(),
            at_work(by, {"attempt": rounds.carry}, queues, poll_seconds=_poll_seconds(by)) as me,
            forgetting_old_rounds(by, home.settings.keep_rounds_days),
        ):
            _log.info("worker %s carries up to %d rounds at one time", me.id, order.slots)
            told = [me.draining] if finish is None else [me.draining, finish]
            adopting = asyncio.create_task(_adopt(home, by, places))
            try:
                await _until_told(home, me, by, places, failed, order, told)
            finally:
                adopting.cancel()
        failed.cancel()


def _refuse(records: Records, run: str, error: UpBenchError) -> None:
    _log.warning("run %s cannot be opened here: %s", run, error)
    records.stop(run, Stop(reason="cannot_open", detail=f"on {socket.gethostname()}: {error}"))
    records.set_run_state(run, STOPPED)


async def _until_told(
    home: Home,
    me: Worker,
    by: Machinery,
    places: Places,
    failed: asyncio.Future[None],
    order: WorkerOrder,
    told: Sequence[asyncio.Event],
) -> None:
    since: float | None = None
    while True:
        done, _ = await asyncio.wait({me.ended, failed}, timeout=IDLE_LOOK_SECONDS, return_when="FIRST_COMPLETED")
        for one in done:
            one.result()
        if since is None and any(event.is_set() for event in told):
            since = time.monotonic()
            me.pause()
        drains = since is not None
        if drains or order.until_idle:  # nobody else asks the engine twice a second
            mine = by.engine.list(worker=me.id, states=OPEN[1:], limit=1)
            if not mine and (drains or _idle(home, by, places, order)):
                return
        if since is not None and time.monotonic() - since >= (order.drain_seconds or _FOREVER):
            _log.info("worker %s has no more time: what it has goes on elsewhere", me.id)
            return


def _poll_seconds(by: Machinery) -> float:
    """The more workers there are, the sooner one of them looks. The last to come decides for all."""
    return min(RAREST_SECONDS, POLL_SECONDS * max(1.0, (len(by.alive()) + 1) / FEW))


def _idle(home: Home, by: Machinery, places: Places, order: WorkerOrder) -> bool:
    if not order.until_idle or by.engine.list(queue=QUEUE, states=OPEN, limit=1):
        return False
    return not places.waiting() and not runs_to_bury(Records(home.database), by.engine)


async def _adopt(home: Home, by: Machinery, places: Places) -> None:
    """Open the runs that nobody governs: no round of theirs may come that would make anybody open them."""
    records = Records(home.database)
    while True:
        try:
            for run in (*runs_to_bury(records, by.engine), *handed_over(home.database, QUEUE)):
                if by.locks.take(f"govern.{run}"):  # else somebody does
                    by.locks.give(f"govern.{run}")
                    await places.of(run)
        except UpBenchError as error:  # one that cannot be opened here is governed elsewhere
            _log.warning("a run that nobody governs is not opened: %s", error)
        await asyncio.sleep(ADOPT_LOOK_SECONDS)
