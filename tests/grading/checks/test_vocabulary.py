"""Every kind of check passes, fails and abstains as `docs/checks.md` says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from rubrics import Check
from tests.grading.checks.cases import CASES
from tests.grading.checks.support import carry_out


@pytest.mark.parametrize("name", list(CASES))
def test_verdict(name: str, outcomes: dict[str, dict[str, Any]]) -> None:
    wanted, check = CASES[name]
    assert outcomes[name]["verdict"] == wanted, (check, outcomes[name])


@pytest.mark.parametrize("name", list(CASES))
def test_every_verdict_has_its_ground(name: str, outcomes: dict[str, dict[str, Any]]) -> None:
    outcome = outcomes[name]
    if outcome["verdict"] == "cannot_judge":
        assert outcome["feedback"]
        return
    assert outcome["evidence"]
    for seen in outcome["evidence"]:
        assert seen["kind"] in {"fact", "quote", "absence"}
        assert 0 < len(seen["text"]) <= 500
    assert bool(outcome["feedback"]) is (outcome["verdict"] == "fail")


def test_every_kind_is_shown_to_pass_and_to_fail() -> None:
    kinds = {str(model.model_fields["kind"].annotation.__args__[0]) for model in get_args(get_args(Check)[0])}
    assert kinds == {check["kind"] for _, check in CASES.values()}
    for wanted in ("pass", "fail"):
        shown = {check["kind"] for verdict, check in CASES.values() if verdict == wanted}
        assert kinds - shown == {"python"}


def test_evidence_says_where(outcomes: dict[str, dict[str, Any]]) -> None:
    by_check = {(check["kind"], check.get("file"), check.get("cell")): name for name, (_, check) in CASES.items()}
    seen = outcomes[by_check["cell", "order.xlsx", "D5"]]["evidence"][0]
    assert (seen["file"], seen["anchor"]) == ("order.xlsx", "Summary!D5")
    lacking = outcomes[by_check["language", "blank.txt", None]]["evidence"][0]
    assert lacking["kind"] == "absence"


def test_the_deliverables_are_not_touched(samples: Path, outcomes: dict[str, dict[str, Any]]) -> None:
    assert outcomes
    before = {path: path.lstat().st_mtime_ns for path in samples.rglob("*")}
    carry_out(
        {"a": {"kind": "formulas", "file": "order.xlsx"}, "b": {"kind": "opens", "file": "site/**"}}, samples
    )
    assert {path: path.lstat().st_mtime_ns for path in samples.rglob("*")} == before


def test_a_hopeless_expression_spoils_nothing_else(samples: Path) -> None:
    checks: dict[str, dict[str, Any]] = {
        "before": {"kind": "file_count", "file": "essay.txt", "min": 1},
        "hopeless": {"kind": "text_matches", "file": "slow.txt", "pattern": "(a+)+$"},
        "after": {"kind": "file_count", "file": "essay.txt", "min": 1},
    }
    found = carry_out(checks, samples, kind_seconds=1.0)
    assert [found[name]["verdict"] for name in checks] == ["pass", "cannot_judge", "pass"]
    assert found["hopeless"]["seconds"] < 60


def test_all_together_are_bounded(samples: Path) -> None:
    hopeless: dict[str, Any] = {"kind": "text_matches", "file": "slow.txt", "pattern": "(a+)+$"}
    found = carry_out(
        {f"c{number}": hopeless for number in range(5)}, samples, kind_seconds=1.0, total_seconds=2.0
    )
    assert {one["verdict"] for one in found.values()} == {"cannot_judge"}
    assert sum(one["seconds"] for one in found.values()) < 60
