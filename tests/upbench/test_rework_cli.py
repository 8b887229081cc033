"""Rework on the command line: planned, made, extended, looked at."""

from __future__ import annotations

import json
from pathlib import Path

from tests.runs.project import need_sandbox
from tests.upbench.life import MENDED, WRONG, attempts, pack_of
from tests.upbench.mistakes import Upbench, refused

REACT = ("--agent", "react", "--model", "scripted/x")


def test_what_checks_decide_is_reworked_at_once_and_told_of(upbench: Upbench, tmp_path: Path) -> None:
    need_sandbox()
    pack_of(tmp_path / "own", attempts(WRONG, WRONG, MENDED))
    arms = ("--protocol", "feedback", "--attempts", "4", "--echo", "--feedback-form", "criteria")
    code, out, err = upbench("run", "own/packs/small", *REACT, *arms, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert sorted((a["k"], a["arm"]) for a in told["attempts"]) == [
        (1, "alone"), (2, "echo"), (2, "feedback"), (3, "feedback"),
    ]  # fmt: skip
    assert told["arms"] == {"alone": 1, "echo": 1, "feedback": 2}
    assert "arms     1 alone, 1 echo, 2 feedback" in upbench("runs", "show", "last")[1]
    story = upbench("runs", "why", told["attempts"][0]["trial"])[1]
    assert story.count("remark: ") == 2
    report = json.loads(upbench("report", "last", "--json")[1])
    (control,) = report["retry_control"].values()
    assert (control["feedback"]["value"], control["echo"]["value"]) == (0.0, 0.0)
    (economics,) = report["economics"].values()
    assert (economics["attempts"], economics["cost_model"]["n"]) == (4, 3)
    assert "criteria_shown" in [warning["kind"] for warning in report["warnings"]]


def test_a_run_with_one_arm_is_extended_by_the_other(upbench: Upbench, tmp_path: Path) -> None:
    need_sandbox()
    pack_of(tmp_path / "own", attempts(WRONG, WRONG))
    assert upbench("run", "own/packs/small", *REACT, "--protocol", "retry", "--json")[0] == 0
    refused(
        upbench,
        ("runs", "extend", "last", "--protocol", "retry", "--feedback-form", "criteria"),
        "--feedback-form",
        "add --protocol feedback",
    )
    code, out, err = upbench("runs", "extend", "last", "--protocol", "feedback", "--echo", "--json")
    assert code == 0, err
    assert "1 failed attempts to try again, 1 submissions to show again" in err
    assert json.loads(out)["arms"] == {"alone": 1, "echo": 1, "feedback": 1, "retry": 1}
    code, out, err = upbench("runs", "extend", "last", "--protocol", "single", "--echo", "--json")
    assert code == 0, err
    assert json.loads(out)["arms"] == {"alone": 1, "echo": 1, "feedback": 1, "retry": 1}


def test_what_completes_a_job_is_said_when_a_run_is_begun(upbench: Upbench) -> None:
    run = ("run", "packs/small", "--agent", "nop")
    assert (
        json.loads(upbench(*run, "--policy", "strict", "--dry-run", "--json")[1])["config"]["policy"] == "strict"
    )
    refused(upbench, (*run, "--policy", "lenient"), "--policy")
    assert upbench(*run, "--policy", "all")[0] == 0
    assert "policy   all: completed when every criterion passes" in upbench("runs", "show", "last")[1]
    own, other = (
        json.loads(upbench("report", "last", "--json", *more)[1]) for more in ((), ("--policy", "paper"))
    )
    assert (own["policy"], other["policy"]) == ("all", "paper")
    kinds = [[warning["kind"] for warning in report["warnings"]].count("policy") for report in (own, other)]
    assert kinds == [0, 1]


def test_a_dry_run_counts_all_arms_and_the_echoes_that_people_see(upbench: Upbench) -> None:
    run = ("run", "packs/small", *REACT, "--dry-run", "--json")
    once = json.loads(upbench(*run)[1])
    both = json.loads(upbench(*run, "--protocol", "both", "--attempts", "3", "--echo")[1])
    assert (once["trials"]["attempts"], both["trials"]["attempts"]) == (2, 2 * (1 + 2 * 2))
    assert both["review"]["criteria"] == (1 + 2 * 2 + 1) * once["review"]["criteria"]
    many = ("--reviewers", "2", "--overlap", "0.5", "--gold", "0.25")
    assert json.loads(upbench(*run, *many)[1])["review"]["reviewers"] == 2.75
    words = upbench("run", "packs/small", *REACT, "--dry-run", "--echo")[1]
    assert "echoes       at most 2: " in words
