"""How graders agree on the same criteria of the same submissions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations, product

from grading.evaluations import EvaluationLine
from grading.figures.counts import ratio
from grading.figures.model import Agreement, Figure
from grading.figures.trials import Trial
from rubrics import Verdict

Pair = tuple[Verdict, Verdict]


def agreement(trials: Sequence[Trial]) -> dict[str, Agreement]:
    """Between reviewers, and of checks and judges with reviewers: first verdicts, adjudications left out."""
    pairs: dict[str, Counter[Pair]] = {
        "between_reviewers": Counter(),
        "checks_with_reviewers": Counter(),
        "judges_with_reviewers": Counter(),
    }
    for trial in trials:
        for outcome in trial.outcomes:
            for words in outcome.attempt.words.values():
                if len(words) == 1:  # nobody else said anything
                    continue
                people, checks, judges = (_first_words(words, kind) for kind in ("human", "check", "judge"))
                pairs["between_reviewers"].update(combinations(sorted(people), 2))
                pairs["checks_with_reviewers"].update(product(checks, people))
                pairs["judges_with_reviewers"].update(product(judges, people))
    return {name: _agreement(counts) for name, counts in pairs.items()}


def _first_words(words: Iterable[EvaluationLine], kind: str) -> list[Verdict]:
    first: dict[str, EvaluationLine] = {}
    for word in words:
        if word.grader_kind == kind and word.stage in ("primary", "overlap"):
            before = first.get(word.grader)
            if before is None or word.revision < before.revision:
                first[word.grader] = word
    verdicts = [first[name].verdict for name in sorted(first)]
    return [v for v in verdicts if v in (Verdict.passed, Verdict.failed)]


def _agreement(pairs: Counter[Pair]) -> Agreement:
    both_pass = pairs[Verdict.passed, Verdict.passed]
    both_fail = pairs[Verdict.failed, Verdict.failed]
    n = sum(pairs.values())
    split = n - both_pass - both_fail
    nobody = "no criterion was judged by both"
    return Agreement(
        raw=_share(both_pass + both_fail, n, n, nobody),
        positive=_share(2 * both_pass, 2 * both_pass + split, n, "neither ever said pass" if n else nobody),
        negative=_share(2 * both_fail, 2 * both_fail + split, n, "neither ever said fail" if n else nobody),
    )


def _share(part: int, whole: int, n: int, why: str) -> Figure:
    value = ratio(part, whole)
    return Figure(value=value, n=n, why=why if value is None else None)
