"""One attempt, from its first execution to its end: the trial boundary."""

from __future__ import annotations

import traceback
from pathlib import Path
from tempfile import TemporaryDirectory

from core import BadInput, Cause, Fault, MissingTool, SandboxFault, StoreFault, cause_row
from runs.engine import InProcessContext
from runs.pipeline import COLLECT, run_round
from runs.records import AttemptRow
from runs.stages import TrialStages, Workplace
from sandbox import TreeLimits


async def run_attempt(place: Workplace, attempt: AttemptRow, *, executions: int, times: int = 1) -> Cause:
    """Execute an attempt until it ends for good, at most `executions` times, and return its cause.

    Only what `core.causes` says may be run again is executed again; where the agent's work is in and only its
    grading failed, the same execution goes on. A cancelled task (Ctrl-C) leaves the execution unfinished, so that
    a resume goes on with the same one.
    """
    cause = Cause.harness_bug
    for _ in range(executions):
        cause = await _execute(place, attempt, place.records.begin(attempt.id), times)
        if not cause_row(cause).rerun or place.cancelled():
            break
    return cause


async def _execute(place: Workplace, attempt: AttemptRow, execution: str, times: int) -> Cause:
    """The trial boundary: the first of the two places that may catch everything."""
    context = InProcessContext(place.database, execution, times=times)
    try:
        ended = await run_round(context, TrialStages(place, attempt))
        return Cause(ended["cause"])
    except StoreFault:
        # Without records there is nothing to write a cause into: the run stops, and can be resumed.
        raise
    except Fault as fault:
        cause, detail = fault.cause, fault.detail
    except Exception:  # noqa: BLE001 - a bad trial is data, never the end of a run
        cause, detail = Cause.harness_bug, traceback.format_exc(limit=-8)
    if not context.has_ended(COLLECT):
        await _salvage(place, attempt, execution)
    place.records.finish(execution, cause, detail)
    await TrialStages(place, attempt).clear(execution)
    return cause


async def _salvage(place: Workplace, attempt: AttemptRow, execution: str) -> None:
    """Keep what lies in the workspace of a failed execution: lost work is worse than ungraded work."""
    try:
        with TemporaryDirectory(dir=place.scratch) as folder:
            taken = await place.provider.collect(execution, Path(folder), TreeLimits())
            if taken.files:
                TrialStages(place, attempt).keep(Path(folder), taken)
    except (SandboxFault, BadInput, MissingTool, OSError):
        return
