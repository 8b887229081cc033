"""`evaluations.jsonl`: the neutral record of grading, one line a verdict (see `docs/evaluations.md`).

`Evaluation` is what one grader says of one submission, as it is stored; `EvaluationLine` is the same laid flat,
one line a verdict, with the facts of the attempt repeated on it, so that a file of lines needs nothing beside it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from core import Cause, Ended, Frozen, cause_row
from rubrics import CompletionPolicy, Importance, Verdict

Arm = Literal["alone", "feedback", "retry", "echo"]
GraderKind = Literal["human", "check", "judge"]
Stage = Literal["primary", "overlap", "gold", "adjudication", "assist"]
EvidenceKind = Literal["quote", "fact", "region", "absence"]
Judgement = Literal["pass", "fail"]
ReworkContext = Literal["submission", "transcript"]
# No file, however long, adds up to more than a float holds.
MAX_AMOUNT = 1e12
MAX_COUNT = 1_000_000


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


class CriterionVerdict(Frozen):
    """One grader's word on one criterion.

    Attributes:
        decides: Of a check: its verdict stands where no person has judged.
    """

    criterion: str
    verdict: Verdict
    feedback: str = ""
    evidence: tuple[Evidence, ...] = ()
    decides: bool = False


class Evaluation(Frozen):
    """One grader's verdicts on one submission, and its separate overall judgement.

    Attributes:
        attempt_id: The attempt, as `runs` names it.
        submission: Digest of what was graded.
        grading_digest: Of the rubric and checks it was graded by; another rubric makes another evaluation.
        grader: Who: an alias of a reviewer, `checks`, or the digest of a judge.
        revision: 1 is the first and stays of record; a later change is kept beside it.
        minutes: Spent on it, None: unknown. cost: Dollars, None: unknown.
        judge_seen: The reviewer had seen a judge's verdict before.
        ts: When, ISO 8601 in UTC.
    """

    attempt_id: str
    submission: str = ""
    grading_digest: str = ""
    grader: str = Field(min_length=1)
    grader_kind: GraderKind
    stage: Stage = "primary"
    revision: int = Field(default=1, ge=1)
    judgement: Judgement | None = None
    minutes: float | None = Field(default=None, ge=0)
    cost: float | None = Field(default=None, ge=0)
    judge_seen: bool = False
    ts: str = ""
    verdicts: tuple[CriterionVerdict, ...] = ()

    @model_validator(mode="after")
    def _once(self) -> Evaluation:
        names = [verdict.criterion for verdict in self.verdicts]
        if len(set(names)) != len(names):
            raise ValueError("a criterion is judged twice in one evaluation")
        return self


class Cost(Frozen):
    """Dollars; None: unknown."""

    model: float | None = Field(default=None, ge=0, le=MAX_AMOUNT, strict=True)
    review: float | None = Field(default=None, ge=0, le=MAX_AMOUNT, strict=True)


class Minutes(Frozen):
    """Minutes; None: unknown."""

    work: float | None = Field(default=None, ge=0, le=MAX_AMOUNT, strict=True)
    review: float | None = Field(default=None, ge=0, le=MAX_AMOUNT, strict=True)


class EvaluationLine(Frozen):
    """One verdict, a criterion that nobody has judged yet, or (`criterion` null) an attempt without verdicts.

    Attributes:
        attempt: k, the number of the try; execution: how often it had been run when this was graded.
        criterion: None: the line stands for the attempt (a crash, or an overall judgement alone).
        verdict: None with a criterion: it is part of the rubric and awaits its verdict.
        voided: The criterion counts for nobody any more; what was said of it is kept.
        unblinded: What this person graded names who made it (its text, metadata or file names), so that they could
            know.
        scripted: A scripted stand-in made the submission, not a model; reports say so everywhere.
        rubric_visible: The agent was shown the rubric.
        criteria_shown: It was shown the criteria that the attempt before had failed.
        rework_context: What a later attempt went on from: what was handed in before, or the conversation as well.
        policy: By which its run decides whether an attempt failed, and so what is tried again.
        cost, minutes: `model`, `work` belong to the attempt; `review` to the attempt and grader.
    """

    run: str = ""
    agent: str = Field(min_length=1)
    job: str = Field(min_length=1)
    repeat: int = Field(default=1, ge=1, le=MAX_COUNT, strict=True)
    attempt: int = Field(ge=1, le=MAX_COUNT, strict=True)
    execution: int = Field(default=1, ge=1, le=MAX_COUNT, strict=True)
    arm: Arm
    submission: str | None = None
    criterion: str | None
    importance: Importance | None = None
    weight: float | None = Field(default=None, ge=0, le=MAX_AMOUNT, strict=True)
    decides: bool = False
    voided: bool = False
    grader: str = ""
    grader_kind: GraderKind | None = None
    stage: Stage = "primary"
    revision: int = Field(default=1, ge=1, le=MAX_COUNT, strict=True)
    verdict: Verdict | None = None
    feedback: str = ""
    evidence: tuple[Evidence, ...] = ()
    judgement: Judgement | None = None
    inclusion_probability: float | None = Field(default=None, gt=0, le=1)
    judge_seen: bool = False
    unblinded: bool = False
    category: tuple[str, ...] | str | None = None
    payout: float | None = Field(default=None, ge=0, le=MAX_AMOUNT, strict=True)
    currency: str | None = None
    cost: Cost = Cost()
    minutes: Minutes = Minutes()
    ended: Ended | None = None
    cause: Cause | None = None
    scripted: bool = False
    rubric_visible: bool = False
    criteria_shown: bool = False
    rework_context: ReworkContext | None = None
    policy: CompletionPolicy | None = None
    task_digest: str | None = None
    grading_digest: str | None = None
    agent_digest: str | None = None
    ts: str | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> EvaluationLine:
        if self.criterion is None and self.verdict is not None:
            raise ValueError("a `verdict` needs a `criterion`")
        if self.criterion is not None and self.importance is None:
            raise ValueError("a `criterion` needs its `importance`")
        if self.voided and self.criterion is None:
            raise ValueError("what is `voided` is a `criterion`")
        if self.verdict is not None and (not self.grader or self.grader_kind is None):
            raise ValueError("a `verdict` needs `grader` and `grader_kind`")
        if self.judgement is not None and self.grader_kind is None:
            raise ValueError("a `judgement` needs `grader` and `grader_kind`")
        if self.cause is not None and self.ended is not None and cause_row(self.cause).ended != self.ended:
            raise ValueError(f"cause `{self.cause}` does not end an attempt as `{self.ended}`")
        if (self.attempt == 1) != (self.arm == "alone"):
            raise ValueError("attempt 1 is of arm `alone`, and later attempts of another arm")
        if self.rework_context is not None and self.arm not in ("feedback", "retry"):
            raise ValueError("`rework_context` is of an attempt that went on from another")
        return self
