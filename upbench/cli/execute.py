"""Executing a run from the command line: progress, Ctrl-C, and what is said at the end."""

from __future__ import annotations

import asyncio
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from core import span, within
from runs import Workplace
from upbench.bench import Bench
from upbench.cli.output import emit, say
from upbench.cli.progress import progress_display
from upbench.snapshot import take_snapshot
from upbench.summary import RunSummary, TrialSummary
from upbench.telemetry.gauges import gauge_project
from upbench.telemetry.start import observed

if TYPE_CHECKING:
    from upbench.telemetry.logs import LogFormat

STOPPED = 130


def execute(
    bench: Bench,
    place: Workplace,
    *,
    concurrency: int | None,
    as_json: bool,
    log_format: LogFormat | None = None,
    **options: Any,
) -> int:
    """Run what has not ended, with progress (or log lines) on standard error. Returns the exit code."""
    with ExitStack() as stack:
        stack.enter_context(observed(bench.home.state, "run", log_format=log_format))
        gauge_project(bench.home)
        stack.enter_context(within(run=place.run_id))
        told = stack.enter_context(span("run"))
        if log_format is None:
            stack.enter_context(progress_display(lambda: take_snapshot(bench.home, place.run_id)))
        try:
            summary = asyncio.run(_interruptible(bench, place, concurrency=concurrency, **options))
        except asyncio.CancelledError:
            told.note(cancelled=True)
            stack.close()
            say(f"stopped; nothing is lost. Go on with: upbench runs resume {place.run_id}")
            return STOPPED
        told.note(state=summary.state, trials=summary.trials["total"], crashed=summary.crashed)
    emit(summary, describe(summary), as_json=as_json)
    return 1 if summary.crashed else 0


async def _interruptible(bench: Bench, place: Workplace, **options: Any) -> RunSummary:
    """Ctrl-C (or a polite kill) cancels the work, which closes the sandboxes and keeps everything."""
    task = asyncio.ensure_future(bench.execute(place, **options))
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
