"""The life of runs on the command line: budgets, later attempts, resuming, extending, cancelling."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.runs.project import need_sandbox
from tests.runs.support import RUBRIC
from tests.upbench.life import MENDED, WRONG, attempts, pack_of, slow_script, started, until
from tests.upbench.mistakes import Upbench, refused

REACT = ("--agent", "react", "--model", "scripted/x")
NAME = "react-standard@scripted/x"


def shown(upbench: Upbench, run: str = "last") -> dict[str, Any]:
    code, out, err = upbench("runs", "show", run, "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_budget_stops_a_run_clean_and_a_larger_one_lets_it_go_on(upbench: Upbench, tmp_path: Path) -> None:
    need_sandbox()
    order = (
        "run",
        "packs/small",
        *REACT,
        "--repeats",
        "8",
        "--concurrency",
        "1",
        "--budget",
        "tokens=1",
        "--json",
    )
    code, out, err = upbench(*order)
    assert code == 1, err
    summary = json.loads(out)
    assert summary["state"] == "stopped"
    assert summary["stop"]["reason"] == "run_budget"
    undone = summary["trials"]["total"] - summary["trials"]["done"]
    assert undone > 0
    assert summary["not_done"] == {"run_budget": undone}
    assert {a["not_done"] for a in summary["attempts"] if a["state"] != "done"} == {"run_budget"}
    said = upbench("runs", "show", "last")[1]
    assert "stopped  run_budget: " in said
    assert said.count("not done: run_budget") == undone
    assert "run_budget" in upbench("runs", "list")[1]
    assert json.loads(upbench("report", "last", "--json")[1])["missing"][NAME]["first"]["run_budget"] == undone
    refused(upbench, ("runs", "resume", "last"), "--budget", "1 tokens spent", "raise it")
    assert shown(upbench)["stop"]["reason"] == "run_budget", "it is as it was"
    code, out, err = upbench("runs", "resume", "last", "--budget", "tokens=none", "--concurrency", "4", "--json")
    assert code == 0, err
    done = json.loads(out)
    assert (done["state"], done["stop"], done["not_done"]) == ("done", None, {})
    assert done["causes"] == {"submitted": 16}


def test_what_failed_is_tried_again_with_its_own_submission_before_it(upbench: Upbench, tmp_path: Path) -> None:
    need_sandbox()
    pack_of(tmp_path / "own", attempts(WRONG, MENDED))
    code, out, err = upbench(
        "run", "own/packs/small", *REACT, "--agent", "oracle", "--protocol", "retry", "--attempts", "3", "--json"
    )
    assert code == 0, err
    tried = [(a["agent"], a["k"], a["arm"]) for a in json.loads(out)["attempts"]]
    assert tried == [(NAME, 1, "alone"), (NAME, 2, "retry"), ("oracle", 1, "alone")]
    story = upbench("runs", "why", json.loads(out)["attempts"][0]["trial"])[1]
    assert "attempt 2 (retry)" in story
    report = json.loads(upbench("report", "last", "--json")[1])
    assert report["agents"][NAME]["a"]["value"] == 0, "the first attempt failed"
    assert upbench("runs", "resume", "last", "--json")[0] == 0
    assert len(shown(upbench)["attempts"]) == 3, "nothing is tried a third time that was mended"


def test_a_run_is_extended_by_an_arm_on_its_failures(upbench: Upbench, tmp_path: Path) -> None:
    need_sandbox()
    pack_of(tmp_path / "own", attempts(WRONG, WRONG, MENDED))
    assert upbench("run", "own/packs/small", *REACT, "--json")[0] == 0
    code, out, err = upbench("runs", "extend", "last", "--protocol", "retry", "--attempts", "2", "--json")
    assert code == 0, err
    assert "1 failed attempts to try again" in err
    assert [a["k"] for a in json.loads(out)["attempts"]] == [1, 2]
    refused(upbench, ("runs", "extend", "last", "--protocol", "retry", "--attempts", "1"), "--attempts", "from 2 ")
    code, out, err = upbench("runs", "extend", "last", "--protocol", "retry", "--attempts", "3", "--json")
    assert [(a["k"], a["arm"]) for a in json.loads(out)["attempts"]] == [(1, "alone"), (2, "retry"), (3, "retry")]
    code, out, err = upbench("runs", "extend", "last", "--protocol", "retry", "--attempts", "4", "--json")
    assert "0 failed attempts to try again, 1 completed" in err
    assert len(json.loads(out)["attempts"]) == 3


def test_what_awaits_people_is_tried_again_after_them(upbench: Upbench, tmp_path: Path) -> None:
    need_sandbox()
    pack_of(tmp_path / "own", attempts(WRONG, MENDED), rubric=RUBRIC)
    code, out, err = upbench("run", "own/packs/small", *REACT, "--protocol", "retry", "--json")
    assert code == 0, err
    assert "1 attempt awaits verdicts" in err
    assert "review serve" in err
    assert len(json.loads(out)["attempts"]) == 1


def test_a_run_is_cancelled_from_another_process_and_can_go_on(upbench: Upbench, tmp_path: Path) -> None:
    need_sandbox()
    pack_of(tmp_path / "own", slow_script(tmp_path), jobs=3)
    order = ("run", "own/packs/small", *REACT, "--concurrency", "1", "--json")
    with started(*order, cwd=tmp_path) as process:

        def at_work() -> bool:
            seen = json.loads(upbench("runs", "list", "--json")[1])
            return bool(seen) and shown(upbench)["trials"]["running"] == 1

        until(at_work)
        refused(upbench, ("runs", "extend", "last", "--protocol", "retry"), "another process is executing run")
        refused(upbench, ("runs", "resume", "last", "--detach"), "another process is executing run")
        code, out, err = upbench("runs", "cancel", "last", "--json")
        assert code == 0, err
        told = json.loads(out)
        assert (told["at_work"], told["not_begun"], told["done"], told["executed"]) == (1, 2, 0, True)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 1, err
    summary = json.loads(out)
    assert (summary["state"], summary["causes"]) == ("stopped", {"user_cancelled": 1})
    assert summary["not_done"] == {"user_cancelled": 2}
    assert "was stopped before: user_cancelled" in upbench("runs", "cancel", "last")[1]
    pack = tmp_path / "own/packs/small/jobs"
    assert pack.is_dir()
    assert shown(upbench)["attempts"][0]["cause"] == "user_cancelled"


def test_a_run_that_died_is_cancelled_without_anybody(upbench: Upbench, tmp_path: Path) -> None:
    need_sandbox()
    pack_of(tmp_path / "own", slow_script(tmp_path), jobs=2)
    with started("run", "own/packs/small", *REACT, "--concurrency", "1", cwd=tmp_path) as process:
        until(lambda: '"running": 1' in upbench("runs", "show", "last", "--json")[1])
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    code, out, _ = upbench("runs", "cancel", "last")
    assert code == 0
    assert "1 attempts at work stay as they are, 1 are not begun" in out
    summary = shown(upbench)
    assert (summary["state"], summary["not_done"]) == ("stopped", {"user_cancelled": 2})


def test_cancelled_attempts_are_begun_anew_by_a_resume(upbench: Upbench, tmp_path: Path) -> None:
    need_sandbox()
    pack_of(tmp_path / "own", slow_script(tmp_path, seconds=6), jobs=2)
    with started("run", "own/packs/small", *REACT, "--concurrency", "1", cwd=tmp_path) as process:
        until(lambda: '"running": 1' in upbench("runs", "show", "last", "--json")[1])
        upbench("runs", "cancel", "last")
        process.wait(timeout=120)
    code, out, err = upbench("runs", "resume", "last", "--concurrency", "2", "--json")
    assert code == 0, err
    summary = json.loads(out)
    assert summary["causes"] == {"submitted": 2}
    assert sorted(a["executions"] for a in summary["attempts"]) == [1, 2]


def test_users_of_one_project_do_not_disturb_each_other(upbench: Upbench, monkeypatch: pytest.MonkeyPatch) -> None:
    need_sandbox()
    runs, one = {}, ("run", "packs/small", "--agent", "nop", "--job", "job-1", "--json")
    for name in ("ada", "bob"):
        monkeypatch.setenv("LOGNAME", name)
        runs[name] = json.loads(upbench(*one)[1])["id"]
    monkeypatch.setenv("LOGNAME", "ada")
    assert shown(upbench)["id"] == runs["ada"]
    assert [line["id"] for line in json.loads(upbench("runs", "list", "--json")[1])] == [runs["ada"]]
    everybodys = json.loads(upbench("runs", "list", "--all", "--json")[1])
    assert [(line["id"], line["owner"]) for line in everybodys] == [(runs["bob"], "bob"), (runs["ada"], "ada")]
    assert everybodys[0]["trials"] == {"total": 1, "done": 1}
    assert everybodys[0]["cost"] == {"dollars": 0.0, "estimated_dollars": 0.0, "unpriced_calls": 0}
    refused(upbench, ("runs", "cancel", runs["bob"][:-1]), f"{runs['bob']} is bob's", "whole id")
    refused(upbench, ("runs", "cancel", runs["bob"]), "nothing is left to cancel")
    monkeypatch.setenv("LOGNAME", "eve")
    assert json.loads(upbench("runs", "list", "--json")[1]) == []
    assert "--all" in upbench("runs", "list")[1]
    refused(upbench, ("runs", "show", "last"), "no such run", "runs list --all")
    assert shown(upbench, runs["bob"])["owner"] == "bob"


def test_how_a_run_is_executed_is_kept_with_it(upbench: Upbench) -> None:
    need_sandbox()
    how = ("--budget", "hours=2", "--crash-rate", "0.5", "--no-preflight", "--limit", "trial_steps=9")
    upbench("run", "packs/small", "--agent", "nop", *how)
    assert shown(upbench)["budget"] == {"dollars": None, "tokens": None, "hours": 2.0}
    from runs import Records
    from upbench import Bench

    bench = Bench()
    row = Records(bench.home.database).run("last")
    bench.close()
    assert row.options.crashes is not None
    assert (row.options.crashes.rate, row.options.preflight) == (0.5, 0)
    assert row.config.trial_limits.steps == 9


def test_a_dry_run_says_what_a_run_takes_and_begins_nothing(upbench: Upbench) -> None:
    code, out, err = upbench("run", "packs/small", *REACT, "--protocol", "retry", "--attempts", "3", "--dry-run")
    assert code == 0, err
    assert "2 trials" in out
    assert "at most 6" in out
    for word in ("dollars", "tokens", "time", "review", "difference"):
        assert f"\n{word} " in out
    told = json.loads(upbench("run", "packs/small", "--agent", "nop", "--repeats", "5", "--dry-run", "--json")[1])
    assert told["trials"]["total"] == 10
    assert json.loads(upbench("runs", "list", "--all", "--json")[1]) == []
