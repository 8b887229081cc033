"""Workers of the engine's contract: processes whose rounds write down what they do."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import Database, StoreFault
from runs import OPEN, RUN_MIGRATIONS, at_work, machinery
from runs.engine.port import Context, Json
from tests.runs.forking import Forked

QUEUE = "workers"
CARRY = "tests.runs.engine.crew:carry"
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Line:
    """What a round wrote down: `what` is `begin`, or a step's name with `+` before and `-` after it."""

    key: str
    what: str
    pid: int
    at: float


class Log:
    """Lines of all rounds, in the order in which they were written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, key: str, what: str) -> None:
        """Add a line."""
        line = f"{key} {what} {os.getpid()} {time.monotonic()}\n"
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(handle, line.encode())
        os.close(handle)

    def lines(self, key: str | None = None) -> list[Line]:
        """All lines, or those of a round."""
        text = self.path.read_text() if self.path.exists() else ""
        words = [line.split() for line in text.splitlines()]
        found = [Line(one[0], one[1], int(one[2]), float(one[3])) for one in words]
        return [line for line in found if key in (None, line.key)]

    def count(self, what: str) -> Counter[str]:
        """How often each round wrote that."""
        return Counter(line.key for line in self.lines() if line.what == what)

    def wait_for(self, number: int, what: str, seconds: float = 60) -> None:
        """Until so many such lines are there."""
        deadline = time.monotonic() + seconds
        while sum(self.count(what).values()) < number:
            assert time.monotonic() < deadline, f"{number} x {what} in {seconds} s: {self.lines()}"
            time.sleep(0.01)

    def by_worker(self) -> dict[int, set[str]]:
        """The rounds that each process began."""
        found: defaultdict[int, set[str]] = defaultdict(set)
        for line in self.lines():
            if line.what == "begin":
                found[line.pid].add(line.key)
        return found


def kinds(log: Log) -> dict[str, Any]:
    """What the contract's rounds do."""

    async def steps(ctx: Context, payload: Json) -> Json:
        """So many steps, each of so many seconds."""
        log.write(ctx.key, "begin")
        made = []
        for number in range(payload["steps"]):
            name = f"s{number}"

            async def effect(given: Json, name: str = name) -> Json:
                log.write(ctx.key, f"+{name}")
                await asyncio.sleep(payload["seconds"])
                log.write(ctx.key, f"-{name}")
                return given

            made.append(await ctx.step(name, effect, {"number": number}))
        log.write(ctx.key, "end")
        return {"made": made}

    async def attempt(ctx: Context, payload: Json) -> Json:
        """Takes its worker with it where it is the one that does."""
        log.write(ctx.key, "begin")
        if payload["execution"] in os.environ.get("POISON", "none"):
            os.kill(os.getpid(), signal.SIGKILL)
        return {}

    return {"steps": steps, "attempt": attempt}


def carry(place: str, state: str, slots: int, fence: float | None = None) -> int:
    """A worker: until nothing is queued or under way, or it is told to stop."""
    from runs.workers import liveness

    if fence is not None:
        liveness.FENCE_SECONDS = fence
    return asyncio.run(_carry(place, Path(state), slots))


async def _carry(place: str, state: Path, slots: int) -> int:
    log = Log(state / "log")
    database = Database(place, RUN_MIGRATIONS)
    stopped, failed = asyncio.Event(), False
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    with machinery(database, state) as by:
        if together := int(os.environ.get("TOGETHER", "0")):  # so that none has done all before another is there
            log.write("-", "ready")
            await asyncio.to_thread(log.wait_for, together, "ready")
        async with at_work(by, kinds(log), {QUEUE: slots}, poll_seconds=POLL_SECONDS) as me:
            log.write(me.id, "worker")
            while not stopped.is_set():
                await asyncio.wait({me.ended}, timeout=0.1)
                looking = asyncio.ensure_future(
                    asyncio.to_thread(by.engine.list, queue=QUEUE, states=OPEN, limit=1)
                )
                both: set[asyncio.Future[Any]] = {me.ended, looking}
                await asyncio.wait(both, return_when="FIRST_COMPLETED")  # it may never be answered
                if me.ended.done():
                    failed = isinstance(me.ended.exception(), StoreFault)
                    log.write(me.id, "fenced")
                    break
                try:
                    if not looking.result():
                        break
                except StoreFault:  # a server that ended in the middle of it: the next look waits for it
                    continue
    database.close()
    return int(failed)


class Crew:
    """The workers of a test.

    Args:
        place: Of the database.
        state: Of the project; the log lies there.
    """

    def __init__(self, place: str, state: Path) -> None:
        self.place, self.state = place, state
        self.log = Log(state / "log")
        self.workers: list[Forked] = []

    def worker(
        self, slots: int = 4, *, place: str | None = None, fence: float | None = None, **env: str
    ) -> Forked:
        """One more."""
        given = (place or self.place, str(self.state), slots, fence)
        self.workers.append(one := Forked(CARRY, *given, folder=self.state, env=env))
        return one

    def end(self) -> None:
        """End what a failed test has left running."""
        for worker in self.workers:
            worker.send(signal.SIGCONT)
            worker.kill()
