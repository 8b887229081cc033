"""Takes in deliverables that were made elsewhere: they enter review and figures like any attempt."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from core import BadInput, Cause
from runs.records import DONE, AttemptRow
from runs.stages import TrialStages, Workplace
from sandbox import TreeLimits, collect_tree

MADE_ELSEWHERE = "elsewhere"


async def submit(
    place: Workplace,
    attempt: AttemptRow,
    folder: Path,
    *,
    note: str = "",
    minutes: float | None = None,
    cost: float | None = None,
) -> None:
    """Collect `folder` as the attempt's submission, check it and put it up for review.

    Args:
        place: The workplace of the run that holds the attempt.
        attempt: Not ended yet.
        folder: Host folder with the deliverables; collected under the same rules as a sandbox's.
        note: Words for the reviewers.
        minutes: Of work, as told.
        cost: In dollars, as told.

    Raises:
        BadInput: The folder holds nothing, or the attempt has its submission already.
    """
    if not folder.is_dir():  # noqa: ASYNC240 - one local look
        raise BadInput("no such folder", file=folder, field="DIR")
    if attempt.state == DONE:
        raise BadInput(f"{attempt.id} has its submission already", field="--run")
    execution = place.records.begin(attempt.id)
    stages = TrialStages(place, attempt)
    with TemporaryDirectory(dir=place.scratch) as scratch:
        taken = collect_tree(folder, ".", Path(scratch), TreeLimits())
        if not taken.files:
            raise BadInput("nothing to hand in", file=folder, field="DIR")
        stages.keep(Path(scratch), taken, note)
    place.records.note_execution(execution, work_minutes=minutes, dollars=cost)
    await stages.check({"execution": execution})
    await stages.publish({"execution": execution, "cause": Cause.submitted.value})
