"""Lines to attempts: what repeats on lines is read once, and whatever contradicts itself is named by its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from core import BadInput, Cause, Ended, cause_row
from grading.evaluations import EvaluationLine
from grading.figures.completion import rubric_of
from grading.lines import Placed
from rubrics import Importance, Rubric

# Fields of a line that belong to the attempt: None means unknown, two different values are a conflict.
_FACTS = (
    "submission",
    "category",
    "payout",
    "currency",
    "ended",
    "cause",
    "rework_context",
    "policy",
    "task_digest",
    "grading_digest",
    "agent_digest",
)
_NAMES = attrgetter("run", "agent", "job", "repeat", "arm", "attempt", "execution")
# The facts with all else that a line says of its attempt.
_TOLD = attrgetter(*_FACTS, "cost.model", "minutes.work", "scripted", "rubric_visible", "criteria_shown")

RubricKey = tuple[str, str | None]


class TrialKey(NamedTuple):
    """One agent on one job, one repeat."""

    run: str
    agent: str
    job: str
    repeat: int


class AttemptKey(NamedTuple):
    """One try of a trial."""

    trial: TrialKey
    arm: str
    k: int


class Sitting(NamedTuple):
    """One grader's evaluation of an attempt."""

    grader: str
    stage: str
    revision: int


@dataclass(slots=True)
class Reviewed:
    """What belongs to the (attempt, grader): dollars and minutes of review, and one line that carries them."""

    line: EvaluationLine
    cost: float | None = None
    minutes: float | None = None


@dataclass(slots=True)
class Attempt:
    """One execution of an attempt with all that was said of it.

    Attributes:
        words: The lines with a verdict, by criterion. set_aside: The same of voided criteria, which count nowhere.
        importances: Of the criteria known from this attempt's own lines.
        sittings: One entry for each evaluation.
        cost: Dollars for model calls. minutes: Of work. None: unknown.
        last: What the line before said of the attempt itself. said: Of what there is a line, and by whom.
    """

    key: AttemptKey
    execution: int
    facts: dict[str, Any] = field(default_factory=dict)
    cost: float | None = None
    minutes: float | None = None
    scripted: bool = False
    rubric_visible: bool = False
    criteria_shown: bool = False
    words: dict[str, list[EvaluationLine]] = field(default_factory=dict)
    set_aside: dict[str, list[EvaluationLine]] = field(default_factory=dict)
    importances: dict[str, Importance] = field(default_factory=dict)
    sittings: dict[Sitting, Reviewed] = field(default_factory=dict)
    last: tuple[Any, ...] = ()
    said: set[tuple[str | None, str, int, bool]] = field(default_factory=set)

    @property
    def rubric(self) -> RubricKey:
        """By what it was graded: its job, and the digest where that is known."""
        return self.key.trial.job, self.facts.get("grading_digest")

    @property
    def cause(self) -> Cause | None:
        """Why it ended, where that is known."""
        cause: Cause | None = self.facts.get("cause")
        return cause

    @property
    def ended(self) -> Ended | None:
        """How it ended, where that is known."""
        ended: Ended | None = self.facts.get("ended")
        return cause_row(self.cause).ended if ended is None and self.cause is not None else ended

    @property
    def category(self) -> str:
        """The job's category, outermost level."""
        category = self.facts.get("category")
        top = category[0] if isinstance(category, tuple) and category else category
        return str(top) if top else "uncategorised"


@dataclass(slots=True)
class Gathered:
    """All attempts, every execution of each (oldest first), and the criteria of each job.

    Attributes:
        rubrics: By job and grading digest: the criteria that count. voided: Those that count no more.
    """

    attempts: dict[AttemptKey, list[Attempt]]
    rubrics: dict[RubricKey, Rubric]
    voided: dict[RubricKey, Rubric] = field(default_factory=dict)

    def rubric_of(self, attempt: Attempt) -> Rubric:
        """The criteria of the attempt's job, as far as any line graded by the same rubric knows them."""
        return self.rubrics[attempt.rubric]

    def whole_rubric_of(self, attempt: Attempt) -> Rubric | None:
        """The same with the voided criteria; None: none is voided."""
        voided = self.voided.get(attempt.rubric)
        if voided is None:
            return None
        criteria = (*self.rubrics[attempt.rubric].criteria, *voided.criteria)
        return rubric_of({criterion.id: criterion.importance for criterion in criteria})


def gather(placed: Iterable[Placed]) -> Gathered:
    """Group lines into attempts.

    Raises:
        BadInput: Two lines give the same verdict twice, or contradict each other; the later one is named.
    """
    found: dict[tuple[AttemptKey, int], Attempt] = {}
    voided: list[tuple[Attempt, str]] = []
    attempt: Attempt | None = None
    last: object = None
    for item in placed:
        line = item.line
        names = _NAMES(line)
        if attempt is None or names != last:  # the lines of an attempt mostly follow each other
            attempt, last = _attempt_of(found, line), names
        _once(attempt, item)
        _facts(attempt, item)
        _sitting(attempt, item)
        _criterion(attempt, item)
        if line.voided and line.criterion is not None:
            voided.append((attempt, line.criterion))
    attempts: dict[AttemptKey, list[Attempt]] = {}
    for (key, _), attempt in sorted(found.items()):
        attempts.setdefault(key, []).append(attempt)
    rubrics = _rubrics(found.values())
    return Gathered(attempts, rubrics, _set_aside(voided, rubrics, found.values()))


