"""The trial pipeline: one bounded round carries one execution from an empty workspace to the reviewers' door."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from runs.engine.port import Context, Json


class Stages(Protocol):
    """The effects of a round, each idempotent: takes ids, returns pointers."""

    async def work(self, payload: Json, /) -> Json:
        """Let the agent work. Returns how that ended."""
        ...

    async def collect(self, payload: Json, /) -> Json:
        """Freeze what it handed in."""
        ...

    async def check(self, payload: Json, /) -> Json:
        """Run the checks."""
        ...

    async def publish(self, payload: Json, /) -> Json:
        """Put it up for review, and end the execution. Returns its cause."""
        ...

    def unless_cancelled(self) -> AbstractAsyncContextManager[None]:
        """Within the block what is under way is cut off when the user cancels the run. Raises its `Fault` then."""
        ...

    @property
    def has_checks(self) -> bool:
        """Whether `check` has anything to run."""
        ...


async def run_round(ctx: Context, stages: Stages, execution: str) -> Json:
    """Work, collect, check, publish. Nothing waits for people here: that is the gap between two rounds.

    The engine keeps what is dear to do again. What was worked, collected and published stands in the records as
    well: these steps find there that they are done. A user who cancels waits for neither agent nor checks; what an
    agent handed in is collected all the same, and a resume only has it checked.
    """
    named = {"execution": execution}
    async with stages.unless_cancelled():
        worked = await ctx.step("work", stages.work, named, keep=False)
    collected = await ctx.step("collect", stages.collect, named | worked, keep=False)
    async with stages.unless_cancelled():
        checked = await ctx.step("check", stages.check, named | collected, keep=stages.has_checks)
    return await ctx.step("publish", stages.publish, named | worked | collected | checked, keep=False)
