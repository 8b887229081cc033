"""Mistakes in what a run may take and how it goes on: one line, exit code 2, nothing begun, nothing changed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.runs.project import need_sandbox
from tests.upbench.mistakes import Upbench, refused

RUN = ("run", "packs/small", "--agent", "nop")
SCRIPTED = ("run", "packs/small", "--model", "scripted/x")
ORDERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "budget unknown": ((*RUN, "--budget", "euros=3"), ("--budget", "euros", "dollars, tokens, hours")),
    "budget without a value": ((*RUN, "--budget", "dollars"), ("--budget", "NAME=VALUE")),
    "budget of nothing": ((*RUN, "--budget", "tokens=0"), ("--budget tokens", "greater than")),
    "budget negative": ((*RUN, "--budget", "hours=-1"), ("--budget hours",)),
    "budget not a number": ((*RUN, "--budget", "dollars=nan"), ("--budget dollars",)),
    "budget infinite": ((*RUN, "--budget", "dollars=inf"), ("--budget dollars",)),
    "lifting what is no bound": ((*RUN, "--budget", "euros=none"), ("--budget", "euros")),
    "budget in dollars without a price": (
        ("run", "packs/small", "--model", "openai/nobody-knows-me", "--budget", "dollars=3", "--detach"),
        ("--budget dollars", "nobody-knows-me", "prices"),
    ),
    "the same in a dry run": (
        ("run", "packs/small", "--model", "openai/nobody-knows-me", "--budget", "dollars=3", "--dry-run"),
        ("--budget dollars", "nobody-knows-me", "prices"),
    ),
    "trial limit in dollars without a price": (
        ("run", "packs/small", "--model", "openai/nobody-knows-me", "--limit", "trial_dollars=3"),
        ("--limit trial_dollars", "nobody-knows-me"),
    ),
    "trial limit unknown": ((*RUN, "--limit", "trial_memory_bytes=3"), ("trial_memory_bytes", "trial_steps")),
    "trial limit wrong": ((*RUN, "--limit", "trial_steps=0"), ("--limit trial_steps",)),
    "protocol unknown": ((*RUN, "--protocol", "again"), ("--protocol", "single, retry")),
    "a form that nobody is shown": (
        (*RUN, "--protocol", "retry", "--feedback-form", "criteria"),
        ("--feedback-form", "add --protocol feedback"),
    ),
    "no such form": (
        (*RUN, "--protocol", "both", "--feedback-form", "poem"),
        ("--feedback-form", "one of: remarks, criteria"),
    ),
    "no such context": (
        (*RUN, "--protocol", "both", "--rework-context", "memory"),
        ("--rework-context", "one of: submission, transcript"),
    ),
    "a script carried on": (
        (
            *RUN[:2],
            "--agent",
            "react",
            "--model",
            "scripted/x",
            "--protocol",
            "both",
            "--rework-context",
            "transcript",
        ),
        ("--rework-context", "choose submission"),
    ),
    "rework budget of nothing": ((*RUN, "--rework-budget", "minutes=30"), ("--rework-budget", "single")),
    "no such rework budget": (
        (*RUN, "--protocol", "both", "--rework-budget", "beers=3"),
        ("--rework-budget", "one of: dollars, minutes"),
    ),
    "attempts without a protocol": ((*RUN, "--attempts", "2"), ("--attempts", "--protocol retry")),
    "one attempt to retry": ((*RUN, "--protocol", "retry", "--attempts", "1"), ("--attempts", "from 2 ")),
    "attempts without end": (
        (*RUN, "--protocol", "retry", "--attempts", "99"),
        ("--attempts", "99 attempts are too many", "to 10"),
    ),
    "crash rate no number": ((*RUN, "--crash-rate", "often"), ("--crash-rate", "often", "between 0 and 1")),
    "crash rate of everything": ((*RUN, "--crash-rate", "1"), ("--crash-rate",)),
    "crash rate not a number": ((*RUN, "--crash-rate", "nan"), ("--crash-rate",)),
    "nothing to watch": (("runs", "watch", "last"), ("no such run",)),
    "nothing to cancel": (("runs", "cancel", "last"), ("no such run",)),
    "nothing to extend": (("runs", "extend", "last", "--protocol", "retry"), ("no such run",)),
    "nothing to look into": (("runs", "shell", "t1"), ("no such trial",)),
    "concurrency of thousands": (("runs", "resume", "last", "--concurrency", "5000"), ("--concurrency", "512")),
}


@pytest.mark.parametrize(("arguments", "named"), ORDERS.values(), ids=ORDERS.keys())
def test_a_wrong_order_begins_nothing(
    upbench: Upbench, arguments: tuple[str, ...], named: tuple[str, ...]
) -> None:
    refused(upbench, arguments, *named)
    assert json.loads(upbench("runs", "list", "--all", "--json")[1]) == []


LATER: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "resume with a wrong budget": (("runs", "resume", "last", "--budget", "x=1"), ("--budget", "dollars")),
    "resume with a wrong rate": (("runs", "resume", "last", "--crash-rate", "2"), ("--crash-rate",)),
    "extend by nothing": (("runs", "extend", "last", "--protocol", "single"), ("--protocol", "choose retry")),
    "extend by what is not called": (("runs", "extend", "last"), ("--protocol",)),
    "extend too far": (
        ("runs", "extend", "last", "--protocol", "retry", "--attempts", "11"),
        ("--attempts", "10"),
    ),
    "cancel what has ended": (("runs", "cancel", "last"), ("nothing is left to cancel",)),
    "retry what stands": (("runs", "retry", "last", "--cause", "steps"), ("--cause", "it stands")),
    "export as nothing known": (("runs", "export", "last", "--format", "tar"), ("--format", "folder")),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for a project with one finished run."""
    need_sandbox()
    return tmp_path_factory.mktemp("finished")


