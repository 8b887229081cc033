"""Governs a run that is being executed: stops it when its user, its budget or its crashes say so."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress

from core import Cause, StoreFault
from runs.crash_rate import crash_stop
from runs.disk import Level
from runs.limits import BudgetWatch
from runs.machinery import Machinery
from runs.options import QUEUE, Stop
from runs.rows import STOPPED
from runs.starting import bury, start_rest
from runs.workplace import Workplace

LOOK_SECONDS, SELDOM_SECONDS = 1.0, 3.0


class Governor:
    """Looks after one run in one process.

    Whoever stops a run writes that down; every process that executes it reads it within a second.
    """

    def __init__(self, place: Workplace, by: Machinery) -> None:
        self._place, self._by = place, by
        self._next = 0.0
        self._causes: Counter[Cause] = Counter()
        self._budget = BudgetWatch(place.journal, place.run_id, place.options.budget, every=LOOK_SECONDS / 2)

    def ended(self, cause: Cause) -> None:
        """An execution ended here."""
        self._causes[cause] += 1

    async def govern(self) -> None:
        """Look, each second, until this is cancelled. Raises `StoreFault`."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def close(self) -> None:
        """Look for the last time. What the records do not take now, who comes next writes down."""
        self._next = 0.0
        with suppress(StoreFault):
            self.look()

    def look(self) -> None:
        """Stop the run where that is due, and know of it where somebody else did."""
        place = self._place
        if place.stop is None:
            if (due := self._due()) is not None:
                place.records.stop(place.run_id, due)
            place.stop = place.records.stop_of(place.run_id)
        if place.queue == QUEUE:
            self._in_nobodys_stead()

    def _in_nobodys_stead(self) -> None:
        """Nobody waits for a run that workers execute: what its own process would do is done by any of them."""
        place, now = self._place, time.monotonic()
        if now < self._next:
            return
        self._next = now + SELDOM_SECONDS
        if place.stop is None:
            start_rest(place, self._by)
        bury(place, self._by.engine)
        if not place.records.end_if_done(place.run_id) and place.stop is not None:
            place.records.set_run_state(place.run_id, STOPPED)

    def _due(self) -> Stop | None:
        options = self._place.options
        if options.crashes is not None and (why := crash_stop(self._causes, options.crashes)):
            return Stop(reason="crash_rate", detail=why)
        if why := self._budget.met():
            return Stop(reason="run_budget", detail=why)
        room = self._place.guard.look()
        return Stop(reason="disk", detail=room.says) if room.level is Level.stop else None
