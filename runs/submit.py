"""Takes in deliverables that were made elsewhere: they enter review and figures like any attempt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from core import BadInput, Cause, Fault
from runs.keys import execution_id
from runs.stages import TrialStages
from runs.workplace import Workplace
from sandbox import TreeLimits, collect_tree


async def submit(
    place: Workplace,
    folder: Path,
    begin: Callable[[], str],
    *,
    note: str = "",
    minutes: float | None = None,
    cost: float | None = None,
) -> None:
    """Collect `folder` as the submission of a trial of its own, check it and put it up for review.

    Args:
        place: The workplace of the trial's run.
        folder: Host folder with the deliverables; collected under the same rules as a sandbox's.
        begin: Writes the trial and returns its attempt's id; called once the files have been read.
        note: Words for the reviewers.
        minutes: Of work, as told.
        cost: In dollars, as told.

    Raises:
        BadInput: The folder is missing or holds nothing to hand in.
        Fault: The checks could not be run; the submission is kept.
    """
    async with place.at_work():
        await _submit(place, folder, begin, note=note, minutes=minutes, cost=cost)


async def _submit(
    place: Workplace,
    folder: Path,
    begin: Callable[[], str],
    *,
    note: str,
    minutes: float | None,
    cost: float | None,
) -> None:
    with TemporaryDirectory(dir=place.scratch) as scratch:
        try:
            taken = collect_tree(folder, ".", Path(scratch), TreeLimits())
        except OSError as error:
            raise BadInput(f"not a folder that can be read: {error.strerror}", file=folder, field="DIR") from error
        if not taken.files:
            why = "; ".join(f"{left.path}: {left.why}" for left in taken.left_out[:3])
            what = "nothing to hand in" + (f"; left out: {why}" if why else "")
            raise BadInput(what, file=folder, field="DIR", mend="put the deliverables there")
        attempt = place.records.attempt(begin())
        execution = execution_id(attempt.id, 1)
        place.records.begin(execution)
        stages = TrialStages(place, attempt)
        stages.keep(Path(scratch), taken, note)
    place.records.note_execution(execution, work_minutes=minutes, dollars=cost)
    try:
        await stages.check({"execution": execution})
        await stages.publish({"execution": execution, "cause": Cause.submitted.value})
    except Fault as fault:
        place.records.finish(execution, fault.cause, fault.detail)
        raise
