"""What an agent is given: its assignment, and what it handed in before."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from agents import Assignment, AttemptLimits, Expected, Rework, SqlTranscript, Transcript
from jobs import Job
from rubrics import format_line
from runs.arms import PREVIOUS, lay_out_previous, rework_of
from runs.rows import AttemptRow
from runs.workplace import Workplace
from sandbox import Mount


def assignment_of(
    place: Workplace, attempt: AttemptRow, execution: str, limits: AttemptLimits, rework: Rework | None
) -> Assignment:
    """What the agent of an attempt is told."""
    job, config = place.jobs[attempt.job], place.config
    return Assignment(
        key=execution,
        title=job.title,
        brief=job.brief,
        inputs=tuple(item.path for item in job.inputs),
        expected=tuple(
            Expected(path=d.path, media_type=d.media_type, required=d.required) for d in job.deliverables
        ),
        attempt=attempt.k,
        rubric=_rubric_text(job) if config.rubric_visible else None,
        rework=rework,
        limits=limits,
        network=config.network,
    )


def previous_of(place: Workplace, attempt: AttemptRow) -> tuple[tuple[Mount, ...], Rework | None]:
    """What the previous attempt handed in, where this one starts from it: as the agent finds and is told it.

    It lies where the next process lays it out as well: a sandbox that outlives this one is adopted with it.
    Blocks.
    """
    if attempt.parent is None:
        return (), None
    parent, folder = place.records.attempt(attempt.parent), place.previous_of(attempt.id)
    if not folder.exists():
        with TemporaryDirectory(dir=place.scratch) as scratch:
            made = Path(scratch) / folder.name
            made.mkdir()
            lay_out_previous(parent, place.blobs, made)
            folder.parent.mkdir(exist_ok=True)
            made.rename(folder)
    rework = rework_of(parent, attempt.arm, attempt.remarks)
    if _carries_on(place, attempt):
        rework = rework.model_copy(update={"continued": True})
    return (Mount(source=folder, target=PREVIOUS),), rework


def stories_before(place: Workplace, attempt: AttemptRow) -> tuple[Transcript, ...]:
    """The stories of the attempts that this one goes on from, where conversations are carried on; oldest first.

    Of each attempt its last execution counts.
    """
    found: list[Transcript] = []
    above = attempt.parent if _carries_on(place, attempt) else None
    while above is not None:
        last = place.records.executions([above])[-1]
        found.append(SqlTranscript(place.database, place.blobs, last.id))
        above = place.records.attempt(above).parent
    return tuple(reversed(found))


def _carries_on(place: Workplace, attempt: AttemptRow) -> bool:
    return (attempt.context or place.config.rework_context) == "transcript"


def _rubric_text(job: Job) -> str:
    return "\n".join(format_line(criterion.importance, criterion.text) for criterion in job.rubric.criteria)
