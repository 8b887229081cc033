"""Starting the rounds of a run: those of its preflight first, each once, whoever dies in the midst of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from core import BadInput, Cause
from runs.engine.port import OPEN, Engine, RoundState
from runs.lock import only_one
from runs.machinery import Machinery
from runs.options import QUEUE, Stop
from runs.preflight import preflight_failure, preflight_of
from runs.rows import DONE, AttemptRow
from runs.trial import start_attempt
from runs.workplace import Workplace

AT_ONCE = 200
"""Attempts whose rounds are started in one transaction."""


def begin_rounds(place: Workplace, engine: Engine, todo: Sequence[AttemptRow]) -> None:
    """Start the rounds of these attempts, but for those that have one which is queued or under way.

    A process that is killed in the midst of it leaves some without a round; the next call starts theirs.
    """
    engine.prepare()
    for begin in range(0, len(todo), AT_ONCE):
        some = todo[begin : begin + AT_ONCE]
        keys = [attempt.round for attempt in some if attempt.round is not None]
        going = {one.key for one in engine.list(keys=keys, states=OPEN)} if keys else set()
        with place.database.write() as connection:
            for attempt in some:
                if attempt.round not in going:
                    start_attempt(place, engine, connection, attempt.id)


def stop_if_failed(place: Workplace, preflight: Sequence[AttemptRow]) -> None:
    """Stop the run where an attempt of its preflight has failed through no fault of the agent's."""
    ended = [place.records.attempt(attempt.id) for attempt in preflight]
    said = place.records.executions([attempt.id for attempt in preflight])
    details = {execution.attempt: execution.detail for execution in said}
    rest = place.records.count_undone(place.run_id)
    if why := preflight_failure(ended, rest=rest, details=details):
        place.records.stop(place.run_id, Stop(reason="preflight", detail=why))
        place.stop = place.records.stop_of(place.run_id)


def start_rest(place: Workplace, by: Machinery) -> None:
    """Start what of a run that workers execute has not been started: its preflight, then all others.

    Any worker does so when it is due; of several at one time one does.
    """
    name = f"start.{place.run_id}"
    if not place.records.has_unstarted(place.run_id) or not by.locks.take(name):
        return
    try:
        attempts = place.records.attempts(place.run_id)
        first = preflight_of(attempts, large=place.options.preflight)
        if first:
            agents, since = {attempt.agent for attempt in first}, place.records.standing_of(place.run_id).started
            ended = [a for a in attempts if a.agent in agents and a.state == DONE]
            stop_if_failed(place, [a for a in ended if since is None or (a.finished or "") >= since])
        if not place.stopped():
            begin_rounds(place, by.engine, [a for a in first or attempts if a.state != DONE and a.round is None])
    finally:
        by.locks.give(name)


@contextmanager
def alone(place: Workplace, by: Machinery) -> Iterator[None]:
    """Within the block a run with a queue of its own is this process's.

    Raises:
        BadInput: Another process is executing it.
    """
    queue = place.queue
    with only_one(place.run_id, place.scratch.parent):
        if not by.locks.take(queue):
            what = f"another process is executing run {place.run_id}"
            raise BadInput(what, field="RUN", mend="wait for it, or stop it first")
        try:
            yield
        finally:
            by.locks.give(queue)


def hand_over(
    place: Workplace, by: Machinery, again: Callable[[AttemptRow], bool] = lambda _attempt: False
) -> None:
    """Let workers go on with a run: start what of it has not ended, and the attempts that `again` names.

    Raises:
        BadInput: A process of its own is executing it.
    """
    if place.queue != QUEUE:
        with alone(place, by):
            by.engine.prepare()
            by.engine.cancel([one.key for one in by.engine.list(queue=place.queue, states=OPEN)])
    place.queue, place.stop = QUEUE, None
    place.records.go_on(place.run_id, place.options, QUEUE)
    attempts = place.records.attempts(place.run_id)
    begun = [a for a in attempts if again(a) or (a.state != DONE and a.round is not None)]
    begin_rounds(place, by.engine, begun)
    start_rest(place, by)


def bury(place: Workplace, engine: Engine) -> None:
    """End the executions whose rounds are not taken up any more."""
    for one in engine.list(queue=place.queue, states=[RoundState.dead]):
        execution = one.key.rpartition(".r")[0]
        if place.records.has_ended(execution) is False:
            place.journal.settle(f"{execution}/")
            place.records.finish(execution, Cause.worker_died, "its round was taken up again and again, and died")
