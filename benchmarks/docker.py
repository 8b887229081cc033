"""Trivial docker trials a second, and their CPU, against a bare `docker run --rm` loop in the same run.

    python -m benchmarks.docker [--runtime runsc] [--opens 48] [--concurrency 16] [--rounds 5]

A trivial trial is: open, write 1 kB by one command, close, collect, discard. The bare loop runs
`docker run --rm --network none IMAGE true` as often, at the same concurrency, beside the same runtime. CPU seconds
are the whole machine's, so whatever else runs counts as well: read the ratio, and measure when it is quiet. Where
no engine answers, it says so and measures nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.trivial import trivial_round
from core import BadInput
from sandbox import ProviderOptions, SandboxProvider, image_tag, provider


class Rate(NamedTuple):
    """How a loop went: rounds a second, and CPU seconds of the whole machine each."""

    per_second: float
    cpu_seconds: float


def busy_seconds() -> float:
    """CPU seconds that the machine has spent so far, idle and waiting ones not counted."""
    with open("/proc/stat", encoding="ascii") as stream:
        ticks = [int(word) for word in stream.readline().split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


async def loop(count: int, concurrency: int, work: Callable[[int], Awaitable[None]]) -> Rate:
    """Do `work` `count` times, `concurrency` at once."""
    left = iter(range(count))

    async def one() -> None:
        for number in left:
            await work(number)

    cpu, started = busy_seconds(), time.perf_counter()
    await asyncio.gather(*(one() for _ in range(concurrency)))
    return Rate(count / (time.perf_counter() - started), (busy_seconds() - cpu) / count)


def bare(runtime: str | None) -> Callable[[int], Awaitable[None]]:
    """A bare container that does nothing."""
    chosen = ["--runtime", runtime] if runtime else []

    async def run(_number: int) -> None:
        words = ["docker", "run", "--rm", "--network", "none", *chosen, image_tag(), "true"]
        process = await asyncio.create_subprocess_exec(*words)
        assert await process.wait() == 0

    return run


def trivial(made: SandboxProvider, target: Path) -> Callable[[int], Awaitable[None]]:
    """A trivial trial."""

    async def run(number: int) -> None:
        await trivial_round(made, number, target)

    return run


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime")
    parser.add_argument("--opens", type=int, default=48)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rows: list[tuple[Rate, Rate]] = []
    with tempfile.TemporaryDirectory() as folder:
        made = provider("docker", Path(folder) / "state", ProviderOptions(docker_runtime=options.runtime))
        try:
            problem = made.problem()
        except BadInput as error:
            parser.error(str(error))
        if problem:
            print(f"skipped: {problem[0]} ({problem[1]})")
            return
        ours, floor = trivial(made, Path(folder) / "out"), bare(options.runtime)
        await loop(2, 2, ours)
        await loop(2, 2, floor)
        print(f"load before: {os.getloadavg()[0]:.1f}")
        for number in range(options.rounds):
            parts = [(0, ours), (1, floor)] if number % 2 == 0 else [(1, floor), (0, ours)]
            found = {at: await loop(options.opens, options.concurrency, work) for at, work in parts}
            rows.append((found[0], found[1]))
            print(_line(*rows[-1]))
        assert not await made.resources()
    ratio = statistics.median(mine.per_second / other.per_second for mine, other in rows)
    medians = [Rate(*map(statistics.median, zip(*side, strict=True))) for side in zip(*rows, strict=True)]
    print(f"medians: {_line(*medians)}; median of the ratios {ratio:.2f}")


def _line(mine: Rate, other: Rate) -> str:
    return (
        f"trivial trials {mine.per_second:.1f}/s, {mine.cpu_seconds:.2f} CPU s each; "
        f"bare docker run {other.per_second:.1f}/s, {other.cpu_seconds:.2f} CPU s each; "
        f"ratio {mine.per_second / other.per_second:.2f}"
    )


if __name__ == "__main__":
    asyncio.run(main())
