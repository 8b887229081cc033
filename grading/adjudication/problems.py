"""What can go wrong where reviews are adjudicated."""

from __future__ import annotations

from grading.review.problems import DeskError, NoSuchReview, NotReady, Problem

__all__ = ["Decided", "NoSuchReview", "NotReady", "OwnReview", "Problem"]


class OwnReview(DeskError):
    """Whoever reviewed a submission does not adjudicate what was said of it."""

    def __init__(self) -> None:
        super().__init__("you reviewed this submission yourself: somebody else must adjudicate it")


class Decided(DeskError):
    """Somebody has decided it in the meantime; what was decided first stands."""

    def __init__(self) -> None:
        super().__init__("this has been decided already")
