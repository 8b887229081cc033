"""An echo: a submission that failed is graded once more as it is, so that the noise of verdicts can be told."""

from __future__ import annotations

from agents import AgentResult
from core import Cause, Submission
from runs.rows import AttemptRow
from runs.workplace import Workplace


def show_again(place: Workplace, attempt: AttemptRow, execution: str) -> tuple[AgentResult, Submission]:
    """Hand in what the attempt before handed in: no agent works, no sandbox is opened, and nothing is paid.

    What follows is the same as after any agent's work: it is checked, and published, as a submission of its own.

    Raises:
        Overtaken: The execution has ended: another worker brought it to its end.
    """
    assert attempt.parent is not None
    submission = place.records.attempt(attempt.parent).handed_in
    result = AgentResult(cause=Cause.submitted, note=submission.note)
    place.records.keep_submission(attempt.id, submission, execution)
    nothing = {"steps": 0, "seconds": 0.0, "working_seconds": 0.0, "dollars": 0.0}
    place.records.note_execution(execution, result=result.model_dump_json(), **nothing)
    return result, submission
