"""Later attempts: what a run's protocol adds to it once earlier attempts have ended and are judged."""

from __future__ import annotations

from runs.arms import ArmPlan, judged_trials, plan_retries
from runs.workplace import Workplace


def add_attempts(place: Workplace) -> ArmPlan:
    """Write down the attempts that are due by the run's protocol; asked again, only what is new."""
    row = place.records.run(place.run_id)
    if row.config.protocol == "single":
        return ArmPlan(planned=())
    executed = {agent.name for agent in row.config.executed}
    attempts = [attempt for attempt in place.records.attempts(row.id) if attempt.agent in executed]
    judged = judged_trials(place.database, row.id, attempts=attempts)
    plan = plan_retries(attempts, judged, most=row.config.attempts)
    place.records.add_attempts(plan.planned)
    return plan
