"""Ends what is not taken up any more: rounds that took their workers with them, again and again."""

from __future__ import annotations

from contextlib import suppress

from core import CallJournal, Cause, Database, Overtaken, PriceTable
from runs.engine.port import Engine, RoundState
from runs.records import Records

AT_ONCE = 100
"""Of many that died together the rest is found at the next look."""


def bury_dead(database: Database, engine: Engine, prices: PriceTable | None = None) -> int:
    """End the executions whose rounds are dead, of whatever run: who comes first, once.

    One statement along an index where there are none.

    Args:
        database: The project's.
        engine: That carries rounds.
        prices: By which calls are priced whose replies never came.

    Returns:
        How many there were, at most `AT_ONCE`.

    Raises:
        StoreFault: The records cannot be reached.
    """
    records = Records(database)
    dead = [one.key for one in engine.list(states=[RoundState.dead], limit=AT_ONCE)]
    for key in dead:
        execution = key.rpartition(".r")[0]
        try:
            attempt = records.attempt(execution.rpartition(".e")[0])
        except KeyError:  # no such attempt: nothing is to be ended
            continue
        if attempt.round == key and records.has_ended(execution) is not True:
            records.begin(execution)  # it may have died before it began
            CallJournal(database, prices, run=attempt.run).settle(f"{execution}/")
            with suppress(Overtaken):  # somebody else has ended it in this moment
                records.finish(execution, Cause.worker_died, "its round was taken up again and again, and died")
    if dead:
        engine.cancel(dead)
    return len(dead)
