"""What a set of verdicts amounts to: counts, the paper's rubric score, weighted and tree scores, completion."""

from __future__ import annotations

from pydantic import Field

from core import Frozen
from rubrics.model import Rubric, Verdict
from rubrics.policies import UNJUDGED_RULE, CompletionPolicy, Judgement, Verdicts, completed
from rubrics.tree import RubricTree


class Counts(Frozen):
    """Criteria by verdict; `awaiting` has none."""

    passed: int = Field(default=0, ge=0, alias="pass")
    failed: int = Field(default=0, ge=0, alias="fail")
    cannot_judge: int = Field(default=0, ge=0)
    awaiting: int = Field(default=0, ge=0)

    @property
    def judged(self) -> int:
        """Those that say pass or fail."""
        return self.passed + self.failed


class RubricScore(Frozen):
    """Everything that follows from the verdicts on one attempt.

    Attributes:
        rubric_score: Passed / judged criteria, each counting one: the paper's R. A pitfall that was avoided is a
            passed criterion. In [0, 1]; None where nothing is judged.
        bounds: `rubric_score` if every criterion not judged had failed, and if every one had passed.
        weighted_score: The same by weight; None unless every criterion has a weight.
        tree_score: By the weighted tree of an imported rubric; None without one.
        completed: By policy; None: undecided.
        judgement: The reviewer's overall judgement, as given.
        rule: How criteria that nobody judged are handled.
    """

    rubric_score: float | None
    bounds: tuple[float, float]
    weighted_score: float | None
    tree_score: float | None
    completed: dict[str, bool | None]
    judgement: Judgement | None
    counts: Counts
    rule: str = UNJUDGED_RULE


def count(rubric: Rubric, verdicts: Verdicts) -> Counts:
    """How many criteria passed, failed, could not be judged, and await a verdict."""
    words = [verdicts.get(item.id) for item in rubric.criteria]
    return Counts(
        **{
            "pass": words.count(Verdict.passed),
            "fail": words.count(Verdict.failed),
            "cannot_judge": words.count(Verdict.cannot_judge),
            "awaiting": words.count(None),
        }
    )


def rubric_score(rubric: Rubric, verdicts: Verdicts) -> float | None:
    """Passed / judged, unweighted, in [0, 1]; None where nothing is judged."""
    counts = count(rubric, verdicts)
    return counts.passed / counts.judged if counts.judged else None


def weighted_score(rubric: Rubric, verdicts: Verdicts) -> float | None:
    """Weight passed / weight judged, in [0, 1]; None unless all criteria have weights and some is judged."""
    passed = judged = 0.0
    for criterion in rubric.criteria:
        if criterion.weight is None:
            return None
        word = verdicts.get(criterion.id)
        if word in {Verdict.passed, Verdict.failed}:
            judged += criterion.weight
            passed += criterion.weight if word is Verdict.passed else 0.0
    return min(1.0, passed / judged) if judged else None


def leaf_scores(verdicts: Verdicts) -> dict[str, float]:
    """1 for pass and 0 for fail; criteria that are not judged are left out."""
    return {
        name: 1.0 if word is Verdict.passed else 0.0
        for name, word in verdicts.items()
        if word in {Verdict.passed, Verdict.failed}
    }


def tree_score(tree: RubricTree, verdicts: Verdicts) -> float | None:
    """The root's score; None where nothing below it is judged."""
    leaves = set(tree.leaves)
    scores = {name: value for name, value in leaf_scores(verdicts).items() if name in leaves}
    return tree.propagate(scores)[tree.root]


def score(
    rubric: Rubric, verdicts: Verdicts, *, judgement: Judgement | None = None, tree: RubricTree | None = None
) -> RubricScore:
    """Everything at once.

    Raises:
        ValueError: A verdict is on a criterion that the rubric does not have.
    """
    unknown = set(verdicts) - {item.id for item in rubric.criteria}
    if unknown:
        raise ValueError(f"the rubric has no criterion {min(unknown)!r}")
    counts, total = count(rubric, verdicts), len(rubric.criteria)
    return RubricScore(
        rubric_score=rubric_score(rubric, verdicts),
        bounds=(counts.passed / total, (total - counts.failed) / total),
        weighted_score=weighted_score(rubric, verdicts),
        tree_score=tree_score(tree, verdicts) if tree else None,
        completed={
            policy.value: completed(rubric, verdicts, policy)
            for policy in (CompletionPolicy.paper, CompletionPolicy.strict, CompletionPolicy.all)
        },
        judgement=judgement,
        counts=counts,
    )