@pytest.mark.parametrize(("arguments", "named"), LATER.values(), ids=LATER.keys())
def test_a_wrong_word_changes_nothing_of_a_run(
    upbench: Upbench,
    finished: Path,
    tmp_path: Path,
    arguments: tuple[str, ...],
    named: tuple[str, ...],
) -> None:
    if not (finished / ".upbench").exists():
        assert upbench("run", "packs/small", "--agent", "nop")[0] == 0
        shutil.copytree(tmp_path / ".upbench", finished / ".upbench")
    shutil.rmtree(tmp_path / ".upbench", ignore_errors=True)
    shutil.copytree(finished / ".upbench", tmp_path / ".upbench")
    before = upbench("runs", "show", "last", "--json")[1]
    refused(upbench, arguments, *named)
    assert upbench("runs", "show", "last", "--json")[1] == before


def test_a_run_of_what_was_made_elsewhere_is_not_gone_on_with(upbench: Upbench, tmp_path: Path) -> None:
    need_sandbox()
    (tmp_path / "work").mkdir()
    (tmp_path / "work/total.csv").write_text("total\n60\n")
    assert upbench("submit", "packs/small/job-1", "work", "--agent", "me", "--cost", "7")[0] == 0
    (line,) = json.loads(upbench("runs", "list", "--json")[1])
    assert line["cost"]["dollars"] == 7
    refused(upbench, ("runs", "resume", "last"), "made elsewhere")
    refused(upbench, ("runs", "extend", "last", "--protocol", "retry"), "made elsewhere")


def test_a_log_folder_that_cannot_be_made_starts_no_worker(upbench: Upbench, tmp_path: Path) -> None:
    (tmp_path / ".upbench").mkdir()
    (tmp_path / ".upbench/logs").write_text("in the way")
    code, _, err = upbench(*RUN, "--detach", "--json")
    assert code == 2
    assert "no worker can be started" in err
    assert err.strip().count("\n") == 0
    assert os.listdir(tmp_path / ".upbench/scratch") == []
