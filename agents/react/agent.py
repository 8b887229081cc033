"""`ReactAgent`: a model, tools and a loop."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import lru_cache

from agents.presets import tools_of
from agents.protocol import AgentConfig, AgentResult, Assignment, Desk
from agents.react.meter import Meter
from agents.react.recall import recall
from agents.react.session import Session
from core import Cause


class ReactAgent:
    """Asks its model what to do, does it with its tools, and goes on until the hand-in or a limit."""

    def __init__(self, config: AgentConfig) -> None:
        self.config = config

    async def work(self, assignment: Assignment, desk: Desk) -> AgentResult:
        """Work on the assignment, from where the transcript ends.

        Raises:
            Fault: The model or the sandbox failed for good.
        """
        tools = tools_of(self.config.preset or "standard", network=desk.fetch is not None)
        specs = tuple(tool.spec for tool in tools.values())
        session = Session(self.config, assignment, desk, specs, Meter(assignment.limits))
        if desk.earlier:
            await recall(session)
        await session.restore()
        if session.ended is not None:
            return session.ended
        cause = await _loop()(session)
        return session.ended or session.result(cause)


@lru_cache
def _loop() -> Callable[[Session], Awaitable[Cause]]:
    # LangGraph reports to its makers' tracing service if the environment says so; briefs and work stay here.
    os.environ["LANGSMITH_TRACING"] = os.environ["LANGSMITH_TRACING_V2"] = "false"
    from agents.react.graph import run  # LangGraph takes most of a second to import

    return run
