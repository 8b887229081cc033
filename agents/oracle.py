"""`oracle`: hands in the job's reference. A job that it does not complete has a wrong rubric or reference."""

from __future__ import annotations

from agents.protocol import AgentConfig, AgentResult, Assignment, Desk
from core import Cause, Fault

DELIVERABLES = "/job/deliverables"


class OracleAgent:
    """Puts the reference deliverables into the deliverables folder and submits."""

    def __init__(self, config: AgentConfig) -> None:
        self.config = config

    async def work(self, assignment: Assignment, desk: Desk) -> AgentResult:
        """Upload the reference and submit; doing so twice is the same.

        Raises:
            Fault: The harness gave no reference, which only a job with one may ask for.
        """
        if desk.reference is None:
            raise Fault(Cause.harness_bug, f"{assignment.key}: the oracle was given no reference")
        note = "The job's reference deliverables."
        if not any(event.kind == "ended" for event in desk.transcript.events()):
            await desk.sandbox.upload(desk.reference, DELIVERABLES)
            desk.transcript.append("ended", {"cause": Cause.submitted.value, "note": note})
        return AgentResult(cause=Cause.submitted, note=note)
