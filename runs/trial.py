"""One execution of an attempt, from its beginning to its end: the trial boundary."""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from sqlalchemy import Connection

from core import (
    BadInput,
    Cause,
    Ended,
    Fault,
    MissingTool,
    Overtaken,
    SandboxFault,
    StoreFault,
    cause_row,
    in_thread,
)
from runs.disk import Level
from runs.engine.port import Context, Engine, Json, Round
from runs.pipeline import run_round
from runs.records import Records
from runs.rows import RUNNING, AttemptRow
from runs.stages import TrialStages
from runs.telling import carrying
from runs.workplace import Workplace
from sandbox import TreeLimits

KIND = "attempt"
"""Of the rounds that carry one execution."""

SUSPECT = 3
"""A round that was begun more often is thought to be what its workers died of."""

SHUFFLE_SECONDS = 1.0

Then = Callable[[Connection], None]
Watch = Callable[[AttemptRow, Cause | None, bool], None]
"""Told when an execution begins or goes on (no cause), and when this process has brought one to its end: whether
that is the attempt's, or it is executed again."""


class Owner(Protocol):
    """The run that an attempt is of, as far as its rounds are started: a `Workplace` is one."""

    @property
    def run_id(self) -> str:
        """Its id."""
        ...

    @property
    def queue(self) -> str:
        """Where its rounds wait."""
        ...

    @property
    def records(self) -> Records:
        """Where it is written down."""
        ...


@dataclass(frozen=True)
class End:
    """How an execution ended; `over`: so did its attempt."""

    cause: Cause
    over: bool


def start_attempt(
    owner: Owner,
    engine: Engine,
    connection: Connection,
    attempt: str,
    *,
    seen: AttemptRow | None = None,
    again: int = 0,
    delay_seconds: float = 0,
) -> str | None:
    """Start the next round of an attempt, in the caller's transaction; the round's key.

    None: it is not as it was seen, and none is started.

    Args:
        owner: The attempt's run.
        engine: That carries it.
        connection: A write transaction.
        attempt: Its id.
        seen: The attempt as the caller saw it; None: as it is.
        again: How often it failed in a row before, through no fault of its own.
        delay_seconds: Before it is begun.
    """
    found = owner.records.next_round(connection, attempt, seen=seen)
    if found is None:
        return None
    execution, key = found
    payload = {"run": owner.run_id, "execution": execution, "again": again}
    one = Round(KIND, key, payload, owner.queue, share=owner.run_id, delay_seconds=delay_seconds)
    engine.start([one], connection)
    return key


