"""Governs a run that is being executed: stops it when its user, its budget or its crashes say so."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from core import StoreFault, in_thread
from runs.crash_rate import crash_stop
from runs.disk import Level
from runs.later import add_attempts
from runs.limits import BudgetWatch
from runs.machinery import Machinery
from runs.options import QUEUE, Stop
from runs.rows import DONE, STOPPED, Standing
from runs.starting import bury, start_lost, start_rest
from runs.workplace import Workplace

LOOK_SECONDS, SELDOM_SECONDS, LOST_SECONDS = 1.0, 3.0, 10.0
REST_SECONDS = 30.0
"""Between two looks at a run that is over: a worker that lives for months has seen many."""

CLOCKS_APART = timedelta(hours=1)
"""So far the clocks of workers may be apart: what may have ended since the last look is looked at again."""

SHARE = 0.02
"""Of the time that counting crashes may take: the larger the run, the more rarely."""

_log = logging.getLogger("upbench.run")


def governing(run: str) -> str:
    """The lock that whoever leads among those who govern a run holds."""
    return f"govern.{run}"


class Governor:
    """Looks after one run in one process.

    Whoever stops a run writes that down; every process that executes it reads it within a second. What needs to be
    done once, whatever the number of processes, is done by the one that leads: it holds a lock by the run's name,
    and when it dies another does.
    """

    def __init__(self, place: Workplace, by: Machinery) -> None:
        self._place, self._by = place, by
        self._shared = place.queue == QUEUE
        self._lock = governing(place.run_id)
        self._started: str | None = None
        self._next_count = self._next = self._next_try = 0.0
        self._next_lost, self._looked_to = time.monotonic() + LOST_SECONDS, ""
        self._settled = self._over = self._asks = False
        self._asked: str | None = None
        self._budget = self._watch()

    def _watch(self) -> BudgetWatch:
        place = self._place
        return BudgetWatch(place.journal, place.run_id, place.options.budget, every=LOOK_SECONDS / 2)

    async def govern(self) -> None:
        """Look, each second while the run goes on, until this is cancelled.

        Records that do not answer are asked again: who governs must not be the first to give up.
        """
        while True:
            try:
                self.look()
                if self._asks:
                    await in_thread(self._add)  # it may go through thousands, and the rounds go on meanwhile
            except StoreFault as fault:
                _log.warning("run %s is not governed: %s", self._place.run_id, fault)
                self._by.locks.give(self._lock)
            await asyncio.sleep(REST_SECONDS if self._over else LOOK_SECONDS)

    def rests(self) -> bool:
        """Whether the run is over, and nothing is looked at but whether somebody goes on with it."""
        return self._over

    def wake(self) -> None:
        """A round of the run has come: look again if the run was thought to be over. Raises `StoreFault`."""
        if self._over:
            self.look()

    def close(self) -> None:
        """Look for the last time. What the records do not take now, who comes next writes down."""
        self._next = 0.0
        with suppress(StoreFault):
            self.look()
        self._by.locks.give(self._lock)

    def look(self) -> None:
        """Stop the run where that is due, and know of it where somebody else did, or resumed it."""
        place = self._place
        standing = self._standing()
        if standing.stop is None and (due := self._due(standing)) is not None:
            place.records.stop(place.run_id, due)
            standing = self._standing()
        place.stop = standing.stop
        self._over = self._shared and standing.state in (DONE, STOPPED)
        if self._shared:
            self._in_nobodys_stead(standing)

    def _standing(self) -> Standing:
        """How the run stands; after a resume it is executed as was said then."""
        place = self._place
        standing = place.records.standing_of(place.run_id)
        if self._shared and standing.started != self._started:
            if self._started is not None:
                place.options = place.records.run(place.run_id).options
                self._budget = self._watch()
            self._started, self._settled, self._asked = standing.started, False, None
        return standing

    def _leads(self) -> bool:
        """Whether it is this process that leads. The others ask seldom whether it is theirs to do so."""
        if not self._shared:
            return True
        if (now := time.monotonic()) < self._next_try:
            return False
        leads = self._by.locks.take(self._lock)
        self._next_try = 0.0 if leads else now + SELDOM_SECONDS
        return leads

    def _in_nobodys_stead(self, standing: Standing) -> None:
        """Nobody waits for a run that workers execute: what its own process would do is done by one of them."""
        place, now = self._place, time.monotonic()
        if now < self._next or not self._leads():
            return
        self._next = now + SELDOM_SECONDS
        if standing.stop is None and start_rest(place, self._by):
            self._next = 0.0
        bury(place, self._by.engine)
        if standing.stop is None and now >= self._next_lost:
            self._next_lost = now + LOST_SECONDS
            self._looked_to = start_lost(place, self._by.engine, self._looked_to)
        if place.records.has_undone(place.run_id):
            self._settled = False
            if standing.stop is not None and standing.state != STOPPED:
                place.records.set_run_state(place.run_id, STOPPED)
        elif not self._settled:
            self._asks = True
        elif standing.state != DONE:
            place.records.end_if_done(place.run_id)

    def _add(self) -> None:
        """Add what the run's protocol asks for by now; where that is nothing, the run is done."""
        place, began = self._place, datetime.now(UTC) - CLOCKS_APART
        planned = add_attempts(place, since=self._asked).planned
        self._asks, self._asked, self._next = False, began.isoformat(timespec="milliseconds"), 0.0
        if not planned:
            self._settled = True
            place.records.end_if_done(place.run_id)

    def expects(self) -> bool:
        """Whether more rounds of a run that workers execute are about to be started, where none is queued now."""
        place = self._place
        if place.stopped():
            return False
        if place.records.has_undone(place.run_id):
            return True  # also where a round was lost: somebody who leads will find out
        return not self._settled and self._leads()

    def _due(self, standing: Standing) -> Stop | None:
        if why := self._crashes(standing):
            return Stop(reason="crash_rate", detail=why)
        if self._leads() and (why := self._budget.met()):
            return Stop(reason="run_budget", detail=why)
        if self._shared:
            return None  # a worker without room takes no more rounds; others may have some
        room = self._place.guard.look()
        return Stop(reason="disk", detail=room.says) if room.level is Level.stop else None

    def _crashes(self, standing: Standing) -> str | None:
        """Counts the attempts that ended for good since the run was begun or resumed, by whomever."""
        place, now = self._place, time.monotonic()
        bound = place.options.crashes
        if bound is None or standing.started is None or now < self._next_count or not self._leads():
            return None
        causes = place.records.causes_since(place.run_id, standing.started)
        pause = SELDOM_SECONDS if self._shared else LOOK_SECONDS / 2
        self._next_count = now + max(pause, (time.monotonic() - now) / SHARE)
        return crash_stop(causes, bound)
