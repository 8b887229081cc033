"""A project in a temporary folder, with real bubblewrap sandboxes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runs import Progress, Workplace, run_trials
from sandbox import provider
from tests.sandbox.readiness import need
from upbench.bench import Bench
from upbench.settings import Settings
from upbench.wiring import Order


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


def run_all(place: Workplace, **options: Any) -> Progress:
    """Run a workplace to its end."""
    return asyncio.run(run_trials(place, concurrency=options.pop("concurrency", 2), **options))


def order(pack: Path, *agents: str, **more: Any) -> Order:
    """An order of agents on a pack; `react` gets the scripted model."""
    models = ("scripted/test",) if any(name.startswith("react") for name in agents) else ()
    return Order(pack=str(pack), agents=agents, models=models, **more)
