from __future__ import annotations

import pytest
from hypothesis import given

from rubrics import (
    Counts,
    Criterion,
    Importance,
    Rubric,
    RubricTree,
    TreeNode,
    Verdict,
    rubric_score,
    score,
    weighted_score,
)
from tests.rubrics.support import graded

PASS, FAIL, UNSURE = Verdict.passed, Verdict.failed, Verdict.cannot_judge
Case = tuple[Rubric, dict[str, Verdict | None]]


def rubric(*weights: float | None) -> Rubric:
    return Rubric(
        criteria=tuple(
            Criterion(id=f"c{number}", importance=Importance.critical, text="Cell A1 is filled", weight=weight)
            for number, weight in enumerate(weights)
        )
    )


def test_the_papers_score_is_passed_over_judged() -> None:
    four = rubric(None, None, None, None)
    assert rubric_score(four, {"c0": PASS, "c1": PASS, "c2": FAIL, "c3": PASS}) == 0.75
    assert rubric_score(four, {"c0": PASS, "c1": UNSURE, "c2": FAIL}) == 0.5
    assert rubric_score(four, {"c1": UNSURE}) is None


def test_an_avoided_pitfall_counts_as_passed() -> None:
    both = Rubric(
        criteria=(
            Criterion(id="a", importance=Importance.critical, text="Cell A1 is filled"),
            Criterion(id="b", importance=Importance.pitfall, text="Names the client"),
        )
    )
    assert rubric_score(both, {"a": FAIL, "b": PASS}) == 0.5


def test_weights_count_only_where_every_criterion_has_one() -> None:
    assert weighted_score(rubric(4, 1), {"c0": PASS, "c1": FAIL}) == 0.8
    assert weighted_score(rubric(4, None), {"c0": PASS, "c1": FAIL}) is None
    assert weighted_score(rubric(4, 1), {"c0": UNSURE, "c1": FAIL}) == 0.0
    assert weighted_score(rubric(0, 0), {"c0": PASS, "c1": PASS}) is None
    assert weighted_score(rubric(4, 1), {}) is None


def test_everything_at_once() -> None:
    three = rubric(2, 1, 1)
    tree = RubricTree(
        nodes=(
            TreeNode(id="top"),
            TreeNode(id="left", parent="top", weight=3),
            TreeNode(id="c0", parent="left", weight=2),
            TreeNode(id="c1", parent="left", weight=1),
            TreeNode(id="c2", parent="top", weight=1),
        )
    )
    result = score(three, {"c0": PASS, "c1": FAIL, "c2": UNSURE}, judgement="fail", tree=tree)
    assert result.rubric_score == 0.5
    assert result.bounds == (1 / 3, 2 / 3)
    assert result.weighted_score == 2 / 3
    assert result.tree_score == 2 / 3
    assert result.completed == {"paper": False, "strict": False, "all": False}
    assert result.counts == Counts(**{"pass": 1, "fail": 1, "cannot_judge": 1, "awaiting": 0})
    assert result.model_dump(mode="json", by_alias=True)["counts"] == {
        "pass": 1,
        "fail": 1,
        "cannot_judge": 1,
        "awaiting": 0,
    }


def test_a_verdict_on_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no criterion 'x'"):
        score(rubric(None), {"x": PASS})


@given(graded(weighted=True))
def test_scores_lie_between_zero_and_one(case: Case) -> None:
    result = score(*case)
    for value in (result.rubric_score, result.weighted_score):
        assert value is None or 0 <= value <= 1
    low, high = result.bounds
    assert 0 <= low <= high <= 1
    assert result.rubric_score is None or low <= result.rubric_score <= high
    counts = result.counts
    assert counts.passed + counts.failed + counts.cannot_judge + counts.awaiting == len(case[0].criteria)
    assert (result.rubric_score is None) is (counts.judged == 0)


@given(graded(weighted=True))
def test_a_pass_never_lowers_and_a_fail_never_raises_a_score(case: Case) -> None:
    rubric_, verdicts = case
    for name, word in verdicts.items():
        if word is not FAIL:
            continue
        for measure in (rubric_score, weighted_score):
            before, after = measure(rubric_, verdicts), measure(rubric_, verdicts | {name: PASS})
            assert before is None or (after is not None and after >= before - 1e-12)


@given(graded(weighted=True))
def test_what_cannot_be_judged_changes_no_rate(case: Case) -> None:
    rubric_, verdicts = case
    without = {name: word for name, word in verdicts.items() if word in {PASS, FAIL}}
    assert rubric_score(rubric_, verdicts) == rubric_score(rubric_, without)
    assert weighted_score(rubric_, verdicts) == weighted_score(rubric_, without)


@given(graded())
def test_equal_weights_are_no_weights(case: Case) -> None:
    rubric_, verdicts = case
    even = Rubric(criteria=tuple(item.model_copy(update={"weight": 3.0}) for item in rubric_.criteria))
    weighted, plain = weighted_score(even, verdicts), rubric_score(rubric_, verdicts)
    assert weighted == (None if plain is None else pytest.approx(plain))
