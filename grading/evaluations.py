"""`evaluations.jsonl`: the neutral record of grading, one line a verdict (see `docs/evaluations.md`)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core import Cause, Ended, Frozen
from rubrics import Importance, Verdict

Arm = Literal["alone", "feedback", "retry", "echo"]
GraderKind = Literal["human", "check", "judge"]
Stage = Literal["primary", "overlap", "gold", "adjudication", "assist"]
EvidenceKind = Literal["quote", "fact", "region", "absence"]


class Evidence(Frozen):
    """What a verdict rests on.

    Attributes:
        kind: A verified quotation, a machine fact, a region of a page, or an absence.
        file: Path of a deliverable. anchor: `Sheet1!B12`, `page=3`, `slide=4`, `line=40` ...
        text: The quotation, the fact, or what was searched.
    """

    kind: EvidenceKind
    file: str | None = None
    anchor: str | None = None
    text: str = ""


class Cost(Frozen):
    """Dollars; None: unknown."""

    model: float | None = None
    review: float | None = None


class Minutes(Frozen):
    """Minutes; None: unknown."""

    work: float | None = None
    review: float | None = None


class EvaluationLine(Frozen):
    """One verdict, or (with `criterion` null) one attempt without verdicts."""

    run: str = ""
    agent: str
    job: str
    repeat: int = Field(default=1, ge=1)
    attempt: int = Field(ge=1)
    execution: int = Field(default=1, ge=1)
    arm: Arm
    submission: str | None = None
    criterion: str | None
    importance: Importance | None = None
    weight: float | None = Field(default=None, ge=0)
    decides: bool = False
    grader: str = ""
    grader_kind: GraderKind | None = None
    stage: Stage = "primary"
    revision: int = Field(default=1, ge=1)
    verdict: Verdict | None = None
    feedback: str = ""
    evidence: tuple[Evidence, ...] = ()
    judgement: Literal["pass", "fail"] | None = None
    inclusion_probability: float | None = Field(default=None, gt=0, le=1)
    judge_seen: bool = False
    category: tuple[str, ...] | str | None = None
    payout: float | None = Field(default=None, ge=0)
    currency: str | None = None
    cost: Cost = Cost()
    minutes: Minutes = Minutes()
    ended: Ended | None = None
    cause: Cause | None = None
    task_digest: str | None = None
    grading_digest: str | None = None
    agent_digest: str | None = None
    ts: str | None = None
