"""What can go wrong at a reviewer's desk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core import Frozen, UpBenchError


@dataclass(frozen=True)
class Problem:
    """What is lacking before a review can be locked; `criterion` is empty for the review as a whole."""

    criterion: str
    what: str


class DeskError(UpBenchError):
    """A reviewer asked for something that cannot be done."""


class NoSuchReview(DeskError):
    """No review or criterion of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r}: no such review or criterion")


class AlreadyLocked(DeskError):
    """The person's verdicts are locked; a later change is a correction.

    Attributes:
        alias: Of the slot that they are locked at.
    """

    def __init__(self, alias: str = "") -> None:
        self.alias = alias
        super().__init__("the review is locked")


class Lost(DeskError):
    """The time with it was over, and somebody else has taken it."""

    def __init__(self) -> None:
        super().__init__("the time with this review was over, and it has been given on")


class Conflict(DeskError):
    """Somebody (another tab) saved in between.

    Attributes:
        revision: That is there now. body: What is there now.
    """

    def __init__(self, revision: int, body: Frozen) -> None:
        self.revision, self.body = revision, body
        super().__init__("changed elsewhere in between")


class NotReady(DeskError):
    """The review cannot be locked yet; `problems` says why."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{p.criterion or 'overall'}: {p.what}" for p in self.problems))
