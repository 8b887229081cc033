"""The trial pipeline: one bounded round carries one execution from an empty workspace to the reviewers' door."""

from __future__ import annotations

from typing import Protocol

from runs.engine import Context, Json

COLLECT = "collect"
"""The step after which the agent's work is in: what fails later does not send the agent to work again."""


class Stages(Protocol):
    """The effects of a round, each idempotent: takes ids, returns pointers."""

    async def work(self, payload: Json, /) -> Json:
        """Let the agent work. Returns an `AgentResult`."""
        ...

    async def collect(self, payload: Json, /) -> Json:
        """Freeze what it handed in."""
        ...

    async def check(self, payload: Json, /) -> Json:
        """Run the checks."""
        ...

    async def publish(self, payload: Json, /) -> Json:
        """Put it up for review. Returns the cause of the end."""
        ...


async def run_round(ctx: Context, stages: Stages) -> Json:
    """Work, collect, check, publish. Nothing waits for people here: that is the gap between two rounds."""
    execution = {"execution": ctx.round_id}
    worked = await ctx.step("work", stages.work, execution)
    collected = await ctx.step(COLLECT, stages.collect, execution | worked)
    checked = await ctx.step("check", stages.check, execution | collected)
    return await ctx.step("publish", stages.publish, execution | worked | collected | checked)
