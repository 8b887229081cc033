"""What a long transcript costs: 200 steps with 8 kB of tool output each, through the react agent.

The output is base64 of random bytes, so that compression flatters nothing.

Run: python -m benchmarks.transcript [--steps 200] [--kilobytes 8]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.trials import bytes_of, write_pack
from runs import machinery, run_trials
from upbench.bench import Bench
from upbench.order import Order
from upbench.settings import Settings


def write_script(pack: Path, steps: int, size: int) -> None:
    """A script that prints `size` bytes at each of `steps` steps, then hands in."""
    line = f"head -c {size * 3 // 4} /dev/urandom | base64 -w 100"
    turns: list[dict[str, object]] = [
        {"say": f"Step {n}.", "calls": [{"tool": "shell", "arguments": {"command": line}}]}
        for n in range(steps - 1)
    ]
    last = {"command": "echo done > deliverables/out.txt"}
    hand_in = {"files": [{"path": "out.txt"}], "summary": "Done."}
    turns.append(
        {"say": "Now.", "calls": [{"tool": "shell", "arguments": last}, {"tool": "submit", "arguments": hand_in}]}
    )
    private = pack / "jobs" / "trivial" / "private"
    private.mkdir(parents=True, exist_ok=True)
    (private / "scripted.json").write_text(json.dumps({"version": 1, "attempts": [turns]}))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--kilobytes", type=int, default=8)
    given = parser.parse_args()
    with TemporaryDirectory(prefix="upbench-bench-") as name:
        folder = Path(name)
        pack = write_pack(folder)
        write_script(pack, given.steps, given.kilobytes * 1000)
        bench = Bench(settings=Settings(project=folder))
        limits = (f"steps={given.steps + 10}",)
        place = bench.begin(Order(pack=str(pack), models=("scripted/bench",), limits=limits))
        before = bytes_of(folder)
        began = time.perf_counter()
        with machinery(bench.home.database, bench.home.state) as by:
            asyncio.run(run_trials(place, by))
        seconds = time.perf_counter() - began
        (attempt,) = bench.show(place.run_id).attempts
        bench.close()
        grown = bytes_of(folder) - before
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"one attempt of {given.steps} steps with {given.kilobytes} kB of output each: ended {attempt.cause}")
    print(f"  transcript and call journal  {grown / 1e6:6.2f} MB")
    print(f"  a step                       {seconds * 1000 / given.steps:6.1f} ms")
    print(f"  peak RSS                     {rss:6.1f} MB")


if __name__ == "__main__":
    main()
