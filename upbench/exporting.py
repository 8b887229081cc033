"""What a project's review app and `upbench review export` export: the lines of its runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from grading import EvaluationLine, Grader, graders_of
from runs import Records, evaluation_lines, list_attempts, sheets_of
from upbench.home import Home
from upbench.unblinding import search_reviewed

_AT_ONCE = 500
"""Attempts whose lines are in memory at one time."""


@dataclass(frozen=True)
class RunExports:
    """The runs of a project; see `grading.Exports`."""

    home: Home

    def find(self, names: Sequence[str]) -> list[str]:
        """The ids of the runs that are named (an id, its beginning, `last`), or of all, newest first.

        Raises:
            BadInput: There is no such run, or several begin so.
        """
        records = Records(self.home.database)
        return list(dict.fromkeys(records.run(name).id for name in names)) or [run.id for run in records.runs()]

    def jobs(self, run: str) -> frozenset[str]:
        """The ids of a run's jobs."""
        return frozenset(sheets_of(self.home.database, run))

    def graders(self, run: str) -> set[Grader]:
        """Whoever has graded something of a run."""
        names = [attempt.id for attempt, _ in list_attempts(self.home.database, run)]
        with self.home.database.read() as connection:
            return graders_of(connection, names)

    def lines(self, run: str) -> Iterator[EvaluationLine]:
        """Its lines; what people have reviewed is searched for names of its makers before the first."""
        search_reviewed(self.home, run)
        attempts = (attempt for attempt, _ in list_attempts(self.home.database, run))
        while some := list(islice(attempts, _AT_ONCE)):
            yield from evaluation_lines(self.home.database, run, attempts=some)
