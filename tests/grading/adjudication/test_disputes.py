"""What reviewers may differ in, and what somebody else must decide."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from grading import Evaluation
from grading.adjudication.disputes import OVERALL, Trigger, disputes
from rubrics import CompletionPolicy
from tests.grading.adjudication.support import GOOD, RUBRIC, evaluation

ROW: Any = SimpleNamespace(attempt_id="a", submission="s", grading_digest="g")
IMPORTANCES = {criterion.id: criterion.importance for criterion in RUBRIC.criteria}


def of(*verdicts: Mapping[str, str], judgements: str = "") -> list[Evaluation]:
    """One reviewer's evaluation for each; `judgements` as in `pf`."""
    words = {"p": "pass", "f": "fail"}
    given = [words[letter] for letter in judgements] or ["pass"] * len(verdicts)
    said = enumerate(zip(verdicts, given, strict=True))
    return [evaluation(ROW, f"r{n}", one, judgement) for n, (one, judgement) in said]


def found(evaluations: list[Evaluation], voided: tuple[str, ...] = ()) -> dict[str, list[str]]:
    return {name: [str(t) for t in why] for name, why in disputes(IMPORTANCES, evaluations, voided).items()}


@pytest.mark.parametrize(
    ("differs", "due"),
    [
        ([{}, {}], {}),
        ([{}, {"rows": "fail"}], {"rows": ["critical", "tie", "flip"]}),
        # Two against one is no tie, but a critical criterion and the completion hang on it.
        ([{}, {}, {"rows": "fail"}], {"rows": ["critical", "flip"]}),
        ([{}, {}, {"tone": "fail"}], {"tone": ["flip"]}),
        # Nobody completes the job: that one of them failed one more changes nothing.
        ([{"rows": "fail"}, {"rows": "fail"}, {"rows": "fail", "tone": "fail"}], {}),
        (
            [{"rows": "fail"}, {"rows": "fail"}, {"rows": "fail", "tone": "fail", "style": "fail"}],
            {"tone": ["important_gap"], "style": ["important_gap"]},
        ),
        ([{}, {}, {"extra": "fail"}], {}),
        ([{}, {"extra": "fail"}], {"extra": ["tie"]}),
        ([{}, {"ads": "fail"}], {"ads": ["tie"]}),
        ([{}, {}, {"extra": "cannot_judge"}], {"extra": ["cannot_judge"]}),
        ([{"rows": "cannot_judge"}, {"rows": "cannot_judge"}], {"rows": ["cannot_judge"]}),
        ([{"rows": "cannot_judge"}], {}),
        ([{"rows": "fail"}], {}),
    ],
)
def test_what_must_be_adjudicated(differs: list[dict[str, str]], due: dict[str, list[str]]) -> None:
    assert found(of(*(GOOD | one for one in differs))) == due


def test_what_flips_completion_is_by_the_policy_of_the_run() -> None:
    said = of(GOOD, GOOD, GOOD | {"ads": "fail"})
    due = {policy: disputes(IMPORTANCES, said, policy=policy) for policy in CompletionPolicy}
    flips = {"ads": (Trigger.flip,)}
    assert due == {"paper": {}, "strict": flips, "all": flips, "judgement": {}}


def test_the_overall_judgement_is_adjudicated_where_any_two_differ() -> None:
    assert found(of(GOOD, GOOD, judgements="pf")) == {OVERALL: ["tie", "judgement"]}
    assert found(of(GOOD, GOOD, GOOD, judgements="ppf")) == {OVERALL: ["judgement"]}


def test_what_a_check_decided_stands_in_for_who_left_it_to_the_check() -> None:
    left = {name: word for name, word in GOOD.items() if name != "rows"}
    check = evaluation(ROW, "checks", {"rows": "pass"}, None, grader_kind="check")
    decides = check.model_copy(update={"verdicts": (check.verdicts[0].model_copy(update={"decides": True}),)})
    two = of(left, left | {"rows": "fail"})
    assert found([*two, decides]) == {"rows": ["flip"]}
    assert found([*two, check]) == {}, "a check that does not decide completes nothing"


def test_a_voided_criterion_and_what_is_not_of_primary_reviewers_open_nothing() -> None:
    two = of(GOOD, GOOD | {"rows": "fail"})
    assert found(two, voided=("rows",)) == {}
    for more in (
        {"stage": "overlap"},
        {"stage": "gold"},
        {"grader_kind": "judge"},
        {"grader": "r0", "revision": 2},
    ):
        assert found([two[0], two[1].model_copy(update=more)]) == {}, more
