"""Starting the rounds of a run: those of its preflight first, each once, whoever dies in the midst of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from core import BadInput
from runs.ahead import before_the_rest, count_queued, undone, unstarted
from runs.burying import bury_dead
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

AHEAD = 2000
"""Rounds of a run that workers execute which wait in their queue at one time."""


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
                    start_attempt(place, engine, connection, attempt.id, seen=attempt)


def stop_if_failed(place: Workplace, preflight: Sequence[AttemptRow]) -> None:
    """Stop the run where an attempt of its preflight has failed through no fault of the agent's."""
    ended = [place.records.attempt(attempt.id) for attempt in preflight]
    said = place.records.executions([attempt.id for attempt in preflight])
    details = {execution.attempt: execution.detail for execution in said}
    rest = place.records.count_undone(place.run_id)
    if why := preflight_failure(ended, rest=rest, details=details):
        place.records.stop(place.run_id, Stop(reason="preflight", detail=why))
        place.stop = place.records.stop_of(place.run_id)


def start_rest(place: Workplace, by: Machinery) -> bool:
    """Start what comes next of a run that workers execute: its preflight, then all others, a bounded piece a call.

    Any worker does so when it is due; of several at one time one does. No more than `AHEAD` rounds of a run wait
    in the queue: it is looked through all the time, and whoever starts rounds does nothing else meanwhile.

    Returns:
        Whether there is more that may be started at once.
    """
    name = f"start.{place.run_id}"
    if not place.records.has_unstarted(place.run_id) or not by.locks.take(name):
        return False
    try:
        known = _before_the_rest(place)
        first = preflight_of(known, large=place.options.preflight)
        if first:
            since = place.records.standing_of(place.run_id).started
            stop_if_failed(
                place, [a for a in known if a.state == DONE and (since is None or (a.finished or "") >= since)]
            )
        if place.stopped():
            return False
        if first:
            begin_rounds(place, by.engine, [a for a in first if a.round is None])
            return False
        room = AHEAD - count_queued(place.database, place.run_id, AHEAD)
        if room < AT_ONCE:
            return False
        todo, ahead = unstarted(place.database, place.run_id, AT_ONCE, begin=place.ahead)
        begin_rounds(place, by.engine, todo)
        place.ahead = ahead
        return len(todo) == AT_ONCE
    finally:
        by.locks.give(name)


def _before_the_rest(place: Workplace) -> list[AttemptRow]:
    """The attempts of agents of which none has passed yet, as many as their preflight depends on."""
    large = place.options.preflight
    agents = [agent.name for agent in place.config.executed] if large else []
    return [
        attempt
        for agent in agents
        for attempt in before_the_rest(place.database, place.run_id, agent, max(large, AT_ONCE))
    ]


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
    while start_rest(place, by):
        pass


def start_lost(place: Workplace, engine: Engine, after: str) -> str:
    """Start the rounds of attempts that have not ended and whose last round is over: nobody else would.

    A round is over without its attempt when it came while the run was stopped, or the disk was full.

    Args:
        place: Of the run.
        engine: That carries it.
        after: What the last call returned: a bounded piece of the run is looked at in each.
    """
    some = undone(place.database, place.run_id, after=after)
    keys = [attempt.round for attempt in some if attempt.round is not None]
    known = engine.list(keys=keys, states=[*OPEN, RoundState.dead]) if keys else []
    going = {one.key for one in known}
    lost = [attempt for attempt in some if attempt.round not in going]
    begin_rounds(place, engine, lost)
    return some[-1].id if some else ""


def bury(place: Workplace, engine: Engine) -> None:
    """End the executions whose rounds are not taken up any more, of this run and of others: see `bury_dead`."""
    bury_dead(place.database, engine, place.prices)
