"""The engine's side of a round: `ctx.step` runs each effect at least once and remembers what it returned.

The in-process engine keeps the outputs in our own `steps` table: a round that is run again (after a crash, by
another process) gets the outputs of the steps that had ended and goes on with the first that had not.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.sqlite import insert

from core import Database, canonical_json
from runs.tables import STEPS

# Made once: building a statement costs more than carrying it out.
_ENDED = select(STEPS.c.name, STEPS.c.output).where(STEPS.c.round == bindparam("round"))
_ADD = insert(STEPS).on_conflict_do_nothing()

Json = dict[str, Any]
Step = Callable[[Json], Awaitable[Json]]


class Context(Protocol):
    """What a round sees of the engine that runs it."""

    @property
    def round_id(self) -> str:
        """Name of the round: the execution's id for rounds of kind `attempt`."""
        ...

    async def step(self, name: str, effect: Step, payload: Json) -> Json:
        """Run `effect(payload)` unless step `name` of this round has ended before; return its output.

        Effects are idempotent: one that was cut short is run again from its beginning.
        """
        ...


class InProcessContext:
    """A round run by this process.

    Attributes:
        times: How often each effect is run when it runs at all; the tests set 2 to prove idempotence.
    """

    def __init__(self, database: Database, round_id: str, *, times: int = 1) -> None:
        self._database, self._round, self.times = database, round_id, times
        self._ended = self._recorded()

    @property
    def round_id(self) -> str:
        """See `Context`."""
        return self._round

    def has_ended(self, name: str) -> bool:
        """Whether that step of the round has ended, now or in an earlier process."""
        return name in self._ended

    async def step(self, name: str, effect: Step, payload: Json) -> Json:
        """See `Context`."""
        if name in self._ended:
            return self._ended[name]
        output: Json = {}
        for _ in range(self.times):
            output = await effect(payload)
        self._record(name, output)
        self._ended[name] = output
        return output

    def _recorded(self) -> dict[str, Json]:
        with self._database.read() as connection:
            rows = connection.execute(_ENDED, {"round": self._round}).all()
        return {row.name: json.loads(row.output) for row in rows}

    def _record(self, name: str, output: Json) -> None:
        row = {"round": self._round, "name": name, "output": canonical_json(output)}
        with self._database.write() as connection:
            connection.execute(_ADD, row)
