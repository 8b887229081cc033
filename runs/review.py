"""What a reviewer is sent of an attempt: the job and the files, nothing of who made them."""

from __future__ import annotations

from core import Blobs, Submission
from grading import ReviewItem
from jobs import Job


def review_item(job: Job, submission: Submission, blobs: Blobs) -> ReviewItem:
    """The reviewer's view of a submission."""
    raise NotImplementedError
