"""What a reviewer is shown of a submission: all that is needed to judge it, and nothing that names who made it."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from core import Deliverable, Frozen, LeftOut
from rubrics import CompletionPolicy, Importance, Rubric


class ReviewCriterion(Frozen):
    """One criterion as a reviewer sees it.

    Attributes:
        decides: A check decides it where no person does. What the check found is not shown before the lock.
    """

    id: str
    importance: Importance
    text: str
    decides: bool = False


class Reviewing(Frozen):
    """How many people review a submission.

    Attributes:
        primary: Reviews that decide together.
        overlap: Probability of a further one that decides nothing, to measure agreement.
        gold: Probability that chance wants, beside it, the review of another submission of which it is known what
            is right; see `grading.queue.gold`.
        qualified: Only for who has qualified by gold, see `grading.adjudication.exam`.
        continuity_hours: For so long a rework awaits whoever reviewed the submission before it; then anybody.
    """

    primary: int = Field(default=1, ge=1, le=9)
    overlap: float = Field(default=0.0, ge=0, le=1)
    gold: float = Field(default=0.0, ge=0, le=1)
    qualified: bool = False
    continuity_hours: float = Field(default=72.0, ge=0, le=24 * 365)


class ReviewItem(Frozen):
    """A submission up for review. It holds no agent, model, run or attempt number.

    Attributes:
        job: Id of the job. brief: Markdown, as the client wrote it.
        inputs: The job's attachments; deliverables: what was handed in. Their bytes are blobs.
        missing: Declared, required deliverables (globs) that match nothing.
        submission: Digest of the deliverables.
        grading_digest: Of the rubric and checks; publishing under another one opens another review.
        pack: Name of the job's pack, for conflicts of interest; no part of what is shown.
        policy: What completes the job; where reviewers differ in that, an adjudication is due. Not shown either.
        tags: Of the job, with which reviewers' skills are compared as with its category; not shown either.
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
    pack: str = ""
    policy: CompletionPolicy = CompletionPolicy.paper
    tags: tuple[str, ...] = ()

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
        return self.model_dump(mode="json", exclude=_HANDED_IN | {"pack", "policy", "tags"})

    @property
    def handed_in(self) -> dict[str, object]:
        """What differs between submissions."""
        return self.model_dump(mode="json", include=_HANDED_IN, exclude_defaults=True)


_HANDED_IN = {"deliverables", "missing", "left_out", "submission"}


def category_text(category: Sequence[str]) -> str:
    """A category as assignment compares it with skills: `|sales|leads|`; empty: it has none."""
    words = [" ".join(word.casefold().replace("|", " ").split()) for word in category]
    return "".join(f"|{word}" for word in words if word) + "|" if any(words) else ""
