"""What a reviewer is shown of a submission: all that is needed to judge it, and nothing that names who made it."""

from __future__ import annotations

from pydantic import Field

from core import Deliverable, Frozen, LeftOut
from rubrics import Importance, Rubric


class ReviewCriterion(Frozen):
    """One criterion as a reviewer sees it.

    Attributes:
        decides: A check decides it where no person does. What the check found is not shown before the lock.
    """

    id: str
    importance: Importance
    text: str
    decides: bool = False


class ReviewItem(Frozen):
    """A submission up for review. It holds no agent, model, run or attempt number.

    Attributes:
        job: Id of the job. brief: Markdown, as the client wrote it.
        inputs: The job's attachments; deliverables: what was handed in. Their bytes are blobs.
        missing: Declared, required deliverables (globs) that match nothing.
        submission: Digest of the deliverables.
        grading_digest: Of the rubric and checks; publishing under another one opens another review.
    """

    job: str
    title: str
    category: tuple[str, ...] = ()
    brief: str
    inputs: tuple[Deliverable, ...] = ()
    deliverables: tuple[Deliverable, ...] = ()
    missing: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    criteria: tuple[ReviewCriterion, ...] = Field(min_length=1)
    submission: str
    grading_digest: str = ""

    @staticmethod
    def criteria_of(rubric: Rubric) -> tuple[ReviewCriterion, ...]:
        """A rubric's criteria without their checks."""
        return tuple(
            ReviewCriterion(id=c.id, importance=c.importance, text=c.text, decides=c.decides)
            for c in rubric.criteria
        )

    @property
    def sheet(self) -> dict[str, object]:
        """What is the same for every submission of the job."""
        return self.model_dump(mode="json", exclude=_HANDED_IN)

    @property
    def handed_in(self) -> dict[str, object]:
        """What differs between submissions."""
        return self.model_dump(mode="json", include=_HANDED_IN, exclude_defaults=True)


_HANDED_IN = {"deliverables", "missing", "left_out", "submission"}
