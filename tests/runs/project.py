"""A project in a temporary folder, with real bubblewrap sandboxes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core import Cause
from runs import AttemptRounds, Progress, Workplace, machinery, run_trials
from runs.engine.inprocess import InProcessContext
from sandbox import provider
from tests.sandbox.readiness import need
from upbench.bench import Bench
from upbench.order import Order
from upbench.settings import Settings


def need_sandbox(name: str = "bwrap") -> None:
    """Skip (or fail where all is required) without the sandbox provider."""
    need(provider(name, Path("unused")), name)


@contextmanager
def bench_in(folder: Path, **settings: Any) -> Iterator[Bench]:
    """A `Bench` over a project in `folder`."""
    need_sandbox()
    bench = Bench(settings=Settings(project=folder, **settings))
    try:
        yield bench
    finally:
        bench.close()


def run_all(place: Workplace, *, concurrency: int = 2, executions: int = 2, **more: Any) -> Progress:
    """Run a workplace to its end."""
    return asyncio.run(run_it(place, concurrency=concurrency, executions=executions, **more))


async def run_it(place: Workplace, *, concurrency: int = 2, executions: int = 2, **more: Any) -> Progress:
    """The same on the running loop. Nothing pauses before it is executed again."""
    chosen = {"concurrency": concurrency, "executions": executions, "pause_seconds": 0.0}
    place.options = place.options.model_copy(update=chosen)
    with machinery(place.database, place.scratch.parent.parent) as by:
        return await run_trials(place, by, **more)


async def run_here(place: Workplace, *, times: int = 1) -> Counter[Cause]:
    """Carry every attempt without an engine, one after the other, each step's effect `times` times."""
    ended: list[Cause] = []

    async def here(_run: str) -> Workplace:
        return place

    rounds = AttemptRounds(here, watch=lambda _attempt, cause, _over: ended.append(cause) if cause else None)
    async with place.at_work():
        for attempt in place.records.attempts(place.run_id):
            with place.database.write() as connection:
                started = place.records.next_round(connection, attempt.id)
            assert started is not None
            execution, key = started
            payload = {"run": place.run_id, "execution": execution, "again": 0}
            await rounds.carry(InProcessContext(key, times=times), payload)
    return Counter(ended)


def order(pack: Path, *agents: str, **more: Any) -> Order:
    """An order of agents on a pack; `react` gets the scripted model."""
    models = ("scripted/test",) if any(name.startswith("react") for name in agents) else ()
    return Order(pack=str(pack), agents=agents, models=models, **more)
