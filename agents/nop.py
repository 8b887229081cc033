"""`nop`: hands in nothing. A job that it completes has a rubric that checks nothing."""

from __future__ import annotations

from agents.protocol import AgentConfig, AgentResult, Assignment, Desk
from core import Cause


class NopAgent:
    """Submits at once, with an empty folder."""

    def __init__(self, config: AgentConfig) -> None:
        self.config = config

    async def work(self, assignment: Assignment, desk: Desk) -> AgentResult:
        """Submit nothing; doing so twice is the same."""
        if not desk.transcript.events():
            desk.transcript.append("ended", {"cause": Cause.submitted.value})
        return AgentResult(cause=Cause.submitted)
