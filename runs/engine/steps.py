"""`ctx.step` of the durable engine."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from dbos import DBOS

from core import Cause, Fault, StoreFault, span
from runs.engine.port import Json, Step

PATIENCE_SECONDS = 60.0
"""So long a store that fails is tried again: a database server takes that time to restart."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
_log = logging.getLogger("upbench.engine")


FAULT = "\u0000fault"


async def _told(effect: Step, payload: Json) -> Json:
    """What the effect returns; a fault as a value, so that a round which is taken up ends for the same cause."""
    try:
        return await effect(payload)
    except Fault as fault:
        return {FAULT: fault.cause.value, "detail": fault.detail}


class DurableContext:
    """See `runs.engine.port.Context`.

    Args:
        key: Of the round.
        abandon: Told of a store that fails for good.
    """

    def __init__(self, key: str, abandon: Callable[[StoreFault], None]) -> None:
        self._key, self._abandon = key, abandon

    @property
    def key(self) -> str:
        """See `Context`."""
        return self._key

    async def step(self, name: str, effect: Step, payload: Json, *, keep: bool = True) -> Json:
        """See `Context`. A store that fails is no end of the round: it stays, to be taken up by somebody.

        One that answers, with something that is damaged or gone, would answer so for ever: that ends the effect.
        """

        async def patient(given: Json) -> Json:
            began, pause = time.monotonic(), FIRST_PAUSE
            while True:
                try:
                    with span("step", step=name):
                        return await effect(given)
                except StoreFault as fault:
                    if fault.cause is Cause.store_damaged:
                        raise
                    late = time.monotonic() - began + pause > PATIENCE_SECONDS
                    if fault.cause is not Cause.store_failed or late:
                        self.abandon(fault)
                        raise asyncio.CancelledError from fault
                    _log.warning("%s of %s is tried again in %.1f s: %s", name, self._key, pause, fault)
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, 2 * pause)

        if not keep:
            return await patient(payload)
        output: Json = await DBOS.run_step_async({"name": name}, _told, patient, payload)
        if FAULT in output:  # the engine would keep the text of an error, but not its cause
            raise Fault(Cause(output[FAULT]), output["detail"])
        return output

    def abandon(self, fault: StoreFault) -> None:
        """Give the round up here: it stays as it is."""
        self._abandon(fault)
