from __future__ import annotations

import pytest
from hypothesis import given

from rubrics import (
    CompletionPolicy,
    Criterion,
    Importance,
    Judgement,
    Rubric,
    Verdict,
    Verdicts,
    completed,
    required,
)
from tests.rubrics.support import graded

PASS, FAIL, UNSURE = Verdict.passed, Verdict.failed, Verdict.cannot_judge
DERIVED = (CompletionPolicy.paper, CompletionPolicy.strict, CompletionPolicy.all)
ONE_OF_EACH = Rubric(
    criteria=tuple(Criterion(id=item.value, importance=item, text="Cell A1 is filled") for item in Importance)
)


def of_each(
    critical: Verdict | None, important: Verdict | None, optional: Verdict | None, pitfall: Verdict | None
) -> list[bool | None]:
    verdicts = {"critical": critical, "important": important, "optional": optional, "pitfall": pitfall}
    return [completed(ONE_OF_EACH, verdicts, policy) for policy in DERIVED]


@pytest.mark.parametrize(
    ("verdicts", "paper", "strict", "everything"),
    [
        ((PASS, PASS, PASS, PASS), True, True, True),
        ((PASS, PASS, FAIL, PASS), True, True, False),
        ((PASS, PASS, PASS, FAIL), True, False, False),
        ((FAIL, PASS, PASS, PASS), False, False, False),
        ((PASS, FAIL, PASS, PASS), False, False, False),
        ((PASS, UNSURE, PASS, PASS), None, None, None),
        ((PASS, None, PASS, PASS), None, None, None),
        ((UNSURE, FAIL, PASS, PASS), False, False, False),
        ((None, FAIL, None, None), False, False, False),
        ((PASS, PASS, UNSURE, PASS), True, True, None),
        ((PASS, PASS, PASS, UNSURE), True, None, None),
        ((PASS, PASS, None, FAIL), True, False, False),
        ((PASS, None, PASS, FAIL), None, False, False),
        ((None, None, None, None), None, None, None),
    ],
)
def test_policies(
    verdicts: tuple[Verdict | None, ...], paper: bool | None, strict: bool | None, everything: bool | None
) -> None:
    assert of_each(*verdicts) == [paper, strict, everything]


@pytest.mark.parametrize(("judgement", "expected"), [("pass", True), ("fail", False), (None, None)])
def test_the_judgement_is_the_reviewers_whatever_the_criteria_say(
    judgement: Judgement | None, expected: bool | None
) -> None:
    verdicts: Verdicts = dict.fromkeys((item.id for item in ONE_OF_EACH.criteria), FAIL)
    assert completed(ONE_OF_EACH, verdicts, CompletionPolicy.judgement, judgement) is expected


def test_a_rubric_that_requires_nothing_decides_nothing() -> None:
    rubric = Rubric(criteria=(Criterion(id="a", importance=Importance.optional, text="Cell A1 is filled"),))
    assert completed(rubric, {"a": PASS}, CompletionPolicy.paper) is None
    assert completed(rubric, {"a": PASS}, CompletionPolicy.all) is True
    assert required(rubric, CompletionPolicy.paper) == ()


def test_each_policy_requires_what_the_one_before_does() -> None:
    sets = [set(required(ONE_OF_EACH, policy)) for policy in DERIVED]
    assert sets[0] == {"critical", "important"}
    assert sets[0] < sets[1] < sets[2]
    assert required(ONE_OF_EACH, CompletionPolicy.judgement) == ()


@given(graded())
def test_a_stricter_policy_never_completes_more(case: tuple[Rubric, dict[str, Verdict | None]]) -> None:
    rubric, verdicts = case
    paper, strict, everything = (completed(rubric, verdicts, policy) for policy in DERIVED)
    if required(rubric, CompletionPolicy.paper):
        assert not (everything is True and paper is not True)
        assert not (strict is True and paper is not True)
        assert not (paper is False and strict is not False)
    assert not (strict is False and everything is not False)


@given(graded())
def test_undecided_means_that_judging_the_rest_could_go_either_way(
    case: tuple[Rubric, dict[str, Verdict | None]],
) -> None:
    rubric, verdicts = case
    for policy in DERIVED:
        if not required(rubric, policy):
            continue
        ends = [
            completed(
                rubric, {key: word if word in {PASS, FAIL} else rest for key, word in verdicts.items()}, policy
            )
            for rest in (PASS, FAIL)
        ]
        now = completed(rubric, verdicts, policy)
        assert ends == ([True, False] if now is None else [now, now])


@given(graded())
def test_a_criterion_that_turns_to_pass_never_undoes_a_completion(
    case: tuple[Rubric, dict[str, Verdict | None]],
) -> None:
    rubric, verdicts = case
    rank = {False: 0, None: 1, True: 2}
    for policy in DERIVED:
        before = rank[completed(rubric, verdicts, policy)]
        for name in verdicts:
            assert rank[completed(rubric, verdicts | {name: PASS}, policy)] >= before
