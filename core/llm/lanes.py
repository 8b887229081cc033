"""Lanes: how many tries an account gets at one time, by all workers together.

A lane belongs to an account (provider, address and key). Every try enters it, waits for its turn, and tells it how
the try went. Nothing is read or written for a try that passes; once a second, while a lane is in use, the worker
looks at what the others know and says what it wants. When the database does not answer, a worker goes on alone by
what it knew.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType

from core.causes import Cause
from core.digests import digest_of
from core.errors import StoreFault
from core.llm import lane_rules as rules
from core.llm.lane_shelf import Change, MemoryShelf, SharedShelf, Shelf
from core.llm.protocol import ModelConfig
from core.llm.retry import TryFailed
from core.store.database import Database
from core.telemetry import Fact, event

LOOK_EVERY, TELL_EVERY = 1.0, 3.0
ALONE_FOR = 30.0
"""Seconds for which a database that did not answer is left in peace."""
NUDGE_EVERY, ROTATE_EVERY = 5.0, 5.0
OVERLOADED = frozenset({503, 529})
CIRCUIT = "circuit"
"""Kind of a try that was not made because the account's circuit stayed open."""


def account_of(config: ModelConfig, api_key: str | None) -> str:
    """The account that a model's calls go to: `provider-` and a digest of its address and key."""
    return f"{config.provider}-{digest_of([config.provider, config.base_url, api_key])[:16]}"


def new_worker_name() -> str:
    """A name for this process: `host-pid-` and random characters."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


class Lanes:
    """The lanes of one process. `database`: shared with other workers; None: it is alone."""

    def __init__(self, database: Database | None = None, worker: str | None = None) -> None:
        self._database, self._worker = database, worker or new_worker_name()
        self._lanes: dict[str, Lane] = {}

    def lane(self, account: str) -> Lane:
        """The lane of an account."""
        if account not in self._lanes:
            shelf: Shelf = MemoryShelf()
            if self._database is not None:
                shelf = SharedShelf(self._database, account, self._worker)
            self._lanes[account] = Lane(account, self._worker, shelf)
        return self._lanes[account]

    def enter(self, account: str, patience: float = float("inf")) -> Entry:
        """As `Lane.enter`."""
        return self.lane(account).enter(patience)

    def close(self) -> None:
        """Tell the others at once that this worker wants nothing any more."""
        for lane in self._lanes.values():
            lane.close()

    def allowed(self) -> Iterable[tuple[float, Mapping[str, Fact]]]:
        """Of every account, how many tries this worker may have under way."""
        return [(lane.share, {"account": lane.account}) for lane in list(self._lanes.values())]

    def used(self) -> Iterable[tuple[float, Mapping[str, Fact]]]:
        """Of every account, how many tries of this worker are under way."""
        return [(lane.running, {"account": lane.account}) for lane in list(self._lanes.values())]


@dataclass(eq=False)
class Entry:
    """A way into a lane, for `async with`: within the block the try is made.

    Attributes:
        told: Is told the seconds waited, also when the wait was cut off.
        waited: Seconds until it was its turn. outage: The share of them in which the circuit was open.
        began: When its turn came, by the workers' common clock. full: The lane was well used then.
        prober: Its name, if it is the probe of an open circuit.
    """

    lane: Lane
    patience: float
    told: Callable[[float], None] | None = None
    waited: float = 0.0
    outage: float = 0.0
    began: float = 0.0
    full: bool = False
    prober: str = ""
    turn: asyncio.Future[None] | None = field(default=None, repr=False)

    async def __aenter__(self) -> Entry:
        """Wait for the turn. Raises `TryFailed` when the circuit was open longer than `patience`."""
        try:
            await self.lane.admit(self)
        finally:
            if self.told is not None:
                self.told(self.waited)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tell how the try went; one that was called off tells nothing."""
        self.lane.leave(self, error)


