"""Executing a run from the command line, here or by workers: progress, Ctrl-C, and what is said at the end."""

from __future__ import annotations

import asyncio
import shlex
import signal
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import TYPE_CHECKING, Any

from core import span, within
from runs import QUEUE, Workplace, add_attempts
from upbench.bench import Bench
from upbench.cli.output import STOPPED, called, emit, near, say
from upbench.cli.progress import progress_display
from upbench.handing import Hands, hands_for
from upbench.life import Again, nothing_again
from upbench.money import cost_text
from upbench.snapshot import take_snapshot
from upbench.summary import RunSummary, TrialSummary
from upbench.telemetry.gauges import gauge_project
from upbench.telemetry.start import observed

if TYPE_CHECKING:
    from upbench.telemetry.logs import LogFormat


def execute(
    bench: Bench,
    place: Workplace,
    *,
    concurrency: int | None = None,
    as_json: bool,
    log_format: LogFormat | None = None,
    **options: Any,
) -> int:
    """Run what has not ended, with progress (or log lines) on standard error. Returns the exit code."""

    def shown() -> AbstractContextManager[None]:
        if log_format is not None:
            return nullcontext()
        return progress_display(lambda: take_snapshot(bench.home, place.run_id))

    with ExitStack() as stack:
        stack.enter_context(observed(bench.home.state, "run", log_format=log_format))
        gauge_project(bench.home)
        stack.enter_context(within(run=place.run_id))
        told = stack.enter_context(span("run"))
        try:
            work = _interruptible(bench, place, concurrency=concurrency, shown=shown, **options)
            summary = asyncio.run(work)
        except asyncio.CancelledError:
            told.note(cancelled=True)
            stack.close()
            say(f"stopped; nothing is lost. Go on with: {called('runs', 'resume', place.run_id)}")
            return STOPPED
        told.note(state=summary.state, trials=summary.trials["total"], crashed=summary.crashed)
    emit(summary, describe(summary), as_json=as_json)
    if place.config.arms and summary.state == "done" and (waiting := add_attempts(place).awaiting):
        await_ = "attempt awaits" if len(waiting) == 1 else "attempts await"
        say(f"{len(waiting)} {await_} verdicts. What fails is tried again as soon as it is judged, in:")
        say(f"  {called('review', 'serve')}")
    return 1 if summary.crashed or summary.stop else 0


async def _interruptible(bench: Bench, place: Workplace, **options: Any) -> RunSummary:
    """Ctrl-C (or a polite kill) cancels the work, which closes the sandboxes and keeps everything."""
    task = asyncio.ensure_future(bench.execute(place, **options))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    return await task


def hand_over(bench: Bench, place: Workplace, *, as_json: bool, again: Again = nothing_again) -> int:
    """Let workers execute a run, and say who they are. Returns the exit code."""
    summary = bench.hand_over(place, again=again)
    hands = hands_for(bench.home, place.options.concurrency)
    emit(summary, f"run      {summary.id}  {summary.state}: handed over to workers", as_json=as_json)
    for line in _hands(hands):
        say(line)
    say(f"watch it with: {called('runs', 'watch', summary.id)}")
    return 0


def _hands(hands: Hands) -> list[str]:
    if hands.started is not None and hands.log is not None:
        return [f"a worker was started in the background (process {hands.started}); its log: {near(hands.log)}"]
    if hands.workers:
        return [f"{hands.workers} workers are there" if hands.workers > 1 else "1 worker is there"]
    return [f"no worker is there, so nothing of it is done: start one with: {called('worker')}"]


def go_on(
    bench: Bench,
    place: Workplace,
    *,
    detach: bool,
    as_json: bool,
    log_format: LogFormat | None,
    again: Again = nothing_again,
) -> int:
    """Go on with a run where it is executed: here, or by workers. Returns the exit code."""
    if detach or place.queue == QUEUE:
        return hand_over(bench, place, as_json=as_json, again=again)
    return execute(bench, place, as_json=as_json, log_format=log_format, again=again)


def describe(summary: RunSummary) -> str:
    """A run in a few lines."""
    causes = ", ".join(f"{n} {cause}" for cause, n in sorted(summary.causes.items())) or "none ended"
    spent = summary.cost
    cost = cost_text(spent.dollars, estimated=spent.estimated_dollars, unpriced=spent.unpriced_calls)
    arms = ", ".join(f"{n} {arm}" for arm, n in summary.arms.items())
    ended = f"{summary.trials['done']} of {summary.trials['total']}"
    left_by = {} if summary.stop else summary.refused
    label = " (scripted: no model was asked)" if summary.scripted else ""
    lines = [
        f"run      {summary.id}  {summary.state}{label}",
        # What is counted is attempts: with several arms, several of one trial.
        f"{'attempts' if len(summary.arms) > 1 else 'trials  '} {ended} done: {causes}",
        *(f"left by  {worker}, which cannot open it: {why}" for worker, why in left_by.items()),
        *([f"arms     {arms}"] if len(summary.arms) > 1 else []),
        f"policy   {summary.policy.value}: completed when {summary.policy.says}",
        f"cost     {cost}, {summary.tokens} tokens, {summary.seconds:.0f} s of work",
        f"report   {typed(summary.report)}",
    ]
    if summary.stop is not None:
        lines.insert(1, f"stopped  {summary.stop.reason}: {summary.stop.detail}".rstrip(": "))
        resume = f"; go on with: {typed(summary.resume)}" if summary.resume else ""
        undone = ", ".join(f"{n} {cause}" for cause, n in summary.not_done.items())
        lines.insert(3, f"not done {undone or 'nothing'}{resume}")
    return "\n".join(lines)


def typed(command: str) -> str:
    """An `upbench ...` command as one would type it here."""
    return called(*shlex.split(command)[1:])


def left(attempt: TrialSummary) -> list[str]:
    """What of an attempt's deliverables is missing or was not collected, a line each."""
    lines = [f"missing: {pattern}" for pattern in attempt.missing]
    return lines + [f"not collected: {item.path}: {item.why}" for item in attempt.left_out]
