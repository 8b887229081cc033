"""Rounds carried by the caller, here and now: for what is begun, awaited and thrown away in one process."""

from __future__ import annotations

from runs.engine.port import Json, Step


class InProcessContext:
    """A round carried by this process; nothing of it is written down.

    Attributes:
        times: How often each effect is run; the tests set 2 to prove idempotence.
    """

    def __init__(self, key: str, *, times: int = 1) -> None:
        self._key, self.times = key, times

    @property
    def key(self) -> str:
        """See `Context`."""
        return self._key

    async def step(self, name: str, effect: Step, payload: Json, *, keep: bool = True) -> Json:
        """See `Context`."""
        del name, keep
        output: Json = {}
        for _ in range(self.times):
            output = await effect(payload)
        return output
