"""The port of the engines: six functions, and what a round sees of the engine that carries it.

A *round* is a bounded workflow known by its key. It is carried by exactly one worker at a time, its steps are run
at least once, and it outlives the worker: when that dies, another takes the round up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import Connection

Json = dict[str, Any]
Step = Callable[[Json], Awaitable[Json]]


class Context(Protocol):
    """What a round sees of the engine that carries it."""

    @property
    def key(self) -> str:
        """The round's name."""
        ...

    async def step(self, name: str, effect: Step, payload: Json, *, keep: bool = True) -> Json:
        """Run `effect(payload)` unless step `name` of this round has ended before; return its output.

        Effects are idempotent: one that was cut short is run again from its beginning.

        Args:
            name: Of the step, once in a round.
            effect: Takes ids and returns pointers.
            payload: Its input.
            keep: Whether the output is written down, so that the effect is not run again when the round is taken
                up. False for effects that are cheaper to run again than to write down.
        """
        ...


Carry = Callable[[Context, Json], Awaitable[Json]]
"""What a round of some kind does: gets its payload, returns a small result."""


@dataclass(frozen=True)
class Round:
    """A round to start.

    Attributes:
        kind: Says what is done, see `Engine.work`.
        key: Names it; starting a key twice starts one round.
        payload: Its input.
        queue: Who listens to that queue carries it.
        share: Rounds of the same share (a run) compete with each other before they compete with others.
        delay_seconds: Before that time it is not begun.
    """

    kind: str
    key: str
    payload: Json = field(hash=False)
    queue: str
    share: str = ""
    delay_seconds: float = 0.0


class RoundState(StrEnum):
    """How far a round is. `dead`: it took its workers with it, again and again, and is not tried any more."""

    queued = "queued"
    running = "running"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"
    dead = "dead"


OPEN = (RoundState.queued, RoundState.running)
"""Not ended; the second: carried by somebody, or by somebody who died."""


@dataclass(frozen=True)
class RoundStatus:
    """A round as the engine knows it; `worker` is who carried it last, `begun` how often somebody began to."""

    key: str
    state: RoundState
    queue: str | None
    worker: str | None
    begun: int = 0


@dataclass(frozen=True)
class Crew:
    """This process while it carries rounds.

    Attributes:
        stuck: Fails with a `StoreFault` once rounds cannot go on here.
        pause: Takes no more rounds out of the queues; what is under way goes on.
        shunned: Shares of which this process takes no rounds; whoever works may change it.
    """

    stuck: asyncio.Future[None]
    pause: Callable[[], None]
    shunned: set[str] = field(default_factory=set)


class Engine(Protocol):
    """Carries rounds."""

    def prepare(self, queues: Sequence[str] = ()) -> None:
        """Make the engine's tables where they are not there; before the first `start` in a transaction.

        Args:
            queues: What earlier versions of UpBench left in these may be taken up by this one from now on.
        """
        ...

    def start(self, rounds: Sequence[Round], connection: Connection | None = None) -> None:
        """Put rounds in their queues; with a connection to our database, in the caller's transaction."""
        ...

    def cancel(self, keys: Sequence[str]) -> None:
        """Take rounds out of their queues; one that is running is not begun again when its worker dies."""
        ...

    def list(
        self,
        *,
        queue: str | None = None,
        worker: str | None = None,
        keys: Sequence[str] | None = None,
        states: Sequence[RoundState] = (),
        limit: int | None = None,
    ) -> list[RoundStatus]:
        """Rounds in some state (default: any), oldest first; with states and a limit any so many."""
        ...

    def recover(self, worker: str, *, blameless: bool = False) -> int:
        """Put what a dead worker of any version carried back in its queues, once; how many rounds that were.

        Args:
            worker: Its name.
            blameless: It ended as it should: that it carried them is not counted against them.
        """
        ...

    def forget(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` rounds that ended before that moment, but for dead ones; how many that were."""
        ...

    def fork(self, key: str, step: int) -> str:
        """Carry a finished round once more from its `step`-th step (from 1) on; the new round's key."""
        ...

    def work(
        self, worker: str, kinds: Mapping[str, Carry], queues: Mapping[str, int], *, poll_seconds: float = 1.0
    ) -> AbstractAsyncContextManager[Crew]:
        """Within the block this process carries rounds, on the running event loop.

        When the block ends, rounds that are under way are cancelled and stay to be taken up.

        Args:
            worker: Name of this process among all that share the database.
            kinds: What each kind of round does.
            queues: Queue -> how many of its rounds this process carries at one time.
            poll_seconds: How often queues are looked at.

        Raises:
            BadInput: This process carries rounds already.
        """
        ...
