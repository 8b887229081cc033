"""Commands that are suggested work as they are printed."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from core import Spent
from runs import RunBudget
from tests.runs.project import need_sandbox
from tests.runs.support import write_pack
from tests.upbench.life import pack_of, slow_script, started, until
from tests.upbench.mistakes import Upbench
from upbench.going_on import larger_budget

REACT = ("--agent", "react", "--model", "scripted/x")


def words_after(text: str, said: str) -> list[str]:
    """The command that stands after some words, without the program's name."""
    (line,) = [line for line in text.splitlines() if said in line]
    name, *words = shlex.split(line.partition(said)[2].partition("; ")[0].rstrip(")."))
    assert name == "upbench", line
    return words


def test_a_run_that_its_budget_stopped_goes_on_as_is_said(upbench: Upbench, tmp_path: Path) -> None:
    need_sandbox()
    write_pack(tmp_path / "a study" / "packs", jobs=2)
    project = ("--project", "a study")
    pack = str(tmp_path / "a study" / "packs" / "small")
    # So many that the budget is looked at (once a second) long before all are done.
    order = ("run", pack, *REACT, "--repeats", "30", "--concurrency", "1", "--budget", "tokens=1")
    code, out, _ = upbench(*project, *order)
    assert code == 1
    assert "stopped  run_budget" in out
    _, shown, _ = upbench(*project, "runs", "show", "last")
    told = upbench(*project, "runs", "show", "last", "--json")[1]
    assert shlex.split(json.loads(told)["resume"])[-2:] == words_after(out, "go on with: ")[-2:]
    assert words_after(shown, "go on with: ") == words_after(out, "go on with: ")
    _, figures, _ = upbench(*words_after(shown, "report   "))
    assert "run_budget" in figures or "missing" in figures
    code, out, err = upbench(*words_after(out, "go on with: "), "--json")
    assert code in (0, 1), err  # twice as many tokens may be used up again
    assert json.loads(out)["trials"]["done"] > json.loads(told)["trials"]["done"]


@pytest.mark.parametrize(
    ("budget", "spent", "words"),
    [
        (RunBudget(), Spent(dollars=9), []),
        (RunBudget(dollars=10), Spent(dollars=9.99), []),
        (RunBudget(dollars=10), Spent(dollars=10.02), ["--budget", "dollars=21"]),
        (RunBudget(dollars=0.001), Spent(dollars=0.00123), ["--budget", "dollars=0.0025"]),
        (RunBudget(dollars=10, tokens=5), Spent(dollars=1, tokens=123_456), ["--budget", "tokens=250000"]),
        (
            RunBudget(dollars=1, hours=2),
            Spent(dollars=3, hours=2),
            ["--budget", "dollars=6", "--budget", "hours=4"],
        ),
        (RunBudget(dollars=10), Spent(dollars=1, unpriced=2), ["--budget", "dollars=none"]),
    ],
)
def test_a_budget_that_is_used_up_is_raised(budget: RunBudget, spent: Spent, words: list[str]) -> None:
    assert larger_budget(budget, spent) == words
    raised = budget.model_dump() | {
        name: None if value == "none" else value for name, _, value in (w.partition("=") for w in words[1::2])
    }
    assert RunBudget.model_validate(raised).met(spent) is None


def test_a_run_whose_process_died_goes_on_as_is_said(
    upbench: Upbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_sandbox()
    monkeypatch.setattr("upbench.cli.progress.ALONE_LOOKS", 1)
    pack = pack_of(tmp_path / "slow", slow_script(tmp_path, 1))
    with started("run", str(pack), *REACT, "--repeats", "2", "--concurrency", "1", cwd=tmp_path) as process:
        until(lambda: at_work(upbench))
        process.kill()
        process.wait()
    shown = json.loads(upbench("runs", "show", "last", "--json")[1])
    (left,) = [one["trial"] for one in shown["attempts"] if one["state"] == "running"]
    assert f"`upbench runs resume {shown['id']}` goes on with it" in upbench("runs", "why", left)[1]
    _, _, err = upbench("runs", "watch", "last")
    code, out, err = upbench(*words_after(err, "go on with: "))
    assert code == 0, err
    assert "2 of 2 done" in out


def at_work(upbench: Upbench) -> bool:
    code, out, _ = upbench("runs", "show", "last", "--json")
    return code == 0 and json.loads(out)["trials"]["running"] > 0
