"""What a run spent: one row a worker, kept in the transaction of the reply or waste that cost it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from core.llm.ledger import Spent
from core.llm.tables import SPEND
from core.store.statements import insert_new

# Made once: building one costs more than carrying it out.
_ADD = (
    update(SPEND)
    .where(SPEND.c.run == bindparam("the_run"), SPEND.c.worker == bindparam("the_worker"))
    .values(
        dollars=SPEND.c.dollars + bindparam("more_dollars"),
        estimated=SPEND.c.estimated + bindparam("more_estimated"),
        tokens=SPEND.c.tokens + bindparam("more_tokens"),
        calls=SPEND.c.calls + bindparam("more_calls"),
        unpriced=SPEND.c.unpriced + bindparam("more_unpriced"),
        last_at=bindparam("now"),
    )
)
_NEW = insert_new(SPEND)
_OF_RUN = select(SPEND).where(SPEND.c.run == bindparam("the_run"))


@dataclass
class Spending:
    """What one transaction adds (or, where an estimate turned out too high, takes away)."""

    dollars: float = 0.0
    estimated: float = 0.0
    tokens: int = 0
    calls: int = 0
    unpriced: int = 0

    def pay(self, tokens: int, dollars: float | None, *, estimated: bool = False, sign: int = 1) -> None:
        """Add tokens and their price; None: it is not known."""
        self.tokens += sign * tokens
        self.dollars += sign * (dollars or 0.0)
        self.estimated += sign * (dollars or 0.0) if estimated else 0.0
        self.unpriced += sign * (dollars is None)


def add_spending(connection: Connection, run: str, worker: str, more: Spending) -> None:
    """Add to the row of a run and worker; nobody else writes to it."""
    now = time.time()
    changes = {f"more_{name}": value for name, value in vars(more).items()}
    known = {"the_run": run, "the_worker": worker, "now": now, **changes}
    if connection.execute(_ADD, known).rowcount == 0:
        first = {"run": run, "worker": worker, "first_at": now, "last_at": now, **vars(more)}
        connection.execute(_NEW, first)


def spending_of(connection: Connection, run: str) -> Spent:
    """What all workers spent on a run."""
    return _sum(connection.execute(_OF_RUN, {"the_run": run}).all())


def spending_of_runs(connection: Connection, runs: Sequence[str]) -> dict[str, Spent]:
    """What all workers spent on each of some runs: one statement. A run without a call is not in it."""
    rows: dict[str, list[Row[Any]]] = {}
    for row in connection.execute(select(SPEND).where(SPEND.c.run.in_(runs))):
        rows.setdefault(row.run, []).append(row)
    return {run: _sum(some) for run, some in rows.items()}


def _sum(rows: Sequence[Row[Any]]) -> Spent:
    return Spent(
        dollars=sum(row.dollars for row in rows),
        estimated=sum(row.estimated for row in rows),
        tokens=sum(row.tokens for row in rows),
        calls=sum(row.calls for row in rows),
        unpriced=sum(row.unpriced for row in rows),
        hours=_hours([(row.first_at, row.last_at) for row in rows]),
    )


def _hours(spans: list[tuple[float, float]]) -> float:
    """Hours that lie in at least one of the spans."""
    seconds, end = 0.0, float("-inf")
    for first, last in sorted(spans):
        seconds += max(0.0, last - max(first, end))
        end = max(end, last)
    return seconds / 3600
