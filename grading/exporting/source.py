"""Where exports come from: whoever knows runs gives their lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from sqlalchemy import Connection, select

from grading.evaluations import EvaluationLine, GraderKind
from grading.queue.slots import CLAIMED
from grading.tables import EVALUATIONS, REVIEW_ITEMS, REVIEW_SLOTS

_IN_ONE_QUERY = 500

Grader = tuple[str, GraderKind]


class Exports(Protocol):
    """The runs of a project, as lines."""

    def find(self, names: Sequence[str]) -> list[str]:
        """The ids of the runs that are named, or of all, newest first. Raises `BadInput`: there is no such run."""
        ...

    def jobs(self, run: str) -> frozenset[str]:
        """The ids of a run's jobs."""
        ...

    def graders(self, run: str) -> set[Grader]:
        """Whoever has graded something of a run."""
        ...

    def lines(self, run: str) -> Iterator[EvaluationLine]:
        """Its lines, attempt by attempt, read in pieces while they are taken."""
        ...


def graders_of(connection: Connection, attempt_ids: Iterable[str]) -> set[Grader]:
    """Whoever has graded some attempts."""
    names, found = list(attempt_ids), set[Grader]()
    columns = select(EVALUATIONS.c.grader, EVALUATIONS.c.grader_kind).distinct()
    for begin in range(0, len(names), _IN_ONE_QUERY):
        some = EVALUATIONS.c.attempt_id.in_(names[begin : begin + _IN_ONE_QUERY])
        found.update((row.grader, row.grader_kind) for row in connection.execute(columns.where(some)))
    return found


def jobs_in_hand(connection: Connection, person: str) -> set[str]:
    """The jobs of the reviews that a person has begun and not locked: what others say of them is not for them."""
    mine = (REVIEW_SLOTS.c.reviewer == person, REVIEW_SLOTS.c.state == CLAIMED)
    query = select(REVIEW_ITEMS.c.job).join(REVIEW_SLOTS, REVIEW_SLOTS.c.item == REVIEW_ITEMS.c.alias)
    return {str(job) for job in connection.execute(query.where(*mine)).scalars() if job is not None}
