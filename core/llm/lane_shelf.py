"""Where what is known of an account is kept: in memory for one worker, in the database for many."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Protocol

from sqlalchemy import Connection, Row, delete, func, select, update

from core.llm.lane_rules import LaneState, fresh
from core.llm.tables import LANE_USERS, LANES
from core.store.database import Database
from core.store.statements import insert_new

# Seconds after which a worker that says nothing no longer counts, and after which its row goes.
SILENT_AFTER, GONE_AFTER = 10.0, 3600.0

Change = Callable[[LaneState, float], LaneState]


class Shelf(Protocol):
    """Keeps the state of one account."""

    def now(self) -> float:
        """Seconds since 1970, by the clock that all workers share."""
        ...

    def look(self) -> tuple[LaneState, Mapping[str, int]]:
        """The state, and what every other worker wants."""
        ...

    def apply(self, change: Change) -> LaneState:
        """Change the state, alone, and give the new one."""
        ...

    def tell(self, wants: int) -> None:
        """Say how many tries this worker would like to have under way; 0: it is not there any more."""
        ...


class MemoryShelf:
    """For a worker that is alone."""

    def __init__(self) -> None:
        self._state = LaneState(changed_at=self.now())

    def now(self) -> float:
        """This machine's clock."""
        return time.time()

    def look(self) -> tuple[LaneState, Mapping[str, int]]:
        """The state; there is nobody else."""
        return self._state, {}

    def apply(self, change: Change) -> LaneState:
        """Change the state."""
        now = self.now()
        self._state = change(fresh(self._state, now), now)
        return self._state

    def tell(self, wants: int) -> None:
        """There is nobody to tell."""


class SharedShelf:
    """One row an account and one an account and worker, in the database that the workers share.

    Every method raises `StoreFault` when the database does not answer.
    """

    def __init__(self, database: Database, account: str, worker: str) -> None:
        self._database, self._account, self._worker = database, account, worker
        self._ahead = 0.0  # of this machine's clock: seconds that the database's is
        self._told = False

    def now(self) -> float:
        """The database's clock as of the last look: the workers' machines need not agree on the time."""
        return time.time() + self._ahead

    def look(self) -> tuple[LaneState, Mapping[str, int]]:
        """The state, and what every other worker that is there wants."""
        with self._database.read() as connection:
            self._set_clock(connection)
            now = self.now()
            row = connection.execute(select(LANES).where(LANES.c.account == self._account)).one_or_none()
            others = connection.execute(
                select(LANE_USERS.c.worker, LANE_USERS.c.wants).where(
                    LANE_USERS.c.account == self._account,
                    LANE_USERS.c.worker != self._worker,
                    LANE_USERS.c.seen_at > now - SILENT_AFTER,
                    LANE_USERS.c.wants > 0,
                )
            )
            wants = {worker: wants for worker, wants in others}
        return _state(row, now), wants

    def apply(self, change: Change) -> LaneState:
        """Change the row while nobody else does."""
        with self._database.write() as connection:
            now = self.now()
            mine = LANES.c.account == self._account
            row = connection.execute(select(LANES).where(mine).with_for_update()).one_or_none()
            if row is None:
                first = asdict(LaneState(changed_at=now))
                connection.execute(insert_new(LANES).values(account=self._account, **first))
                row = connection.execute(select(LANES).where(mine).with_for_update()).one()
            state = change(_state(row, now), now)
            connection.execute(update(LANES).where(mine).values(**asdict(state)))
        return state

    def tell(self, wants: int) -> None:
        """Write this worker's row; the first time, rows of workers that are long gone are cleared away."""
        mine = (LANE_USERS.c.account == self._account) & (LANE_USERS.c.worker == self._worker)
        with self._database.write() as connection:
            now = self.now()
            values = {"wants": wants, "seen_at": now}
            if connection.execute(update(LANE_USERS).where(mine).values(**values)).rowcount == 0:
                connection.execute(
                    insert_new(LANE_USERS).values(account=self._account, worker=self._worker, **values)
                )
            if not self._told:
                connection.execute(delete(LANE_USERS).where(LANE_USERS.c.seen_at < now - GONE_AFTER))
        self._told = True

    def _set_clock(self, connection: Connection) -> None:
        if connection.dialect.name == "sqlite":  # the same machine
            return
        theirs = connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one()
        self._ahead = float(theirs) - time.time()


def _state(row: Row[tuple[object, ...]] | None, now: float) -> LaneState:
    if row is None:
        return LaneState(changed_at=now)
    kept = {name: value for name, value in row._mapping.items() if name != "account"}
    return fresh(LaneState(**kept), now)
