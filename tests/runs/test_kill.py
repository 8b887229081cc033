"""`kill -9` in the middle of a run, then a resume: nothing is lost, and no received reply is paid again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.runs.project import need_sandbox
from tests.runs.support import TOTAL_CODE, write_pack
from tests.standins.llm import KEY, Call, Incoming, Standin, Turn, serve
from upbench.bench import Bench
from upbench.settings import Settings

APPEND = "echo once >> /job/count.txt; sleep 0.4"
TURNS = (
    Turn(text="I look.", calls=(Call("shell", {"command": "ls /job/inputs"}),), delay=0.25),
    Turn(text="I count.", calls=(Call("shell", {"command": APPEND}),), delay=0.25),
    Turn(text="I compute.", calls=(Call("python", {"code": TOTAL_CODE}),), delay=0.25),
    Turn(
        text="I copy.",
        calls=(Call("shell", {"command": "cp /job/count.txt /job/deliverables/count.txt"}),),
        delay=0.25,
    ),
    Turn(
        text="Done.",
        calls=(Call("submit", {"files": [{"path": "total.csv"}], "summary": "The total."}),),
        delay=0.25,
    ),
)


def answer(request: Incoming) -> Turn:
    """The turn after the calls that came to their end; one that was interrupted is made again."""
    outputs = [str(item["output"]) for item in request.body["input"] if item.get("type") == "function_call_output"]
    done = [output for output in outputs if "interrupted" not in output]
    return TURNS[min(len(done), len(TURNS) - 1)]


def start(folder: Path, standin: Standin, *arguments: str) -> subprocess.Popen[bytes]:
    env = os.environ | {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": standin.openai_url}
    return subprocess.Popen(
        [sys.executable, "-m", "upbench", *arguments],
        cwd=folder,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def wait_for_requests(standin: Standin, process: subprocess.Popen[bytes], count: int) -> None:
    deadline = time.monotonic() + 60
    while len(standin.requests) < count:
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(process.communicate()[1].decode())
        time.sleep(0.005)


# (requests seen when it is killed, seconds after): while a reply is awaited, while a tool runs, between the two.
@pytest.mark.parametrize(("seen", "after"), [(1, 0.05), (2, 0.45), (3, 0.4), (5, 0.27)])
def test_killed_and_resumed(tmp_path: Path, seen: int, after: float) -> None:
    need_sandbox()
    pack = write_pack(tmp_path / "packs")
    with serve(answer) as standin:
        process = start(tmp_path, standin, "run", str(pack), "--agent", "react", "--model", "openai/gpt-standin")
        wait_for_requests(standin, process, seen)
        time.sleep(after)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=30)
        again = start(tmp_path, standin, "runs", "resume", "last")
        said = again.communicate(timeout=180)[1].decode()
        assert again.returncode == 0, said
        assert not standin.rejected
        steps = Counter(
            len([i for i in r.body["input"] if i.get("type") == "function_call"]) for r in standin.requests
        )
    bench = Bench(settings=Settings(project=tmp_path))
    summary = bench.show("last")
    (attempt,) = summary.attempts
    assert (attempt.cause, attempt.executions) == ("submitted", 1)
    # A call that was cut off is reported to the model as interrupted, which makes it once more: one step more.
    assert len(TURNS) <= len(steps) <= len(TURNS) + 1
    # No step was asked for twice but the one in flight when the process died, and that is counted as waste, also
    # where the process died before its first byte left.
    assert sum(steps.values()) - len(steps) <= summary.cost.wasted_calls <= 1
    verdicts = {line.criterion: line.verdict for line in bench.evaluations("last")}
    assert verdicts["total"] == "pass"
    tool_runs = count_file(bench, tmp_path)
    calls = [item for item in standin.requests[-1].body["input"] if item.get("type") == "function_call"]
    asked = sum("count.txt; sleep" in item["arguments"] for item in calls)
    assert 1 <= tool_runs <= asked, "a tool call is never run twice by ourselves, only when the model asks again"
    bench.close()


def count_file(bench: Bench, folder: Path) -> int:
    """How often the counting command ran."""
    from upbench.export import export_run

    export_run(bench, "last", folder / "out")
    found = list((folder / "out" / "deliverables").rglob("count.txt"))
    return len(found[0].read_text().splitlines()) if found else 0


def test_a_polite_stop_says_how_to_go_on(tmp_path: Path) -> None:
    need_sandbox()
    pack = write_pack(tmp_path / "packs", jobs=2)
    with serve(answer) as standin:
        process = start(tmp_path, standin, "run", str(pack), "--agent", "react", "--model", "openai/gpt-standin")
        wait_for_requests(standin, process, 2)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=180)[1].decode()
        assert process.returncode == 130, said
        assert "upbench runs resume" in said
        state = subprocess.run(
            [sys.executable, "-m", "upbench", "runs", "show", "last", "--json"],
            cwd=tmp_path,
            capture_output=True,
            check=True,
        )
        assert json.loads(state.stdout)["state"] == "interrupted"
        again = start(tmp_path, standin, "runs", "resume", "last")
        again.communicate(timeout=180)
        assert again.returncode == 0
    bench = Bench(settings=Settings(project=tmp_path))
    assert bench.show("last").causes == {"submitted": 2}
    bench.close()
