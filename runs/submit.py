"""Takes in deliverables that were made elsewhere: they enter review and figures like any attempt."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from core import BadInput, Cause, Fault
from runs.plan import plan_trials
from runs.stages import TrialStages, Workplace
from sandbox import TreeLimits, collect_tree


async def submit(
    place: Workplace,
    folder: Path,
    pack_root: Path,
    *,
    note: str = "",
    minutes: float | None = None,
    cost: float | None = None,
) -> None:
    """Collect `folder` as the only submission of a run of its own, check it and put it up for review.

    Args:
        place: The workplace of that run: one job, one agent. Nothing is written before the files are read.
        folder: Host folder with the deliverables; collected under the same rules as a sandbox's.
        pack_root: Of the job's pack.
        note: Words for the reviewers.
        minutes: Of work, as told.
        cost: In dollars, as told.

    Raises:
        BadInput: The folder is missing or holds nothing to hand in.
        Fault: The checks could not be run; the submission is kept.
    """
    with TemporaryDirectory(dir=place.scratch) as scratch:
        try:
            taken = collect_tree(folder, ".", Path(scratch), TreeLimits())
        except OSError as error:
            raise BadInput(f"not a folder that can be read: {error.strerror}", file=folder, field="DIR") from error
        if not taken.files:
            raise BadInput("nothing to hand in", file=folder, field="DIR")
        trials = list(plan_trials(place.config, place.jobs, place.run_id))
        place.records.create_run(place.run_id, place.config, pack_root, trials)
        (attempt,) = place.records.attempts(place.run_id)
        execution = place.records.begin(attempt.id)
        stages = TrialStages(place, attempt)
        stages.keep(Path(scratch), taken, note)
    place.records.note_execution(execution, work_minutes=minutes, dollars=cost)
    try:
        await stages.check({"execution": execution})
        await stages.publish({"execution": execution, "cause": Cause.submitted.value})
    except Fault as fault:
        place.records.finish(execution, fault.cause, fault.detail)
        raise
    finally:
        place.records.set_run_state(place.run_id, "done")
