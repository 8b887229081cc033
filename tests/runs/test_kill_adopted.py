"""A resume finds the sandbox of a killed run alive where the provider can keep it, and the agent goes on in it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import provider_names
from tests.runs.killing import Project, cloud_for, left_below, still_naming
from tests.runs.project import need_sandbox
from tests.runs.support import script

HAND_IN_ALL = {
    "say": "Done.",
    "calls": [{"tool": "submit", "arguments": {"files": [{"path": "total.csv"}], "summary": "What I found."}}],
}
BEGIN = "printf 'total\n60\n' > deliverables/total.csv; echo mine > /tmp/mine; echo once >> deliverables/once.txt"
SERVE = "echo $$ > /tmp/pid; while sleep 0.1; do echo x >> /tmp/beat; done"
LOOK = (
    "{ cat /tmp/mine; kill -0 $(cat /tmp/pid) && echo alive; a=$(wc -c < /tmp/beat); "
    "for i in $(seq 300); do sleep 0.1; [ $a -lt $(wc -c < /tmp/beat) ] && echo beating && break; done; } "
    "> deliverables/found.txt 2>&1; true"
)


def shell(command: str, **more: Any) -> dict[str, Any]:
    return {"say": "Next.", "calls": [{"tool": "shell", "arguments": {"command": command} | more}]}


@pytest.fixture(params=["docker", "e2b"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Project]]:
    sandbox: str = request.param
    turns = script(
        shell(f"cd /job; {BEGIN}"),
        shell(SERVE, background=True),
        shell("touch /job/deliverables/waiting; sleep 900"),
        shell(f"cd /job; {LOOK}"),
        HAND_IN_ALL,
    )
    with cloud_for(sandbox) as env, pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        need_sandbox(sandbox)
        project = Project(tmp_path / "study", jobs=1, script_text=turns, env=env)
        try:
            yield sandbox, project
        finally:
            project.end()


def test_the_agent_goes_on_in_the_same_sandbox(project: tuple[str, Project]) -> None:
    sandbox, study = project
    assert sandbox in provider_names()
    process = study.run(sandbox)
    wait_for_call(study, 3)
    study.kill(process)
    began = time.monotonic()
    study.finish(study.start("runs", "resume", "last"))
    assert time.monotonic() - began < 300, "the call that was cut off is not waited for, and not run again"
    with study.bench() as bench:
        (attempt,) = bench.show("last").attempts
        records = bench.reopen("last", execute=False).records
        submission = records.attempt(attempt.attempt).submission
        assert submission is not None
        found = {f.path: bench.home.blobs.path(f.sha256).read_text() for f in submission.files}
        told = study.finish(study.start("runs", "why", attempt.trial))
    assert (attempt.cause, attempt.executions) == ("submitted", 1)
    assert attempt.sandbox is not None
    assert attempt.sandbox.provider == sandbox
    assert attempt.sandbox.adopted
    assert found["found.txt"].split() == ["mine", "alive", "beating"]
    assert found["once.txt"] == "once\n"
    assert "interrupted" in told, "the model is told of the call that was cut off"
    assert "adopted" in told
    assert left_below(study.state) == []
    assert still_naming(str(study.folder)) == []


def wait_for_call(study: Project, number: int) -> None:
    """Until the tool call of that number has been running for a moment."""
    deadline = time.monotonic() + 60
    study.wait_for("leases/*/*")
    while time.monotonic() < deadline:
        with study.bench() as bench:
            (run,) = bench.runs()
            (attempt,) = bench.show(run.id).attempts
            lines = study_lines(study, attempt.trial)
        if sum("shell" in line for line in lines) >= number:
            time.sleep(1.0)
            return
        time.sleep(0.2)
    raise AssertionError(f"no call {number}")


def study_lines(study: Project, trial: str) -> tuple[str, ...]:
    from upbench.why import story

    with study.bench() as bench:
        return story(bench.home, trial).lines
