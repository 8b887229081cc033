"""What the durable engine costs: the same trivial trials in one process without it, on SQLite and PostgreSQL.

A trial is that of `benchmarks.trials`, in bubblewrap. Each engine runs in a process of its own, so that memory
and CPU are its own; the order is turned from round to round. The engine's share is the harness's CPU time a trial
beyond what the same trials cost in process.

Run: python -m benchmarks.durable [--trials 200] [--concurrency 16] [--rounds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.trials import OneCommand, write_pack
from core import Cause
from runs import AttemptRounds, AttemptRow, RunConfig, Workplace, machinery, plan_trials, run_trials
from runs.engine.inprocess import InProcessContext
from upbench.bench import Bench
from upbench.order import Order
from upbench.settings import Settings
from upbench.wiring import open_workplace, plan

ENGINES = ("in process", "SQLite", "PostgreSQL")
# Measured with their own mock models on 2 cores, on another day: not in this run.
PEERS = {"Inspect AI 0.3.285": (29.5, 29, 182), "Harbor 0.25.0": (30.5, 39, 94)}


@contextmanager
def workplace(folder: Path, trials: int, concurrency: int, database: str | None) -> Iterator[Workplace]:
    """A fresh project with a run of `trials` repeats."""
    bench = Bench(settings=Settings(project=folder, database=database, snapshots=False))
    config, pack = plan(Order(pack=str(write_pack(folder)), agents=("nop",), repeats=trials), bench.home)
    config = RunConfig.model_validate(config.model_dump() | {"agents": (OneCommand.config,)})
    options = bench.settings.run_options.model_copy(update={"concurrency": concurrency, "preflight": trials + 2})
    place = open_workplace(bench.home, "bench", config, pack.jobs, options=options, execute=False)
    place.config, place.agents = config, {OneCommand.config.name: OneCommand()}
    planned = list(plan_trials(config, place.jobs, "bench"))
    place.records.create_run("bench", config, pack.root, planned, place.jobs.values(), options=options)
    try:
        yield place
    finally:
        bench.close()


async def in_process(place: Workplace) -> int:
    """Carry every attempt without an engine; how many were submitted."""
    submitted = 0

    async def here(_run: str) -> Workplace:
        return place

    def watch(_attempt: AttemptRow, cause: Cause | None, _over: bool) -> None:
        nonlocal submitted
        submitted += cause is Cause.submitted

    rounds = AttemptRounds(here, watch=watch)
    todo = iter(place.records.attempts(place.run_id))

    async def one_after_the_other() -> None:
        for attempt in todo:
            with place.database.write() as connection:
                started = place.records.next_round(connection, attempt.id)
            assert started is not None
            execution, key = started
            await rounds.carry(InProcessContext(key), {"run": "bench", "execution": execution, "again": 0})

    async with place.at_work(), asyncio.TaskGroup() as group:
        for _ in range(place.options.concurrency):
            group.create_task(one_after_the_other())
    return submitted


async def durable(place: Workplace) -> int:
    """Carry every attempt through the engine; how many were submitted."""
    with machinery(place.database, place.scratch.parent.parent) as by:
        return (await run_trials(place, by)).causes[Cause.submitted]


def measure(engine: str, trials: int, concurrency: int, database: str | None) -> dict[str, float]:
    """Rate a second, CPU in ms a trial and peak memory in MB of this process."""
    with (
        TemporaryDirectory(prefix="upbench-bench-") as folder,
        workplace(Path(folder), trials, concurrency, database) as place,
    ):
        before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        submitted = asyncio.run(in_process(place) if engine == ENGINES[0] else durable(place))
        seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    if submitted != trials:
        raise RuntimeError(f"{submitted} of {trials} trials were submitted")
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"rate": trials / seconds, "cpu": spent * 1000 / trials, "memory": after.ru_maxrss / 1024}


def measure_apart(engine: str, trials: int, concurrency: int, database: str | None) -> dict[str, float]:
    """The same in a process of its own."""
    options = ["--engine", engine, "--trials", str(trials), "--concurrency", str(concurrency)]
    command = [
        sys.executable,
        "-m",
        "benchmarks.durable",
        *options,
        *(["--database", database] if database else []),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


@contextmanager
def postgres() -> Iterator[str | None]:
    """Databases of a server for the length of the block; None where there is none."""
    from tests.standins.postgres import Postgres, unusable

    if unusable() is not None:
        yield None
        return
    server = Postgres()
    try:
        yield server.database()
    finally:
        server.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    parser.add_argument("--database", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.engine:
        print(json.dumps(measure(given.engine, given.trials, given.concurrency, given.database)))
        return
    found: dict[str, list[dict[str, float]]] = {engine: [] for engine in ENGINES}
    for number in range(given.rounds):
        for engine in (*ENGINES[number % 3 :], *ENGINES[: number % 3]):
            if engine != "PostgreSQL":
                found[engine].append(measure_apart(engine, given.trials, given.concurrency, None))
                continue
            with postgres() as database:
                if database is not None:
                    found[engine].append(measure_apart(engine, given.trials, given.concurrency, database))
    middle = {
        engine: {name: statistics.median(one[name] for one in rounds) for name in ("rate", "cpu", "memory")}
        for engine, rounds in found.items()
        if rounds
    }
    bare = middle["in process"]["cpu"]
    print(f"{given.trials} trivial trials in bubblewrap, {given.concurrency} at a time, medians of {given.rounds}")
    print(f"{'':22}{'trials/s':>10}{'CPU ms':>9}{'engine ms':>11}{'MB':>7}")
    for engine, row in middle.items():
        share = f"{row['cpu'] - bare:11.1f}" if engine != ENGINES[0] else " " * 11
        print(f"{engine:22}{row['rate']:10.1f}{row['cpu']:9.1f}{share}{row['memory']:7.0f}")
    for name, (rate, cpu, memory) in PEERS.items():
        print(f"{name:22}{rate:10.1f}{cpu:9.1f}{'':11}{memory:7.0f}  (without isolation; measured on another day)")


if __name__ == "__main__":
    main()
