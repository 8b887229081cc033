"""Carrying out the checks of a rubric over one submission."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from core import Cause, Fault, Frozen
from grading.checks.program import LIMITS, ProgramEnded, run_program
from grading.evaluations import Evidence, EvidenceKind
from rubrics import Criterion, Rubric, Verdict
from sandbox import SandboxLimits, SandboxProvider

MAX_ANSWER = 8 << 20
# What is left of the sandbox's own time when the program must be done, so that it can still answer.
MARGIN_SECONDS = 30.0
# For a check that has a sandbox to itself.
ALONE_SECONDS = 120.0


class CheckOutcome(Frozen):
    """What the check of one criterion says.

    Attributes:
        criterion: Its id.
        verdict: `pass`, `fail` or `cannot_judge`.
        evidence: What was seen, or searched.
        feedback: The reason in one line; empty on a pass.
        seconds: How long the check took.
    """

    criterion: str
    verdict: Verdict
    evidence: tuple[Evidence, ...] = ()
    feedback: str = ""
    seconds: float = Field(default=0.0, ge=0)


_Ask = Callable[[Sequence[Criterion], SandboxLimits], Awaitable[list[CheckOutcome]]]


class _Seen(Frozen):
    kind: EvidenceKind
    file: str | None = Field(default=None, max_length=500)
    anchor: str | None = Field(default=None, max_length=200)
    text: str = Field(default="", max_length=500)


class _Said(Frozen):
    id: str
    verdict: Verdict
    feedback: str = Field(default="", max_length=600)
    evidence: Annotated[tuple[_Seen, ...], Field(max_length=8)] = ()
    seconds: float = Field(default=0.0, ge=0, le=3600)


class _Answer(Frozen):
    outcomes: Annotated[tuple[_Said, ...], Field(max_length=1000)]


async def run_checks(
    provider: SandboxProvider,
    *,
    key: str,
    rubric: Rubric,
    deliverables: Path,
    inputs: Path,
    checks_file: Path | None,
    limits: SandboxLimits = LIMITS,
    labels: Mapping[str, str] | None = None,
) -> list[CheckOutcome]:
    """The outcome of every check of the rubric, in its order; without checks no sandbox is opened.

    Args:
        provider: Opens the grading sandbox.
        key: Key of its workspace, which is removed afterwards.
        rubric: Criteria without a check are passed over.
        deliverables: The submission, shown read-only.
        inputs: The job's attachments, shown read-only.
        checks_file: The job's `private/checks.py`, if it has one.
        limits: Of the sandbox; all checks together must end within its `command_seconds`.
        labels: Whose work is graded (`run`, `trial`): its sandbox carries them.

    Raises:
        Fault: With cause `check_failed_to_run` when the checks could not be carried out at all.
        SandboxFault: The sandbox did not start or was lost.
    """
    asked = [criterion for criterion in rubric.criteria if criterion.check is not None]
    if not asked:
        return []
    mounts = {"deliverables": deliverables, "inputs": inputs}
    if checks_file is not None:
        mounts["checks.py"] = checks_file

    async def ask(criteria: Sequence[Criterion], limits: SandboxLimits) -> list[CheckOutcome]:
        return await _ask(provider, key, criteria, mounts, limits, labels)

    try:
        return await ask(asked, limits)
    except ProgramEnded:
        if not any(_may_start_programs(one) for one in asked):
            raise
    # A delivered program that a check started may have ended the one that reports: find out which, one by one.
    found = {
        one.criterion: one for one in await ask([one for one in asked if not _may_start_programs(one)], limits)
    }
    alone = limits.model_copy(update={"command_seconds": min(limits.command_seconds, ALONE_SECONDS)})
    for one in asked:
        if one.id not in found:
            found[one.id] = await _alone(ask, one, alone)
    return [found[one.id] for one in asked]


async def _alone(ask: _Ask, criterion: Criterion, limits: SandboxLimits) -> CheckOutcome:
    """The outcome of a check that has a sandbox to itself; what ends the program there leaves it to people."""
    try:
        return (await ask([criterion], limits))[0]
    except ProgramEnded as ended:
        feedback = f"the check could not be carried out: its program was stopped while it ran ({ended.detail})"
        return CheckOutcome(criterion=criterion.id, verdict=Verdict.cannot_judge, feedback=feedback)


async def _ask(
    provider: SandboxProvider,
    key: str,
    criteria: Sequence[Criterion],
    mounts: dict[str, Path],
    limits: SandboxLimits,
    labels: Mapping[str, str] | None,
) -> list[CheckOutcome]:
    if not criteria:
        return []
    request = {
        "criteria": [{"id": one.id, "check": one.check.model_dump(mode="json")} for one in criteria if one.check],
        "total_seconds": max(1.0, limits.command_seconds - MARGIN_SECONDS),
    }
    answer = await run_program(
        provider,
        key=key,
        arguments=("check",),
        mounts=mounts,
        request=request,
        limits=limits,
        max_answer=MAX_ANSWER,
        labels=labels,
    )
    return _validated(answer, [one.id for one in criteria])


def _may_start_programs(criterion: Criterion) -> bool:
    """Whether its check runs the job's own code, which may start what was handed in."""
    return criterion.check is not None and criterion.check.kind == "python"


def _validated(answer: object, asked: list[str]) -> list[CheckOutcome]:
    try:
        said = _Answer.model_validate(answer)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Fault(Cause.check_failed_to_run, f"the answer is malformed at {where}: {first['msg']}") from error
    if [one.id for one in said.outcomes] != asked:
        raise Fault(Cause.check_failed_to_run, "the answer is about other criteria than were asked")
    return [
        CheckOutcome(
            criterion=one.id,
            verdict=one.verdict,
            evidence=tuple(Evidence(**seen.model_dump()) for seen in one.evidence),
            feedback=one.feedback,
            seconds=one.seconds,
        )
        for one in said.outcomes
    ]
