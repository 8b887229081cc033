"""How far a run is now, read from the database by a few bounded statements: the same from any process."""

from __future__ import annotations

from datetime import UTC, datetime

from core import CallJournal, Cause, Ended, Frozen, cause_row
from runs import QUEUE, AtWork, Records, attempts_at_work, count_attempts, workers_alive
from upbench.home import Home

SHOWN = 8
"""Attempts at work that are named; of the rest only the number."""


class RunSnapshot(Frozen):
    """A run at one moment.

    Attributes:
        state: Of the run. stop: Why no more of it is begun.
        trials: Attempts by state. causes: Ended attempts by cause, most frequent first.
        dollars, tokens: Of all model calls so far, by every worker. estimated: The share of the dollars that is an
            estimate. unpriced_calls: Calls whose price is not known.
        per_minute: Attempts that ended in a minute, of late. seconds_left: At that rate.
        seconds: Since the run was begun, up to now or the end of its last attempt.
        embedded: Whether one process of its own executes it, and not any worker that comes.
        workers: Processes that carry its rounds. draining: How many of them take nothing new.
        at_work: The attempts that are at work for longest.
    """

    run: str
    at: datetime
    state: str
    stop: str | None = None
    trials: dict[str, int]
    causes: dict[str, int] = {}
    dollars: float = 0.0
    estimated: float = 0.0
    tokens: int = 0
    unpriced_calls: int = 0
    per_minute: float | None = None
    seconds_left: float | None = None
    seconds: float = 0.0
    embedded: bool = True
    workers: int = 0
    draining: int = 0
    at_work: tuple[AtWork, ...] = ()

    @property
    def total(self) -> int:
        """All attempts."""
        return sum(self.trials.values())

    @property
    def done(self) -> int:
        """Those that have ended."""
        return self.trials.get("done", 0)

    @property
    def over(self) -> bool:
        """Nothing more will happen unless somebody resumes it."""
        return self.done == self.total or (self.state not in {"running", "planned"} and not self.workers)

    @property
    def abandoned(self) -> bool:
        """The process that executed it is gone; nothing happens until somebody resumes it."""
        return not self.over and self.embedded and not self.workers

    @property
    def missing(self) -> int:
        """Ended attempts that do not score, through no fault of their agents."""
        return sum(n for cause, n in self.causes.items() if not cause_row(Cause(cause)).graded)

    @property
    def crashed(self) -> int:
        """Ended attempts that a fault of harness or infrastructure ended."""
        return sum(n for cause, n in self.causes.items() if cause_row(Cause(cause)).ended is Ended.harness_crash)


def take_snapshot(home: Home, run: str, *, named: int = SHOWN) -> RunSnapshot:
    """A run as it is now.

    Args:
        home: The project.
        run: Its id, the beginning of one, or `last`.
        named: How many of the attempts at work are named.

    Raises:
        BadInput: There is no such run.
    """
    database, at = home.database, datetime.now(UTC)
    row = Records(database).run(run)
    counts = count_attempts(database, row.id, at)
    spent = CallJournal(database).spent(row.id)
    rate = counts.per_minute(at)
    alive = workers_alive(database, home.state) if row.queue else []
    workers = [one for one in alive if row.queue in one.queues]
    undone = counts.total - counts.states.get("done", 0)
    until = at if undone or counts.last is None else counts.last
    return RunSnapshot(
        run=row.id,
        at=at,
        state=row.state,
        stop=f"{row.stop.reason}: {row.stop.detail}".rstrip(": ") if row.stop else None,
        trials={name: counts.states.get(name, 0) for name in ("planned", "running", "done")} | dict(counts.states),
        causes={cause.value: n for cause, n in sorted(counts.causes.items(), key=lambda item: -item[1])},
        dollars=spent.dollars,
        estimated=spent.estimated,
        tokens=spent.tokens,
        unpriced_calls=spent.unpriced,
        per_minute=rate,
        seconds_left=undone * 60 / rate if rate and undone else None,
        seconds=(until - datetime.fromisoformat(row.created)).total_seconds(),
        embedded=row.queue != QUEUE,
        workers=len(workers),
        draining=sum(one.draining for one in workers),
        at_work=tuple(attempts_at_work(database, row.id, named)),
    )
