"""Runs that workers execute: handed over, watched, gone on with, and nobody there to do it."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.runs.project import need_sandbox
from tests.standins.postgres import fresh_database, postgres  # noqa: F401
from tests.upbench.life import (
    MENDED,
    WRONG,
    attempts,
    is_gone,
    pack_of,
    slow_script,
    started,
    until,
)
from tests.upbench.mistakes import Upbench

REACT = ("--agent", "react", "--model", "scripted/x")


def shown(upbench: Upbench, run: str = "last") -> dict[str, Any]:
    code, out, err = upbench("runs", "show", run, "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def worker_of(said: str) -> int:
    """The process that was started in the background."""
    found = re.search(r"started in the background \(process (\d+)\)", said)
    assert found is not None, said
    return int(found[1])


def test_a_run_is_left_to_a_worker_in_the_background(upbench: Upbench, tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "__init__.py").write_text("raise SystemExit('the agents of somebody else')")
    need_sandbox()
    pack_of(tmp_path / "own", attempts(WRONG, MENDED))
    code, out, err = upbench("run", "own/packs/small", *REACT, "--protocol", "retry", "--detach", "--json")
    assert code == 0, err
    assert json.loads(out)["state"] == "running"
    worker = worker_of(err)
    code, out, err = upbench("runs", "watch", "last", "--json")
    assert code == 0, err
    until(lambda: shown(upbench)["state"] == "done" and is_gone(worker))
    summary = shown(upbench)
    assert [(a["k"], a["cause"]) for a in summary["attempts"]] == [(1, "submitted"), (2, "submitted")]
    (log,) = (tmp_path / ".upbench/logs").glob("*-background-*.log")
    assert "round_ended" in log.read_text()


def test_what_is_left_of_a_process_is_handed_to_workers(upbench: Upbench, tmp_path: Path) -> None:
    need_sandbox()
    pack_of(tmp_path / "own", slow_script(tmp_path, seconds=10), jobs=2)
    with started("run", "own/packs/small", *REACT, "--concurrency", "1", cwd=tmp_path) as process:
        until(lambda: '"running": 1' in upbench("runs", "show", "last", "--json")[1])
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
    code, _, err = upbench("runs", "resume", "last", "--detach", "--concurrency", "2")
    assert code == 0, err
    worker = worker_of(err)
    code, _, err = upbench("runs", "resume", "last")
    assert code == 0, err
    assert "1 worker is there" in err, "what workers execute stays theirs, and nobody else is started"
    until(lambda: shown(upbench)["state"] == "done")
    summary = shown(upbench)
    assert summary["causes"] == {"submitted": 2}
    assert [a["executions"] for a in summary["attempts"]] == [1, 1], "what was at work went on"
    until(lambda: is_gone(worker))


def test_a_detached_run_is_cancelled_and_gone_on_with(upbench: Upbench, tmp_path: Path) -> None:
    need_sandbox()
    pack_of(tmp_path / "own", slow_script(tmp_path, seconds=8), jobs=3)
    _, _, err = upbench("run", "own/packs/small", *REACT, "--concurrency", "1", "--detach")
    worker = worker_of(err)
    until(lambda: shown(upbench)["trials"]["running"] == 1)
    told = json.loads(upbench("runs", "cancel", "last", "--json")[1])
    assert (told["at_work"], told["not_begun"], told["executed"]) == (1, 2, True)
    until(lambda: shown(upbench)["state"] == "stopped" and is_gone(worker))
    assert shown(upbench)["causes"] == {"user_cancelled": 1}
    code, _, err = upbench("runs", "resume", "last", "--concurrency", "3", "--json")
    assert code == 0, err
    until(lambda: shown(upbench)["state"] == "done")
    summary = shown(upbench)
    assert summary["causes"] == {"submitted": 3}
    assert sorted(a["executions"] for a in summary["attempts"]) == [1, 1, 2]
    until(lambda: is_gone(worker_of(err)))


def test_submitting_needs_neither_sandbox_nor_key_and_says_that_nobody_is_there(
    upbench: Upbench,
    monkeypatch: pytest.MonkeyPatch,
    fresh_database: str,  # noqa: F811
) -> None:
    monkeypatch.setenv("UPBENCH_DATABASE", fresh_database)
    monkeypatch.setenv("PATH", "")
    for order in (("--agent", "nop"), ("--model", "openai/gpt-5", "--sandbox", "docker")):
        code, out, err = upbench("run", "packs/small", *order, "--detach", "--json")
        assert code == 0, err
        assert "no worker is there" in err
        assert "upbench worker" in err
        assert json.loads(out)["trials"]["planned"] == 2
        assert upbench("run", "packs/small", *order)[0] != 0, "to execute it here they are needed"
    assert len(json.loads(upbench("runs", "list", "--json")[1])) == 2
    code, out, _ = upbench("runs", "cancel", "last", "--json")
    assert code == 0
    assert not json.loads(out)["executed"]
    summary = shown(upbench)
    assert (summary["state"], summary["not_done"]) == ("stopped", {"user_cancelled": 2})
