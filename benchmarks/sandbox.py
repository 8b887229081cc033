"""Two figures of the sandbox: milliseconds a command, and trivial sandboxes a second against bare `bwrap`.

    python -m benchmarks.sandbox [--provider bwrap|docker] [--opens 200] [--concurrency 8] [--rounds 5]

A trivial sandbox is: open, write a file by one command, collect it, close, discard. The bare loop starts
`bwrap ... python3 -S -c pass` as often, at the same concurrency, in the same run: read the ratio, not the rate.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.trivial import trivial_round
from sandbox import Command, SandboxProvider, SandboxSpec, provider

SYSTEM = ["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib"]
SYSTEM += ["--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
SPACES = [f"--unshare-{kind}" for kind in ("user", "pid", "net", "ipc", "uts")]
BARE = ["bwrap", *SYSTEM, *SPACES, "--die-with-parent", "--new-session", "--uid", "1000", "--gid", "1000"]
BARE += ["/usr/bin/python3", "-S", "-c", "pass"]


async def bare(count: int, concurrency: int) -> float:
    """Bare starts a second."""
    left = iter(range(count))

    async def one() -> None:
        for _ in left:
            process = os.posix_spawn(  # noqa: ASYNC221  # as the sandboxes are started
                "/usr/bin/bwrap", BARE, {"PATH": "/usr/bin"}
            )
            await asyncio.to_thread(os.waitpid, process, 0)

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(concurrency)))
    return count / (time.perf_counter() - started)


async def trivial(made: SandboxProvider, count: int, concurrency: int, target: Path) -> float:
    """Trivial sandboxes a second."""
    left = iter(range(count))

    async def one() -> None:
        for number in left:
            await trivial_round(made, number, target)

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(concurrency)))
    return count / (time.perf_counter() - started)


async def command_ms(made: SandboxProvider, count: int = 300) -> float:
    """Median milliseconds of `true` through an open sandbox."""
    box = await made.open(SandboxSpec(workspace="bench-command"))
    spent = []
    for _ in range(count):
        started = time.perf_counter()
        await box.run(Command(argv=("true",)))
        spent.append(time.perf_counter() - started)
    await box.close()
    await made.discard("bench-command")
    return statistics.median(spent) * 1000


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--provider", default="bwrap")
    parser.add_argument("--opens", type=int, default=200)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = provider(options.provider, Path(folder) / "state")
        print(f"command: {await command_ms(made):.2f} ms (median)")
        rows = []
        for number in range(options.rounds):
            ours = await trivial(made, options.opens, options.concurrency, Path(folder) / f"out-{number}")
            floor = await bare(options.opens, options.concurrency)
            rows.append((ours, floor, ours / floor))
            print(f"trivial sandboxes: {ours:.0f}/s, bare bwrap: {floor:.0f}/s, ratio {ours / floor:.2f}")
        print(f"median: {statistics.median(row[0] for row in rows):.0f}/s", end=", ")
        print(f"ratio {statistics.median(row[2] for row in rows):.2f}", end=", ")
        print(f"peak RSS {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    asyncio.run(main())
