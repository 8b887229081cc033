"""What a reviewer is sent of an attempt: the job and the files, nothing of who made them."""

from __future__ import annotations

from core import Blobs, Deliverable, Submission
from grading import ReviewItem
from jobs import Attachment, Job
from runs.manifest import media_type


def review_item(job: Job, submission: Submission, blobs: Blobs) -> ReviewItem:
    """The reviewer's view of a submission; the job's attachments are put among the blobs."""
    return ReviewItem(
        job=job.id,
        title=job.title,
        category=job.category,
        tags=job.facts.tags,
        brief=job.brief,
        inputs=tuple(_input(item, blobs) for item in job.inputs),
        deliverables=submission.files,
        missing=submission.missing,
        left_out=submission.left_out,
        criteria=ReviewItem.criteria_of(job.rubric),
        submission=submission.digest,
        grading_digest=job.grading_digest,
    )


def _input(item: Attachment, blobs: Blobs) -> Deliverable:
    blobs.put_file(item.file, known=item.sha256)
    return Deliverable(path=item.path, size=item.size, media_type=media_type(item.file), sha256=item.sha256)
