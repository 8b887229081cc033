"""Evaluations made from counts: so many jobs, so many completed, re-attempted, rescued."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from grading import EvaluationLine

IMPORTANCES = ("critical", "critical", "important", "important", "important", "optional", "pitfall")


def attempt_lines(
    agent: str, job: str, *, k: int = 1, arm: str | None = None, passes: bool, criteria: int = 7, **more: Any
) -> Iterator[EvaluationLine]:
    """A reviewer's verdicts on one attempt: all pass, or the first (critical) one fails."""
    for number in range(criteria):
        yield EvaluationLine.model_validate(
            {
                "agent": agent,
                "job": job,
                "attempt": k,
                "arm": arm or ("alone" if k == 1 else "feedback"),
                "criterion": f"c{number}",
                "importance": IMPORTANCES[number % len(IMPORTANCES)],
                "grader": "r1",
                "grader_kind": "human",
                "verdict": "pass" if passes or number else "fail",
                "judgement": "pass" if passes else "fail",
                **more,
            }
        )


def table(
    agent: str, *, n: int, a: int, m: int, b: int, criteria: int = 7, **more: Any
) -> Iterator[EvaluationLine]:
    """`n` jobs, the first `a` completed; of the failed ones `m` re-attempted and `b` of those rescued."""
    for number in range(n):
        job = f"job-{number:03d}"
        yield from attempt_lines(agent, job, passes=number < a, criteria=criteria, **more)
        if a <= number < a + m:
            yield from attempt_lines(agent, job, k=2, passes=number < a + b, criteria=criteria, **more)
