"""What of a project can be read at any time: attempts by state, what waits, and who works."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from core import Fact, gauge
from runs import OpenCount, WorkerRow, count_open, workers_alive
from upbench.home import Home

FRESH_SECONDS = 1.0
"""All gauges of one export are read by one look at the database."""

Values = Iterable[tuple[float, Mapping[str, Fact]]]


@dataclass
class _Look:
    home: Home
    at: float = float("-inf")
    counts: list[OpenCount] = field(default_factory=list)
    workers: list[WorkerRow] = field(default_factory=list)

    def fresh(self) -> _Look:
        if time.monotonic() - self.at > FRESH_SECONDS:
            self.counts = count_open(self.home.database)
            self.workers = workers_alive(self.home.database, self.home.state)
            self.at = time.monotonic()
        return self

    def attempts(self) -> Values:
        return [(one.number, {"run": one.run, "state": one.state}) for one in self.fresh().counts]

    def waiting(self) -> Values:
        return _by_queue(self.fresh().counts, "planned")

    def used(self) -> Values:
        return _by_queue(self.fresh().counts, "running")

    def slots(self) -> Values:
        slots: Counter[str] = Counter()
        for worker in self.fresh().workers:
            slots.update(worker.queues)
        return [(number, {"queue": queue}) for queue, number in slots.items()]

    def present(self) -> Values:
        draining = Counter(one.draining for one in self.fresh().workers)
        return [(draining[is_so], {"draining": is_so}) for is_so in (False, True)]


def gauge_project(home: Home) -> None:
    """Let whoever listens read how far the runs of a project are."""
    look = _Look(home)
    gauge("attempts", look.attempts)
    gauge("queue.waiting", look.waiting)
    gauge("queue.running", look.used)
    gauge("queue.slots", look.slots)
    gauge("workers", look.present)
    gauge("lanes.allowed", home.lanes.allowed)
    gauge("lanes.used", home.lanes.used)


def _by_queue(counts: Iterable[OpenCount], state: str) -> Values:
    numbers: Counter[str] = Counter()
    for one in counts:
        numbers[one.queue] += one.number if one.state == state else 0
    return [(number, {"queue": queue}) for queue, number in numbers.items()]
