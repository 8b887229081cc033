"""The verdict of record: whose word stands on a criterion, where several have judged it.

Adjudicated, else the settled reviewers, else a check that decides, else the criterion awaits its verdict. Judge
models count only on the basis `judge`, and after everybody else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol, TypeVar

from grading.evaluations import Evaluation, GraderKind, Judgement, Stage
from rubrics import Verdict

Basis = Literal["record", "judge"]
V = TypeVar("V", bound=str)


class Source(StrEnum):
    """Whose word stands."""

    adjudication = "adjudication"
    reviewers = "reviewers"
    check = "check"
    judge = "judge"
    nobody = "nobody"


@dataclass(frozen=True, slots=True)
class RecordVerdict:
    """The verdict of record on one criterion.

    Attributes:
        verdict: None: it awaits one.
        source: Whose verdict it is.
        tie: Reviewers stand against each other, and an adjudication is due.
    """

    verdict: Verdict | None
    source: Source
    tie: bool = False


class Said(Protocol):
    """Who says something, and when in the course of grading."""

    @property
    def grader(self) -> str: ...  # noqa: D102
    @property
    def grader_kind(self) -> GraderKind | None: ...  # noqa: D102
    @property
    def stage(self) -> Stage: ...  # noqa: D102
    @property
    def revision(self) -> int: ...  # noqa: D102


class Word(Said, Protocol):
    """What of a verdict decides whether it stands (an `EvaluationLine` has all of it)."""

    @property
    def verdict(self) -> Verdict | None: ...  # noqa: D102
    @property
    def decides(self) -> bool: ...  # noqa: D102


class Overall(Said, Protocol):
    """What of an evaluation decides whether its overall judgement stands."""

    @property
    def judgement(self) -> Judgement | None: ...  # noqa: D102


def verdict_of_record(words: Iterable[Word], *, basis: Basis = "record") -> RecordVerdict:
    """The verdict of record on one criterion of one submission, from all that was said of it.

    The first revision of each grader stands; overlap, gold and assisted verdicts never count. A deciding check or
    a judge that cannot judge leaves the criterion to a person.
    """
    adjudicated: dict[str, tuple[int, Verdict]] = {}
    reviewed: dict[str, tuple[int, Verdict]] = {}
    checked: dict[str, tuple[int, Verdict]] = {}
    judged: dict[str, tuple[int, Verdict]] = {}
    for word in words:
        if word.verdict is None:
            continue
        if word.grader_kind == "human" and word.stage == "adjudication":
            _first(adjudicated, word.grader, word.revision, word.verdict)
        elif word.stage != "primary" or word.verdict is None:
            continue
        elif word.grader_kind == "human":
            _first(reviewed, word.grader, word.revision, word.verdict)
        elif word.verdict == Verdict.cannot_judge:
            continue
        elif word.grader_kind == "check" and word.decides:
            _first(checked, word.grader, word.revision, word.verdict)
        elif word.grader_kind == "judge" and basis == "judge":
            _first(judged, word.grader, word.revision, word.verdict)
    for source, said in (
        (Source.adjudication, adjudicated),
        (Source.reviewers, reviewed),
        (Source.check, checked),
        (Source.judge, judged),
    ):
        if said:
            verdict, tie = _majority([verdict for _, verdict in said.values()])
            return RecordVerdict(verdict, source, tie)
    return RecordVerdict(None, Source.nobody)


def judgement_of_record(words: Iterable[Overall], *, basis: Basis = "record") -> Judgement | None:
    """The overall judgement that stands, by the same order; None: there is none yet, or a tie.

    Of checks only an empty hand-in is judged as a whole: nobody else is asked about it.
    """
    tiers: tuple[dict[str, tuple[int, Judgement]], ...] = ({}, {}, {}, {})
    for word in words:
        tier = _tier(word, basis)
        if tier is not None and word.judgement is not None:
            _first(tiers[tier], word.grader, word.revision, word.judgement)
    for said in tiers:
        if said:
            return _majority([judgement for _, judgement in said.values()])[0]
    return None


def records_of(
    evaluations: Sequence[Evaluation], *, basis: Basis = "record", voided: Collection[str] = ()
) -> dict[str, RecordVerdict]:
    """The verdict of record of each criterion that the evaluations of one attempt speak of; none of the voided."""
    words: dict[str, list[_Said]] = {}
    for evaluation in evaluations:
        for said in evaluation.verdicts:
            if said.criterion in voided:
                continue
            words.setdefault(said.criterion, []).append(
                _Said(
                    said.verdict,
                    evaluation.grader,
                    evaluation.grader_kind,
                    evaluation.stage,
                    evaluation.revision,
                    said.decides,
                )
            )
    return {criterion: verdict_of_record(said, basis=basis) for criterion, said in words.items()}


@dataclass(frozen=True, slots=True)
class _Said:
    verdict: Verdict | None
    grader: str
    grader_kind: GraderKind | None
    stage: Stage
    revision: int
    decides: bool


def _tier(word: Overall, basis: Basis) -> int | None:
    if word.grader_kind == "human":
        return {"adjudication": 0, "primary": 1}.get(word.stage)
    if word.stage != "primary":
        return None
    if word.grader_kind == "check":
        return 2
    return 3 if word.grader_kind == "judge" and basis == "judge" else None


def _first(said: dict[str, tuple[int, V]], grader: str, revision: int, verdict: V) -> None:
    if grader not in said or revision < said[grader][0]:
        said[grader] = (revision, verdict)


def _majority(verdicts: Sequence[V]) -> tuple[V | None, bool]:
    """The most frequent verdict, and whether the first place is shared (then there is none)."""
    if len(verdicts) == 1:
        return verdicts[0], False
    ranked = Counter(verdicts).most_common(2)
    if len(ranked) == 2 and ranked[0][1] == ranked[1][1]:
        return None, True
    return ranked[0][0], False
