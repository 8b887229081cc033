"""Evaluations laid flat, one line a verdict: making lines from what is stored, writing and reading them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from core import BadInput, parse_model, read_jsonl
from grading.evaluations import Arm, Cost, Evaluation, EvaluationLine, Minutes
from rubrics import Criterion, Importance, Rubric


@dataclass(frozen=True)
class AttemptFacts:
    """What belongs to the attempt and stands on each of its lines.

    Attributes:
        attempt: k. execution: The e-th time it was run.
        cost: Dollars paid for model calls, None: unknown. minutes: Of work.
        unblinded: The submission names who made it, so that whoever graded it could know.
        chances: By what chance reviews were wanted, see `chances_of`.
        more: Further fields of `EvaluationLine` (category, payout, currency, ended, cause, digests, scripted,
            rubric_visible, ts ...), as they are named there.
    """

    run: str
    agent: str
    job: str
    attempt: int
    arm: Arm
    repeat: int = 1
    execution: int = 1
    submission: str | None = None
    cost: float | None = None
    minutes: float | None = None
    unblinded: bool = False
    chances: Mapping[tuple[str, str], float] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)


def lines_of(
    facts: AttemptFacts, rubric: Rubric, evaluations: Sequence[Evaluation], *, voided: Collection[str] = ()
) -> list[EvaluationLine]:
    """The lines of one attempt; those of criteria that are `voided` say so.

    A criterion that no evaluation judges gets a line without a verdict, so that a reader of the file knows what
    the rubric asks. An attempt of which nothing was collected, and an overall judgement alone, get a line without
    criterion.
    """
    # A line is a copy of its attempt's or grader's with what is its own: each part of it is validated once.
    shared = _shared(facts)
    of_attempt = EvaluationLine(**shared, criterion=None)
    known = {criterion.id: _of_criterion(criterion, voided) for criterion in rubric.criteria}
    lines: list[EvaluationLine] = []
    judged: set[str] = set()
    for evaluation in evaluations:
        of_grader = EvaluationLine(**shared | _of_grader(facts, evaluation), criterion=None)
        for verdict in evaluation.verdicts:
            criterion = known.get(verdict.criterion)
            if criterion is not None:
                judged.add(verdict.criterion)
                of_verdict: dict[str, Any] = {
                    "verdict": verdict.verdict,
                    "feedback": verdict.feedback,
                    "evidence": verdict.evidence,
                    "decides": verdict.decides,
                }
                lines.append(of_grader.model_copy(update=criterion | of_verdict))
        if not evaluation.verdicts and evaluation.judgement is not None:
            lines.append(of_grader)
    if not evaluations and facts.submission is None:
        return [of_attempt]
    waiting = (own for name, own in known.items() if name not in judged)
    return lines + [of_attempt.model_copy(update=own) for own in waiting]


def _shared(facts: AttemptFacts) -> dict[str, Any]:
    return {
        "run": facts.run,
        "agent": facts.agent,
        "job": facts.job,
        "repeat": facts.repeat,
        "attempt": facts.attempt,
        "execution": facts.execution,
        "arm": facts.arm,
        "submission": facts.submission,
        "cost": Cost(model=facts.cost),
        "minutes": Minutes(work=facts.minutes),
    } | facts.more


def _of_grader(facts: AttemptFacts, evaluation: Evaluation) -> dict[str, Any]:
    return {
        "grader": evaluation.grader,
        "grader_kind": evaluation.grader_kind,
        "stage": evaluation.stage,
        "revision": evaluation.revision,
        "judgement": evaluation.judgement,
        "inclusion_probability": facts.chances.get((evaluation.grader, evaluation.stage)),
        "judge_seen": evaluation.judge_seen,
        "unblinded": facts.unblinded and evaluation.grader_kind == "human",
        "cost": Cost(model=facts.cost, review=evaluation.cost),
        "minutes": Minutes(work=facts.minutes, review=evaluation.minutes),
        "ts": evaluation.ts or None,
    }


def _of_criterion(criterion: Criterion, voided: Collection[str]) -> dict[str, Any]:
    own = _checked(criterion.id, criterion.importance, criterion.weight)
    return own | {"voided": True} if criterion.id in voided else own


@lru_cache(maxsize=10_000)
def _checked(criterion: str, importance: Importance, weight: float | None) -> dict[str, Any]:
    own = {"criterion": criterion, "importance": importance, "weight": weight}
    EvaluationLine.model_validate({"agent": "any", "job": "any", "attempt": 1, "arm": "alone", **own})
    return own


def dump_line(line: EvaluationLine) -> str:
    """A line as JSON; what has its default value is left out, `criterion` never."""
    body = line.model_dump(mode="json", exclude_defaults=True) | {"criterion": line.criterion}
    return json.dumps(body, ensure_ascii=False, allow_nan=False)


def dump_lines(lines: Iterable[EvaluationLine]) -> str:
    """The text of an `evaluations.jsonl`."""
    return "".join(dump_line(line) + "\n" for line in lines)


@dataclass(frozen=True)
class Placed:
    """A line and where it stands: the number of its line in `file`."""

    line: EvaluationLine
    file: Path | None
    number: int


def read_placed(path: Path) -> Iterator[Placed]:
    """The lines of an `evaluations.jsonl` with their places.

    Raises:
        BadInput: Naming file, line and field: no JSON, an unknown field, a wrong value, or no line at all.
    """
    empty = True
    for number, body in read_jsonl(path):
        empty = False
        yield Placed(parse_model(EvaluationLine, body, file=path, line=number), path, number)
    if empty:
        raise BadInput("holds no evaluations", file=path)


def read_lines(path: Path) -> list[EvaluationLine]:
    """The lines of an `evaluations.jsonl`, each right in itself and all together free of contradictions.

    Raises:
        BadInput: Naming file, line and field.
    """
    from grading.figures.gather import gather

    placed = list(read_placed(path))
    gather(placed)
    return [item.line for item in placed]
