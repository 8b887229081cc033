"""The trial pipeline: one bounded round carries one execution from an empty workspace to the reviewers' door."""

from __future__ import annotations

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

    @property
    def has_checks(self) -> bool:
        """Whether `check` has anything to run."""
        ...


async def run_round(ctx: Context, stages: Stages, execution: str) -> Json:
    """Work, collect, check, publish. Nothing waits for people here: that is the gap between two rounds.

    The engine keeps what is dear to do again. What was worked, collected and published stands in the records as
    well: these steps find there that they are done.
    """
    named = {"execution": execution}
    worked = await ctx.step("work", stages.work, named, keep=False)
    collected = await ctx.step("collect", stages.collect, named | worked, keep=False)
    checked = await ctx.step("check", stages.check, named | collected, keep=stages.has_checks)
    return await ctx.step("publish", stages.publish, named | worked | collected | checked, keep=False)
