"""Where the reviewers of one submission stand against each other, and which of it somebody must decide.

The rule of the house, for what the primary reviewers said first (overlap, gold and judges count nowhere here):

- `critical`: some say pass and some fail on a critical criterion, however many there are on each side.
- `tie`: no verdict on a criterion, or no overall judgement, has more voices than every other.
- `flip`: by the run's completion policy one reviewer's verdicts complete the job and another's do not; due are the
  required criteria on which they differ. What checks decided stands in for what a reviewer left to them.
- `judgement`: the overall judgements differ.
- `important_gap`: two reviewers differ by two or more in how many important criteria pass; due are the important
  criteria on which they differ.
- `cannot_judge`: some reviewer could not judge, and there is another to compare with.
- `unjudged`: it did not count while reviews were made, counts again, and neither reviewer nor check judged it.

With one reviewer nothing but the last is ever due: there is nobody to differ from, and a `cannot_judge` of theirs
stays of record and leaves the attempt undecided, where the completion policy needs that criterion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from grading.evaluations import Evaluation, Judgement
from grading.figures.completion import rubric_of
from grading.record import records_of
from rubrics import CompletionPolicy, Importance, Verdict, completed, required

OVERALL = ""
"""In place of a criterion's id: the overall judgement."""
GAP = 2
"""Important criteria by which two reviewers may not differ without an adjudication."""


class Trigger(StrEnum):
    """Why something must be adjudicated."""

    critical = "critical"
    tie = "tie"
    flip = "flip"
    judgement = "judgement"
    important_gap = "important_gap"
    cannot_judge = "cannot_judge"
    unjudged = "unjudged"


@dataclass(slots=True)
class Voice:
    """What one reviewer said first of a submission."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    judgement: Judgement | None = None


def voices_of(evaluations: Iterable[Evaluation]) -> dict[str, Voice]:
    """Reviewer -> what they said first, of the evaluations of one submission by one rubric."""
    voices: dict[str, Voice] = {}
    said = [e for e in evaluations if e.grader_kind == "human" and e.stage == "primary"]
    for evaluation in sorted(said, key=lambda e: e.revision):
        voice = voices.setdefault(evaluation.grader, Voice())
        for verdict in evaluation.verdicts:
            voice.verdicts.setdefault(verdict.criterion, verdict.verdict)
        if voice.judgement is None:
            voice.judgement = evaluation.judgement
    return voices


def disputes(
    importances: Mapping[str, Importance],
    evaluations: Sequence[Evaluation],
    voided: Collection[str] = (),
    again: Collection[str] = (),
    *,
    policy: CompletionPolicy = CompletionPolicy.paper,
) -> dict[str, tuple[Trigger, ...]]:
    """Criterion (or `OVERALL`) -> why it must be adjudicated, in the order of the rubric.

    Args:
        importances: Of the rubric's criteria.
        evaluations: Of one submission by that rubric.
        voided: Criteria that count for nobody.
        again: Criteria that did so once, and count by now.
        policy: What completes the job.
    """
    voices = list(voices_of(evaluations).values())
    if not voices or (len(voices) < 2 and not again):
        return {}
    counting = {name: importance for name, importance in importances.items() if name not in voided}
    found: dict[str, set[Trigger]] = {name: set() for name in (*counting, OVERALL)}
    checked = records_of([e for e in evaluations if e.grader_kind == "check"])
    by_checks = {name: r.verdict for name, r in checked.items() if name in counting and r.verdict is not None}
    judged = set(by_checks).union(*(voice.verdicts for voice in voices))
    for name in set(again).intersection(counting) - judged:
        found[name].add(Trigger.unjudged)
    if len(voices) > 1:
        _between(counting, voices, by_checks, found)
        for name in _flips(counting, voices, by_checks, policy):
            found[name].add(Trigger.flip)
    order = list(Trigger)
    return {name: tuple(sorted(why, key=order.index)) for name, why in found.items() if why}


def _between(
    importances: Mapping[str, Importance],
    voices: Sequence[Voice],
    by_checks: Mapping[str, Verdict],
    found: Mapping[str, set[Trigger]],
) -> None:
    """Add to `found` what stands between several reviewers."""
    for name, importance in importances.items():
        found[name].update(_of_criterion(importance, [v.verdicts[name] for v in voices if name in v.verdicts]))
    for name in _gaps(importances, voices, by_checks):
        found[name].add(Trigger.important_gap)
    judgements = [voice.judgement for voice in voices if voice.judgement is not None]
    if len(set(judgements)) > 1:
        found[OVERALL].add(Trigger.judgement)
        found[OVERALL].update({Trigger.tie} if _tied(judgements) else ())


def _of_criterion(importance: Importance, said: Sequence[Verdict]) -> set[Trigger]:
    why: set[Trigger] = set()
    if importance == Importance.critical and {Verdict.passed, Verdict.failed} <= set(said):
        why.add(Trigger.critical)
    if _tied(said):
        why.add(Trigger.tie)
    if Verdict.cannot_judge in said:
        why.add(Trigger.cannot_judge)
    return why


def _tied(said: Sequence[str]) -> bool:
    ranked = Counter(said).most_common(2)
    return len(ranked) == 2 and ranked[0][1] == ranked[1][1]


def _flips(
    importances: Mapping[str, Importance],
    voices: Sequence[Voice],
    by_checks: Mapping[str, Verdict],
    policy: CompletionPolicy,
) -> list[str]:
    """The required criteria on which reviewers differ, where one completes the job and another does not."""
    rubric = rubric_of(importances)
    whole = [{**by_checks, **_within(voice, importances)} for voice in voices]
    outcomes = {completed(rubric, verdicts, policy) for verdicts in whole}
    if not {True, False} <= outcomes:
        return []
    return _differing(required(rubric, policy), whole)


def _gaps(
    importances: Mapping[str, Importance], voices: Sequence[Voice], by_checks: Mapping[str, Verdict]
) -> list[str]:
    """The important criteria on which reviewers differ, where they differ by too many."""
    names = [name for name, importance in importances.items() if importance == Importance.important]
    whole = [{**by_checks, **_within(voice, importances)} for voice in voices]
    passes = [sum(verdicts.get(name) == Verdict.passed for name in names) for verdicts in whole]
    return _differing(names, whole) if max(passes) - min(passes) >= GAP else []


def _within(voice: Voice, names: Collection[str]) -> dict[str, Verdict]:
    return {name: verdict for name, verdict in voice.verdicts.items() if name in names}


def _differing(names: Iterable[str], whole: Sequence[Mapping[str, Verdict]]) -> list[str]:
    return [name for name in names if len({verdicts.get(name) for verdicts in whole}) > 1]
