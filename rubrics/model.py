"""A rubric: 5 to 20 criteria in four importances (UpBench, section 3.4 and appendix A.3)."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from core import Frozen
from rubrics.checks import Check

CRITERION_ID = r"^[a-z0-9][a-z0-9._-]{0,63}$"


class Importance(StrEnum):
    """How much a criterion matters. A verdict `pass` on a pitfall means: avoided."""

    critical = "critical"
    important = "important"
    optional = "optional"
    pitfall = "pitfall"


class Verdict(StrEnum):
    """One grader's word on one criterion (`cannot_judge` is the paper's *skip*)."""

    passed = "pass"
    failed = "fail"
    cannot_judge = "cannot_judge"


class Criterion(Frozen):
    """One thing a deliverable must (or, for a pitfall, must not) show.

    Attributes:
        id: Unique in its rubric.
        importance: See `Importance`.
        text: What the reviewer reads.
        check: A deterministic check, if a fact can be checked.
        decides: With a check: its verdict stands where no person has judged.
        weight: Kept from imported rubrics; the paper's scores never use it.
    """

    id: str = Field(pattern=CRITERION_ID)
    importance: Importance
    text: str = Field(min_length=1)
    check: Check | None = None
    decides: bool = False
    weight: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _decides_needs_check(self) -> Criterion:
        if self.decides and self.check is None:
            raise ValueError("`decides` needs a `check`")
        return self


class Rubric(Frozen):
    """The criteria of one job, in the order in which a reviewer sees them."""

    criteria: tuple[Criterion, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique(self) -> Rubric:
        seen: set[str] = set()
        for criterion in self.criteria:
            if criterion.id in seen:
                raise ValueError(f"criterion id {criterion.id!r} is there twice")
            seen.add(criterion.id)
        return self
