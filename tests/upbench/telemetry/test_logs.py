"""Log lines: JSON in a file of the project, with the ids of run, trial and execution."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from core import Cause, SandboxFault, event, span, within
from upbench.telemetry import logs
from upbench.telemetry.start import observed


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


def lines(folder: Path) -> list[dict[str, Any]]:
    files = sorted((folder / "logs").glob("*.jsonl")) if (folder / "logs").exists() else []
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def test_what_happens_to_a_trial(tmp_path: Path) -> None:
    with observed(tmp_path, "run", worker="w-1"), within(run="r1"), within(trial="t1", execution="t1.k1.e1"):
        with span("round", agent="react") as told:
            with span("step", step="work"):
                pass
            with pytest.raises(SandboxFault), span("sandbox_open", provider="bwrap"):
                raise SandboxFault(Cause.sandbox_lost, "the message may quote anything")
            with span("model_call", model="m") as call:
                call.content(input=lambda: "never asked")
                call.note(failed_tries=2)
            told.note(cause="sandbox_lost", unknown=None)
        event("execution_ended", cause="sandbox_lost")
        logging.getLogger("some.library").warning("it %s", "warns")
        logging.getLogger("some.library").info("not this")
    found = lines(tmp_path)
    assert [line.get("event") for line in found] == [
        "round_begun",
        "sandbox_open_ended",
        "model_call_ended",
        "round_ended",
        "execution_ended",
        None,
    ]
    assert [line["level"] for line in found] == ["INFO", "WARNING", "WARNING", "INFO", "INFO", "WARNING"]
    for line in found[:5]:
        assert (line["run"], line["trial"], line["execution"]) == ("r1", "t1", "t1.k1.e1")
        assert line["worker"] == "w-1"
        assert line["pid"] == os.getpid()
        assert line["ts"].endswith("+00:00")
    assert found[1]["error"] == "sandbox_lost"
    assert found[3] | {"cause": "sandbox_lost", "agent": "react"} == found[3]
    assert "unknown" not in found[3]
    assert found[5]["message"] == "it warns"
    assert found[5]["logger"] == "some.library"
    assert "quote" not in json.dumps(found)


@pytest.mark.parametrize("shown", ["json", "plain", None])
def test_lines_are_also_shown(
    tmp_path: Path, shown: logs.LogFormat | None, capsys: pytest.CaptureFixture[str]
) -> None:
    with observed(tmp_path, "run", log_format=shown), within(run="r1"):
        event("run_stopped", why="run_budget")
    said = capsys.readouterr()
    assert not said.out
    if shown == "json":
        assert json.loads(said.err)["why"] == "run_budget"
    elif shown == "plain":
        assert said.err[8:].strip() == "info run_stopped run=r1 why=run_budget"
    else:
        assert not said.err
    assert len(lines(tmp_path)) == 1


def test_nothing_happened_no_file(tmp_path: Path) -> None:
    before = logging.getLogger().handlers[:]
    with observed(tmp_path, "run"):
        pass
    assert not list(tmp_path.iterdir())
    assert logging.getLogger().handlers == before


def test_a_log_goes_on_in_a_new_file_and_stays_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES", 2000)
    with observed(tmp_path, "run"):
        for number in range(200):
            event("happened", number=number)
    files = list((tmp_path / "logs").iterdir())
    assert len(files) == logs.FILES_KEPT + 1
    assert all(path.stat().st_size <= 2000 for path in files)


def test_a_log_that_cannot_be_written_disturbs_nobody(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    with observed(tmp_path, "run"):
        event("happened")
    assert not any(capfd.readouterr())
