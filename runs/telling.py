"""What is told of the work of a run: see `core.telemetry`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core import Cause, Ended, cause_row, event, span, within
from runs.rows import AttemptRow


@contextmanager
def carrying(attempt: AttemptRow, execution: str) -> Iterator[Callable[[Cause], None]]:
    """Within the block all that is told belongs to this execution; gives what to call when it has ended."""
    with (
        within(run=attempt.run, trial=attempt.trial, execution=execution),
        span(
            "round",
            round="attempt",
            agent=attempt.agent,
            job=attempt.job,
            repeat=attempt.repeat,
            k=attempt.k,
            arm=attempt.arm,
            e=int(execution.rpartition(".e")[2]),
        ) as told,
    ):

        def ended(cause: Cause) -> None:
            row = cause_row(cause)
            crashed = row.ended is Ended.harness_crash
            told.note(cause=cause.value, ended=row.ended.value, error=cause.value if crashed else None)
            event(
                "execution_ended", agent=attempt.agent, cause=cause.value, ended=row.ended.value, fault=row.fault
            )

        yield ended
