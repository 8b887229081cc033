"""Executing a run from the command line: progress, Ctrl-C, and what is said at the end."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from runs import Workplace
from upbench.bench import Bench
from upbench.cli.output import emit, say
from upbench.cli.progress import progress_display
from upbench.summary import RunSummary, TrialSummary

STOPPED = 130


def execute(bench: Bench, place: Workplace, *, concurrency: int | None, as_json: bool, **options: Any) -> int:
    """Run what has not ended, with progress on standard error. Returns the exit code."""
    with progress_display(place.run_id) as watcher:
        try:
            summary = asyncio.run(_interruptible(bench, place, watcher, concurrency=concurrency, **options))
        except asyncio.CancelledError:
            say(f"stopped; nothing is lost. Go on with: upbench runs resume {place.run_id}")
            return STOPPED
    emit(summary, describe(summary), as_json=as_json)
    return 1 if summary.crashed else 0


async def _interruptible(bench: Bench, place: Workplace, watcher: Any, **options: Any) -> RunSummary:
    """Ctrl-C (or a polite kill) cancels the work, which closes the sandboxes and keeps everything."""
    task = asyncio.ensure_future(bench.execute(place, watcher=watcher, **options))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    return await task


def describe(summary: RunSummary) -> str:
    """A run in a few lines."""
    causes = ", ".join(f"{n} {cause}" for cause, n in sorted(summary.causes.items())) or "none ended"
    cost = f"${summary.cost.dollars:.4f}"
    if summary.cost.unpriced_calls:
        cost += f" and {summary.cost.unpriced_calls} calls without a price"
    label = " (scripted: no model was asked)" if summary.scripted else ""
    return "\n".join(
        [
            f"run      {summary.id}  {summary.state}{label}",
            f"trials   {summary.trials['done']} of {summary.trials['total']} done: {causes}",
            f"cost     {cost}, {summary.tokens} tokens, {summary.seconds:.0f} s of work",
            f"report   {summary.report}",
        ]
    )


def left(attempt: TrialSummary) -> list[str]:
    """What of an attempt's deliverables is missing or was not collected, a line each."""
    lines = [f"missing: {pattern}" for pattern in attempt.missing]
    return lines + [f"not collected: {item.path}: {item.why}" for item in attempt.left_out]
