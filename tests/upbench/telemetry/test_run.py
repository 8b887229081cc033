"""A real run from the command line, as a collector, the log and the terminal see it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.runs.forking import ROOT, completed
from tests.runs.project import need_sandbox
from tests.runs.support import good_script, script, write_pack
from tests.standins.otlp import Collector
from upbench.telemetry.traces import trace_id

WRITTEN = (b"Add up the amounts", b"Birch", b"I look first", b"import csv", b"total.csv")
"""Of the brief, the model's turns, its code, and the deliverables."""


def upbench(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    without = dict.fromkeys(name for name in os.environ if name.startswith("UPBENCH_"))
    return completed("--project", str(folder), *words, cwd=ROOT, env=without | environment)


def test_a_run_as_a_collector_sees_it(collector: Collector, tmp_path: Path) -> None:
    need_sandbox()
    pack = write_pack(tmp_path, jobs=2)
    said = upbench(tmp_path, "run", str(pack), "--model", "scripted/demo", "--json")
    assert said.returncode == 0, said.stderr
    run = json.loads(said.stdout)
    spans = collector.spans
    (whole,) = [one for one in spans if one.name == "run"]
    assert (whole.attributes["upbench.run.id"], whole.attributes["upbench.state"]) == (run["id"], "done")
    for attempt in run["attempts"]:
        mine = [one for one in spans if one.trace == f"{trace_id(attempt['attempt'] + '.e1'):032x}"]
        names = Counter(one.name for one in mine)
        assert names["round attempt"] == 1
        assert names[f"invoke_agent {attempt['agent']}"] == 1
        assert names["chat script"] == 3
        assert {"execute_tool shell", "execute_tool python", "execute_tool submit"} <= set(names)
        assert {"step work", "step collect", "step check", "step publish", "sandbox_open", "command"} <= set(names)
        root = next(one for one in mine if one.name == "round attempt")
        assert root.attributes["upbench.cause"] == "submitted"
        assert root.attributes["upbench.job"] == attempt["job"]
        known = {one.id for one in mine}
        assert all(one.parent in known for one in mine if one is not root), "one whole tree"
        assert {one.attributes["upbench.run.id"] for one in mine} == {run["id"]}
        assert not any(one.failed for one in mine)
    bodies = b"".join(body for _, body in collector.bodies)
    assert not [text for text in WRITTEN if text in bodies]
    metrics = collector.metrics
    assert sum(value for value, _ in metrics["upbench.executions.ended"]) == 2
    assert {told["gen_ai.tool.name"] for _, told in metrics["gen_ai.execute_tool.duration"]} == {
        "shell",
        "python",
        "submit",
    }


def test_a_trace_goes_on_where_another_process_takes_the_work_up(collector: Collector, tmp_path: Path) -> None:
    need_sandbox()
    nap = {"say": "A nap.", "calls": [{"tool": "shell", "arguments": {"command": "sleep 4"}}]}
    turns = json.loads(good_script())["attempts"][0]
    pack = write_pack(tmp_path, script_text=script(turns[0], nap, *turns[1:]))
    words = [
        sys.executable,
        "-m",
        "upbench",
        "--project",
        str(tmp_path),
        "run",
        str(pack),
        "--model",
        "scripted/demo",
    ]
    quick = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
    first = subprocess.Popen(words, env={**os.environ, **quick}, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while sum(one.name == "chat script" for one in collector.spans) < 2:  # it naps now
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        first.kill()
        first.wait()
    said = upbench(tmp_path, "runs", "resume", "last", "--json")
    assert said.returncode == 0, said.stderr
    attempt = json.loads(said.stdout)["attempts"][0]
    assert attempt["executions"] == 1
    mine = [one for one in collector.spans if one.trace == f"{trace_id(attempt['attempt'] + '.e1'):032x}"]
    assert len({one.resource["service.instance.id"] for one in mine}) == 2
    calls = [one.attributes["upbench.key"] for one in mine if one.name == "chat script"]
    assert sorted(calls) == [f"{attempt['attempt']}.e1/{n}" for n in (1, 2, 3, 4)], "each model call once"


@pytest.mark.parametrize(
    ("log_format", "agent"),
    [("json", "react"), ("plain", "oracle"), ("", "oracle")],
    ids=["json", "plain", "none"],
)
def test_the_log_of_a_run(tmp_path: Path, log_format: str, agent: str) -> None:
    need_sandbox()
    pack = write_pack(tmp_path)
    asked = ["--log-format", log_format] if log_format else []
    asked += ["--model", "scripted/demo"] if agent == "react" else []
    said = upbench(tmp_path, "run", str(pack), "--agent", agent, *asked, "--json", OTEL_SDK_DISABLED="true")
    run = json.loads(said.stdout)
    (file,) = (tmp_path / ".upbench" / "logs").glob("*-run-*.jsonl")
    logged = [json.loads(line) for line in file.read_text().splitlines()]
    assert [logged[0]["event"], logged[-1]["event"]] == ["run_begun", "run_ended"]
    told = [line for line in logged if line.get("event") in {"round_begun", "execution_ended", "round_ended"}]
    assert len(told) == 3
    attempt = run["attempts"][0]
    for line in told:
        assert (line["run"], line["trial"], line["execution"]) == (
            run["id"],
            attempt["trial"],
            f"{attempt['attempt']}.e1",
        )
    assert told[-1]["cause"] == "submitted"
    assert not [text for text in WRITTEN if text in file.read_bytes()]
    shown = said.stderr.splitlines()
    if log_format == "json":
        assert [json.loads(line) for line in shown] == logged
    elif log_format == "plain":
        assert any(" execution_ended " in line for line in shown)
    else:
        assert any("1 of 1 done" in line or "0 of 1 done" in line for line in shown), "progress instead"


def test_without_an_endpoint_a_run_imports_nothing_of_it(tmp_path: Path) -> None:
    """LangGraph's own dependencies import what they find of it, so no agent of ours works here."""
    need_sandbox()
    pack = write_pack(tmp_path)
    code = (
        "import sys\nfrom upbench.cli.main import _guarded\n"
        "assert _guarded() == 0\nfound = [n for n in sys.modules if n.startswith('opentel')]\n"
        "print(found, file=sys.stderr)"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "UPBENCH_"))}
    words = ["--project", str(tmp_path), "run", str(pack), "--agent", "oracle", "--json"]
    said: Any = subprocess.run(
        [sys.executable, "-c", code, *words], env=kept, capture_output=True, text=True, check=True, timeout=120
    )
    assert said.stderr.splitlines()[-1] == "[]"


def test_a_wrong_endpoint_is_said_before_anything_is_written(tmp_path: Path) -> None:
    said = upbench(tmp_path, "run", "starter", "--agent", "nop", OTEL_EXPORTER_OTLP_ENDPOINT="localhost:4318")
    assert said.returncode == 2
    assert said.stderr.count("\n") == 1
    assert "field `OTEL_EXPORTER_OTLP_ENDPOINT`" in said.stderr
    assert not list(tmp_path.iterdir())