class Lane:
    """The lane of one account in this process."""

    def __init__(self, account: str, worker: str, shelf: Shelf) -> None:
        self.account, self._worker, self._shelf = account, worker, shelf
        self._running: set[Entry] = set()
        self._queue: deque[Entry] = deque()
        self._state, self._others = rules.LaneState(changed_at=shelf.now()), dict[str, int]()
        self._looked = self._told = self._alone_until = float("-inf")
        self._told_wants = 0
        self._credit = 0.0
        self._ticking: asyncio.TimerHandle | None = None

    @property
    def state(self) -> rules.LaneState:
        """What is known of the account."""
        return self._state

    @property
    def running(self) -> int:
        """Tries of this worker that are under way."""
        return len(self._running)

    @property
    def wants(self) -> int:
        """Tries of this worker that are under way or wait."""
        return len(self._running) + len(self._queue)

    @property
    def share(self) -> int:
        """Tries that this worker may have under way, if it wants one more than it has."""
        if not self._others:
            return max(1, int(self._state.room))
        wants = {**self._others, self._worker: max(1, self.wants)}
        return rules.share_of(self._worker, self._state.room, wants, int(self._shelf.now() // ROTATE_EVERY))

    def enter(self, patience: float = float("inf"), told: Callable[[float], None] | None = None) -> Entry:
        """`async with lane.enter():` waits for a turn, first come first served.

        Args:
            patience: Seconds to wait at most while the circuit is open; waiting for a turn has no end.
            told: Is told the seconds waited, also when the wait is cut off.
        """
        return Entry(self, patience, told)

    async def admit(self, entry: Entry) -> None:
        """Wait for the entry's turn."""
        begun = time.monotonic()
        self._queue.append(entry)
        try:
            self._keep_ticking()
            while self._queue[0] is not entry or not self._may_go(entry):
                await self._sleep(entry)
                if entry.outage > entry.patience:
                    raise self._given_up(entry)
        finally:
            entry.waited = time.monotonic() - begun
            self._queue.remove(entry)
            self._wake()

    def leave(self, entry: Entry, error: BaseException | None) -> None:
        """A try has ended."""
        self._running.discard(entry)
        try:
            if error is None:
                self._succeeded(entry)
            elif isinstance(error, TryFailed):
                self._failed(entry, error)
            elif entry.prober:
                self._apply(lambda state, _now: rules.released(state, entry.prober))
        finally:
            self._wake()

    def close(self) -> None:
        """This worker is done with the account."""
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None
        if self._told_wants:
            self._tell(0)

    def _may_go(self, entry: Entry) -> bool:
        """Whether the first in the queue goes now; then it is under way."""
        now = self._shelf.now()
        if self._state.blocked(now) > 0:
            return False
        if self._state.is_open:
            if not self._state.may_probe(now) or not self._claim(entry):
                return False
        else:
            share = self.share
            if len(self._running) >= share:
                return False
            entry.full = 2 * self.wants >= share
        entry.began = now
        self._running.add(entry)
        return True

    def _claim(self, entry: Entry) -> bool:
        name = f"{self._worker}/{id(entry):x}"
        if self._apply(lambda state, now: rules.claimed(state, now, name)).prober != name:
            return False
        entry.prober = name
        return True

    async def _sleep(self, entry: Entry) -> None:
        """Until something changed, or time has changed it."""
        begun, in_outage = time.monotonic(), self._state.is_open
        pause = NUDGE_EVERY
        if self._queue[0] is entry:
            pause = self._state.blocked(self._shelf.now()) or LOOK_EVERY
        entry.turn = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(min(pause, NUDGE_EVERY)):
                await entry.turn
        except TimeoutError:
            pass
        finally:
            entry.turn = None
            if in_outage:
                entry.outage += time.monotonic() - begun

    def _given_up(self, entry: Entry) -> TryFailed:
        detail = f"the account failed again and again: not tried for {entry.outage:.0f} s"
        return TryFailed(CIRCUIT, Cause.model_unavailable, detail, again=False)

    def _succeeded(self, entry: Entry) -> None:
        slow_start = self._state.narrowed_at == 0
        if entry.full:
            self._credit += 1.0 if slow_start else 1.0 / max(1.0, self._state.room)
        if isinstance(self._shelf, MemoryShelf) or self._state.troubled or entry.prober:
            self._pay_in()

    def _pay_in(self) -> None:
        credit, self._credit = self._credit, 0.0
        was_open = self._state.is_open
        self._apply(lambda state, now: rules.answered(state, now, credit))
        if was_open:
            event("breaker_closed", account=self.account)

    def _failed(self, entry: Entry, error: TryFailed) -> None:
        limited = error.cause is Cause.model_rate_limited
        overloaded = error.status in OVERLOADED
        unavailable = error.cause is Cause.model_unavailable
        was_open = self._state.is_open
        used = 1 + self.wants + sum(self._others.values())

        def change(state: rules.LaneState, now: float) -> rules.LaneState:
            if limited:
                state = rules.reached(state, now)
            if limited or overloaded:
                state = rules.narrowed(state, now, entry.began, error.retry_after, used)
            if unavailable:
                return rules.failed(state, now, probe=bool(entry.prober))
            return state if limited else rules.answered(state, now)

        self._apply(change)
        if limited or overloaded:
            seconds = round(self._state.blocked(self._shelf.now()), 3)
            event("rate_limited", account=self.account, seconds=seconds)
        if self._state.is_open and not was_open:
            event("breaker_opened", account=self.account)
        if was_open and not self._state.is_open:
            event("breaker_closed", account=self.account)
        self._wake(everyone=self._state.is_open)

    def _apply(self, change: Change) -> rules.LaneState:
        """Change what all know; if the database does not answer, what this worker knows."""
        now = self._shelf.now()
        if time.monotonic() >= self._alone_until:
            try:
                self._state = self._shelf.apply(change)
                return self._state
            except StoreFault:
                self._alone_until = time.monotonic() + ALONE_FOR
        self._state = change(self._state, now)
        return self._state

    def _keep_ticking(self) -> None:
        """While the lane is in use, look at what the others know and say what is wanted."""
        if isinstance(self._shelf, MemoryShelf):
            self._state = rules.fresh(self._state, self._shelf.now())
            return
        if self._ticking is not None and time.monotonic() - self._looked > 3 * LOOK_EVERY:
            self._ticking.cancel()  # the event loop that it belonged to has ended
            self._ticking = None
        if self._ticking is None:
            self._tick()

    def _tick(self) -> None:
        if time.monotonic() >= self._alone_until:
            try:
                self._exchange()
            except StoreFault:
                self._alone_until, self._others = time.monotonic() + ALONE_FOR, {}
        self._looked = time.monotonic()
        in_use = self.wants or self._told_wants
        self._ticking = asyncio.get_running_loop().call_later(LOOK_EVERY, self._tick) if in_use else None
        self._wake()

    def _exchange(self) -> None:
        wants = self.wants
        if time.monotonic() - self._told >= TELL_EVERY or wants > 2 * self._told_wants:
            self._tell(wants)
        if self._credit >= 1.0 or (self._credit and not self._others):
            self._pay_in()
        self._state, others = self._shelf.look()
        self._others = dict(others)

    def _tell(self, wants: int) -> None:
        self._shelf.tell(wants)
        self._told, self._told_wants = time.monotonic(), wants

    def _wake(self, *, everyone: bool = False) -> None:
        for entry in list(self._queue) if everyone else list(self._queue)[:1]:
            if entry.turn is not None and not entry.turn.done():
                entry.turn.set_result(None)
