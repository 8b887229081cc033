"""200 trivial trials through the whole pipeline, beside bare sandboxes in the same run.

A trial here: open a sandbox, one command that writes one 1 kB deliverable, collect it, no checks, publish.

Run: python -m benchmarks.trials [--trials 200] [--concurrency 8] [--rounds 5] [--provider bwrap]
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import resource
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from agents import AgentConfig, AgentResult, Assignment, Desk
from benchmarks.bare import bare_rate
from core import Cause
from runs import RunConfig, Workplace, machinery, plan_trials, run_trials
from sandbox import Command
from upbench.bench import Bench
from upbench.order import Order
from upbench.settings import Settings
from upbench.wiring import open_workplace, plan

MIB = 1 << 20


class OneCommand:
    """The smallest agent that does something: one command, one deliverable of 1 kB."""

    config = AgentConfig(name="one-command", scaffold="one-command")

    async def work(self, assignment: Assignment, desk: Desk) -> AgentResult:
        """Write `/job/deliverables/out.txt`."""
        command = Command(
            argv=("sh", "-c", f"yes 0123456789abcde | head -c 1024 > deliverables/out.txt # {assignment.key}")
        )
        result = await desk.sandbox.run(command)
        if result.exit_code != 0:
            raise RuntimeError(result.stderr.text)
        return AgentResult(cause=Cause.submitted)


@dataclass
class Measured:
    """One round. Rates a second; bytes a trial."""

    trials: float
    bare: float
    bytes_a_trial: float


def write_pack(root: Path) -> Path:
    """One trivial job without checks."""
    job = root / "pack" / "jobs" / "trivial"
    job.mkdir(parents=True)
    (root / "pack" / "pack.toml").write_text(
        'name = "trivial"\nversion = "1.0.0"\nlicence = "Apache-2.0"\ncanary = "none"\ndescription = "Trivial"\n'
    )
    (job / "job.toml").write_text(
        'title = "Write a file"\ncategory = ["Admin Support"]\npayout = { amount = "5.00", currency = "USD" }\n'
        'deliverables = [{ path = "out.txt", required = true }]\n'
    )
    (job / "brief.md").write_text("Write out.txt.\n")
    (job / "rubric.toml").write_text(
        '[[criteria]]\nid = "file"\nimportance = "critical"\ntext = "Contains 64 lines"\n'
    )
    return root / "pack"


def bytes_of(state: Path) -> int:
    """Bytes of database and blobs (not of workspaces)."""
    return sum(
        path.stat().st_size
        for path in state.rglob("*")
        if path.is_file() and (path.name.startswith("upbench.db") or "blobs" in path.parts)
    )


@contextmanager
def workplace(folder: Path, trials: int, provider: str) -> Iterator[Workplace]:
    """A fresh project with a run of `trials` repeats."""
    bench = Bench(settings=Settings(project=folder, sandbox=provider))
    config, pack = plan(Order(pack=str(write_pack(folder)), agents=("nop",), repeats=trials), bench.home)
    config = RunConfig.model_validate(config.model_dump() | {"agents": (OneCommand.config,)})
    place = open_workplace(bench.home, "bench", config, pack.jobs, execute=False)
    place.config, place.agents = config, {OneCommand.config.name: OneCommand()}
    planned = list(plan_trials(config, place.jobs, "bench"))
    place.records.create_run("bench", config, pack.root, planned, place.jobs.values())
    try:
        yield place
    finally:
        bench.close()


async def measure(trials: int, concurrency: int, provider: str) -> Measured:
    """One round: the trials, then as many bare sandboxes."""
    with TemporaryDirectory(prefix="upbench-bench-") as folder, workplace(Path(folder), trials, provider) as place:
        before = bytes_of(Path(folder))
        began = time.perf_counter()
        place.options = place.options.model_copy(update={"concurrency": concurrency})
        with machinery(place.database, Path(folder) / ".upbench") as by:
            progress = await run_trials(place, by)
        rate = trials / (time.perf_counter() - began)
        if progress.causes != {Cause.submitted: trials}:
            raise RuntimeError(f"not every trial was submitted: {progress.causes}")
        place.database.close()
        grown = bytes_of(Path(folder)) - before
    return Measured(rate, await bare_rate(trials, concurrency), grown / trials)


def dominating(trials: int, concurrency: int, provider: str) -> str:
    """What the harness process spends its own time on, by function."""
    profile = cProfile.Profile()
    with TemporaryDirectory(prefix="upbench-bench-") as folder, workplace(Path(folder), trials, provider) as place:
        place.options = place.options.model_copy(update={"concurrency": concurrency})
        profile.enable()
        with machinery(place.database, Path(folder) / ".upbench") as by:
            asyncio.run(run_trials(place, by))
        profile.disable()
    stats = pstats.Stats(profile).sort_stats("tottime")
    total: float = stats.total_tt  # type: ignore[attr-defined]
    rows = sorted(stats.stats.items(), key=lambda item: -item[1][2])[:8]  # type: ignore[attr-defined]
    return "\n".join(f"    {numbers[2] / total:5.1%}  {Path(where[0]).name}:{where[2]}" for where, numbers in rows)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--provider", default="bwrap")
    given = parser.parse_args()
    rounds = [asyncio.run(measure(given.trials, given.concurrency, given.provider)) for _ in range(given.rounds)]
    cpu = resource.getrusage(resource.RUSAGE_SELF)
    rate = statistics.median(r.trials for r in rounds)
    bare = statistics.median(r.bare for r in rounds)
    print(
        f"{given.trials} trivial trials, {given.concurrency} at a time, {given.provider}, median of {given.rounds}"
    )
    print(f"  trials              {rate:7.1f} /s")
    print(f"  bare bwrap loop     {bare:7.1f} /s")
    print(f"  ratio               {statistics.median(r.trials / r.bare for r in rounds):7.2f}")
    print(f"  database and blobs  {statistics.median(r.bytes_a_trial for r in rounds) / 1000:7.2f} kB a trial")
    print(f"  harness peak RSS    {cpu.ru_maxrss / 1024:7.1f} MB")
    milliseconds = (cpu.ru_utime + cpu.ru_stime) * 1000 / given.rounds / given.trials
    print(f"  harness CPU         {milliseconds:7.1f} ms a trial")
    print("  the harness process spends its time on")
    print(dominating(given.trials, given.concurrency, given.provider))


if __name__ == "__main__":
    main()
