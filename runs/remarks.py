"""What an agent is told of an attempt that failed: the words of the verdicts of record, and where they point."""

from __future__ import annotations

from collections.abc import Sequence

from agents import Remark
from grading import EvaluationLine, Evidence, Outcome, Source
from rubrics import Criterion, Rubric, Verdict
from runs.plan import FeedbackForm

UNSAID = "It is not met."
"""Of a criterion that is shown, where nobody wrote anything."""


def remarks_of(outcome: Outcome, rubric: Rubric, form: FeedbackForm) -> tuple[Remark, ...]:
    """What was said of each criterion that failed, in the rubric's order; never by whom.

    Only whose word made the verdict of record is heard, and of that only what they locked first: no overlap, no
    gold, no judge model, no later correction. What several said in the same words is told once.

    Args:
        outcome: Of the attempt, judged.
        rubric: Of its job, by which it was judged.
        form: Whether criteria are shown.
    """
    found: list[Remark] = []
    for criterion in rubric.criteria:
        record = outcome.records.get(criterion.id)
        if record is None or record.verdict != Verdict.failed:
            continue
        words = _that_count(outcome.attempt.words.get(criterion.id, ()), record.source)
        found += _told(criterion, words, form)
    return tuple(dict.fromkeys(found))


def _told(criterion: Criterion, words: Sequence[EvaluationLine], form: FeedbackForm) -> list[Remark]:
    shown = criterion.text if form == "criteria" else None
    said: dict[str, list[str]] = {}
    for word in words:
        if word.feedback.strip():
            said.setdefault(word.feedback.strip(), []).extend(map(_place, word.evidence))
    if not said and shown is not None:
        said[UNSAID] = []
    return [
        Remark(criterion=shown, text=text, places=tuple(dict.fromkeys(filter(None, places))))
        for text, places in said.items()
    ]


def _that_count(words: Sequence[EvaluationLine], source: Source) -> list[EvaluationLine]:
    """Those by whom the criterion failed: the first word of each grader."""
    first: dict[str, EvaluationLine] = {}
    for word in words:
        if _source(word) is source and (word.grader not in first or word.revision < first[word.grader].revision):
            first[word.grader] = word
    return [word for word in first.values() if word.verdict == Verdict.failed]


def _source(word: EvaluationLine) -> Source | None:
    if word.grader_kind == "human":
        return {"adjudication": Source.adjudication, "primary": Source.reviewers}.get(word.stage)
    return Source.check if word.grader_kind == "check" and word.stage == "primary" and word.decides else None


def _place(evidence: Evidence) -> str:
    where = " ".join(part for part in (evidence.file, evidence.anchor) if part)
    what = evidence.text.strip()
    return f"{where}: {what}" if where and what else where or what
