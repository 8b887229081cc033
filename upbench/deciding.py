"""From a verdict to the next round: what the review app's desk tells, as the engine's rounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from core import Database, UpBenchError, event
from grading import Settled
from runs import QUEUE, Following, Machinery, go_on_after, machinery
from upbench.home import Home


@contextmanager
def deciding(home: Home, tell: Callable[[str], None]) -> Iterator[Settled]:
    """What a review desk calls within the block with each attempt that has been judged by people.

    The protocol of its run may ask for another attempt at the same job. Its round is started in the desk's own
    transaction: who is killed leaves the verdict and the round, or neither. A verdict is never refused for what
    follows from it: where that cannot be known, it is left to whoever goes on with the run.

    Args:
        home: The project.
        tell: Given a line for people where what is due is not started.

    Raises:
        StoreFault: The records cannot be reached.
    """
    with machinery(home.database, home.state) as by:
        by.engine.prepare()
        yield _Deciding(home.database, by, tell)


class _Deciding:
    def __init__(self, database: Database, by: Machinery, tell: Callable[[str], None]) -> None:
        self._database, self._by, self._tell = database, by, tell

    def __call__(self, connection: Connection, attempt: str) -> None:
        try:
            with connection.begin_nested():
                found = go_on_after(self._database, self._by.engine, connection, attempt)
        except (UpBenchError, KeyError) as error:  # a damaged record, a run that was taken in by half
            self._tell(f"what follows from the verdicts on {attempt} is not known: {error}")
            return
        for key in found.started:
            event("round_decided", run=found.run, attempt=attempt, round=key)
        if found.due and (why := self._why_not(found)):
            self._tell(f"what failed in run {found.run} is not tried again now: {why}; go on with:")
            self._tell(f"  upbench runs resume {found.run}")

    def _why_not(self, found: Following) -> str | None:
        if found.held is not None:
            return f"the run is {found.held}"
        if found.queue in (None, QUEUE) or not self._by.locks.take(str(found.queue)):
            return None
        self._by.locks.give(str(found.queue))
        return "the process that executed it is gone"