def _attempt_of(found: dict[tuple[AttemptKey, int], Attempt], line: EvaluationLine) -> Attempt:
    key = AttemptKey(TrialKey(line.run, line.agent, line.job, line.repeat), line.arm, line.attempt)
    there = found.get((key, line.execution))
    if there is None:
        there = found[key, line.execution] = Attempt(key, line.execution)
    return there


def place(lines: Iterable[EvaluationLine]) -> list[Placed]:
    """Lines that come from no file; errors name their number, from 1."""
    return [Placed(line, None, number) for number, line in enumerate(lines, start=1)]


def _refuse(item: Placed, what: str, name: str, mend: str | None = None) -> NoReturn:
    file: Path | str = item.file if item.file is not None else "evaluations"
    raise BadInput(what, file=file, line=item.number, field=name, mend=mend)


def _once(attempt: Attempt, item: Placed) -> None:
    line = item.line
    key = (line.criterion, line.grader, line.revision, line.stage == "adjudication")
    if key in attempt.said:
        who = f"by {line.grader!r}, revision {line.revision}, " if line.grader else ""
        _refuse(
            item,
            f"a second line {who}for the same attempt and criterion {line.criterion!r}",
            "criterion",
            "remove one, or count up `revision`",
        )
    attempt.said.add(key)


def _facts(attempt: Attempt, item: Placed) -> None:
    line = item.line
    told = _TOLD(line)
    if told == attempt.last:
        return
    attempt.last = told
    for name, value in zip(_FACTS, told, strict=False):
        if value is not None and attempt.facts.setdefault(name, value) != value:
            _refuse(item, f"{value!r} here, {attempt.facts[name]!r} before, for the same attempt", name)
    attempt.cost = _same(item, "cost.model", attempt.cost, line.cost.model)
    attempt.minutes = _same(item, "minutes.work", attempt.minutes, line.minutes.work)
    attempt.scripted |= line.scripted
    attempt.rubric_visible |= line.rubric_visible
    attempt.criteria_shown |= line.criteria_shown


def _sitting(attempt: Attempt, item: Placed) -> None:
    line = item.line
    if line.grader_kind is None:
        return
    sitting = Sitting(line.grader, line.stage, line.revision)
    reviewed = attempt.sittings.get(sitting)
    if reviewed is None:
        attempt.sittings[sitting] = Reviewed(line, line.cost.review, line.minutes.review)
        return
    if reviewed.line.grader_kind != line.grader_kind:
        _refuse(item, f"grader {line.grader!r} was {reviewed.line.grader_kind!r} before", "grader_kind")
    if reviewed.line.judgement != line.judgement:
        if None not in (reviewed.line.judgement, line.judgement):
            _refuse(item, f"{line.judgement!r} here, {reviewed.line.judgement!r} before", "judgement")
        reviewed.line = line if reviewed.line.judgement is None else reviewed.line
    reviewed.cost = _same(item, "cost.review", reviewed.cost, line.cost.review)
    reviewed.minutes = _same(item, "minutes.review", reviewed.minutes, line.minutes.review)


def _same(item: Placed, name: str, before: float | None, here: float | None) -> float | None:
    if before is not None and here is not None and before != here:
        _refuse(item, f"{here} here, {before} before, for the same attempt", name)
    return here if before is None else before


def _criterion(attempt: Attempt, item: Placed) -> None:
    line = item.line
    if line.criterion is None or line.importance is None:
        return
    before = attempt.importances.setdefault(line.criterion, line.importance)
    if before != line.importance:
        what = f"{line.importance.value!r} here, {before.value!r} before, for criterion {line.criterion!r}"
        _refuse(item, what, "importance")
    if line.verdict is not None:
        attempt.words.setdefault(line.criterion, []).append(line)


def _set_aside(
    voided: Iterable[tuple[Attempt, str]], rubrics: dict[RubricKey, Rubric], attempts: Iterable[Attempt]
) -> dict[RubricKey, Rubric]:
    """Take voided criteria out of `rubrics` and of what was said, and return them by rubric.

    One line that says so is enough: a criterion is voided for every submission that was graded by the rubric.
    """
    names: dict[RubricKey, set[str]] = {}
    for attempt, criterion in voided:
        names.setdefault(attempt.rubric, set()).add(criterion)
    taken: dict[RubricKey, Rubric] = {}
    for key, out in names.items():
        known = {criterion.id: criterion.importance for criterion in rubrics[key].criteria}
        rubrics[key] = rubric_of({name: level for name, level in known.items() if name not in out})
        taken[key] = rubric_of({name: level for name, level in known.items() if name in out})
    for attempt in attempts:
        for name in names.get(attempt.rubric, set()) & set(attempt.words):
            attempt.set_aside[name] = attempt.words.pop(name)
    return taken


def _rubrics(attempts: Iterable[Attempt]) -> dict[RubricKey, Rubric]:
    rubrics: dict[RubricKey, dict[str, Importance]] = {}
    for attempt in attempts:
        key = attempt.rubric
        known = rubrics.setdefault(key, {})
        for criterion, importance in attempt.importances.items():
            if known.setdefault(criterion, importance) != importance:
                raise BadInput(
                    f"criterion {criterion!r} of job {key[0]!r} is {importance.value!r} in one attempt and "
                    f"{known[criterion].value!r} in another graded by the same rubric",
                    field="importance",
                )
    return {key: rubric_of(dict(sorted(known.items()))) for key, known in rubrics.items()}