class AttemptRounds:
    """Carries the rounds of kind `attempt`.

    Args:
        place_of: Gives the workplace of a run.
        engine: Starts the next execution of an attempt that may be executed again; None: nobody does.
        watch: Told of each beginning and end.
    """

    def __init__(
        self,
        place_of: Callable[[str], Awaitable[Workplace]],
        engine: Engine | None = None,
        watch: Watch = lambda _attempt, _cause, _over: None,
    ) -> None:
        self._place_of, self._engine, self._watch = place_of, engine, watch
        self._alone = asyncio.Lock()

    async def carry(self, ctx: Context, payload: Json) -> Json:
        """Carry the execution that the payload names; how it ended, or nothing where it is left as it is."""
        execution = str(payload["execution"])
        try:
            place = await self._place_of(str(payload["run"]))
        except Overtaken:
            return {}
        room = await place.guard.room(ended=place.stopped)
        if place.stopped() or room.level is not Level.ok:
            return {}  # what does not begin now begins when the run is resumed
        begun: list[AttemptRow] = []

        async def begin(named: Json) -> Json:
            if (attempt := place.records.begin(str(named["execution"]), ctx.key)) is not None:
                begun.append(attempt)
            return named

        try:
            await ctx.step("begin", begin, {"execution": execution}, keep=False)
        except Overtaken:
            return {}
        if not begun:  # it has ended, and whoever ended it was killed before its workspace was cleared away
            await TrialStages(place, place.records.attempt(execution.rpartition(".e")[0])).clear(execution)
            return {}
        self._watch(begun[-1], None, False)
        async with self._apart(ctx.key, begun[-1]):
            with carrying(begun[-1], execution) as ended:
                end = await self._to_its_end(ctx, place, begun[-1], payload)
                if end is None:
                    return {}
                ended(end.cause)
        self._watch(begun[-1], end.cause, end.over)
        return {"cause": end.cause.value}

    @asynccontextmanager
    async def _apart(self, key: str, attempt: AttemptRow) -> AsyncIterator[None]:
        """Within the block the round is carried.

        One that outlived several workers may be what they died of. Such are carried one at a time, in no order:
        those that only were beside it come to their end before it has taken all workers that it may take.
        """
        known = []
        if attempt.state == RUNNING and self._engine is not None:  # somebody worked on it, and died
            known = self._engine.list(keys=[key])
        if not known or known[0].begun <= SUSPECT:
            yield
            return
        await asyncio.sleep(SHUFFLE_SECONDS * random.random())  # noqa: S311
        async with self._alone:
            yield

    async def _to_its_end(self, ctx: Context, place: Workplace, attempt: AttemptRow, payload: Json) -> End | None:
        """The trial boundary: the first of the two places that may catch everything."""
        execution = str(payload["execution"])
        try:
            if attempt.damaged:
                raise StoreFault(Cause.store_damaged, attempt.damaged)
            ended = await run_round(ctx, TrialStages(place, attempt), execution)
            return End(Cause(ended["cause"]), over=True)
        except Overtaken:
            return None  # another worker took it over, and brings it to its end
        except Fault as fault:
            if isinstance(fault, StoreFault) and fault.cause is not Cause.store_damaged:
                # Without records there is nothing to write a cause into: the round stays, and can be taken up.
                raise
            cause, detail = fault.cause, fault.detail
        except Exception:  # noqa: BLE001 - a bad trial is data, never the end of a run
            cause, detail = Cause.harness_bug, traceback.format_exc(limit=-8)
        if cause_row(cause).ended is Ended.cancelled and not (place.stop and place.stop.final):
            return None

        then = self._again(place, attempt, cause, int(payload["again"]))

        async def end(named: Json) -> Json:
            await _end(place, attempt, execution, cause, detail, then)
            return named

        try:
            await ctx.step("end", end, {"execution": execution}, keep=False)
        except Overtaken:
            return None
        return End(cause, over=then is None)

    def _again(self, place: Workplace, attempt: AttemptRow, cause: Cause, again: int) -> Then | None:
        """Starts the next execution, where there is to be one."""
        engine, options = self._engine, place.options
        if engine is None or place.stopped() or not cause_row(cause).rerun or again + 1 >= options.executions:
            return None
        pause = options.pause_seconds * 2**again

        def start(connection: Connection) -> None:
            start_attempt(place, engine, connection, attempt.id, again=again + 1, delay_seconds=pause)

        return start


async def _end(
    place: Workplace, attempt: AttemptRow, execution: str, cause: Cause, detail: str, then: Then | None
) -> None:
    if not place.records.work_of(execution)[1]:
        await _salvage(place, attempt, execution)
    if place.config.agent(attempt.agent).model is not None:
        place.journal.settle(f"{execution}/")
        usage = place.journal.usage_of(f"{execution}/")
        place.records.note_execution(execution, dollars=None if usage.unpriced_calls else usage.dollars)
    place.records.finish(execution, cause, detail, then=then)
    await TrialStages(place, attempt).clear(execution)


async def _salvage(place: Workplace, attempt: AttemptRow, execution: str) -> None:
    """Keep what lies in the workspace of a failed execution: lost work is worse than ungraded work."""
    try:
        with TemporaryDirectory(dir=place.scratch) as folder:
            taken = await place.provider.collect(execution, Path(folder), TreeLimits())
            if taken.files:
                await in_thread(TrialStages(place, attempt).keep, Path(folder), taken)
    except (SandboxFault, BadInput, MissingTool, OSError):
        return
