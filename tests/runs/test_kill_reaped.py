"""A run killed with -9 eight times at random and resumed each time: all is done once, and nothing is left over."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from runs import AttemptRow, Records
from sandbox import provider, providers_written_down
from tests.runs.killing import Project, cloud_for, groups_of, left_below, slow_script, still_naming
from tests.runs.project import need_sandbox
from upbench.bench import Bench

KILLS = 8
JOBS, REPEATS, STEPS, STEP_SECONDS = 4, 3, 3, 1.0
EARLIEST, LATER = 0.3, 1.0


@pytest.fixture
def seed() -> int:
    found = int(os.environ.get("UPBENCH_KILL_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"UPBENCH_KILL_SEED={found}")
    return found


@pytest.fixture(params=["bwrap", "docker", "e2b"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Project]]:
    sandbox: str = request.param
    with cloud_for(sandbox) as env, pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        need_sandbox(sandbox)
        project = Project(tmp_path / "study", jobs=JOBS, script_text=slow_script(STEPS, STEP_SECONDS), env=env)
        try:
            yield sandbox, project
        finally:
            project.end()
            asyncio.run(_clear(sandbox, project.state))


@pytest.fixture
def beside(project: tuple[str, Project], tmp_path: Path) -> Iterator[Project]:
    """Another installation, whose one trial goes on meanwhile."""
    sandbox, study = project
    found = Project(tmp_path / "beside", jobs=1, script_text=slow_script(4, 5.0), env=study.env)
    try:
        yield found
    finally:
        found.end()
        asyncio.run(_clear(sandbox, found.state))


async def _clear(sandbox: str, state: Path) -> None:
    made = provider(sandbox, state)
    for one in await made.resources():
        await made.remove(one)


def kill_and_resume(project: Project, sandbox: str, dice: random.Random) -> None:
    """A run, killed `KILLS` times and resumed, and in the end left to itself.

    On a fast machine it may end before it was killed so often: then there is another.
    """
    began, process = time.monotonic(), project.run(sandbox, "--repeats", str(REPEATS), "--concurrency", "4")
    project.wait_for("leases/*/*")
    first_sandbox = time.monotonic() - began
    time.sleep(dice.uniform(0, LATER))
    project.kill(process)
    before = project.ended()
    for _ in range(KILLS - 1):
        if unfinished := project.unfinished():
            process = project.start("runs", "resume", unfinished[0], "--concurrency", "4")
        else:
            process = project.run(sandbox, "--repeats", str(REPEATS), "--concurrency", "4")
        time.sleep(dice.uniform(EARLIEST, first_sandbox + LATER))
        project.kill(process)
        now = project.ended()
        assert before.items() <= now.items(), "what has ended is not executed again"
        before = now
    for run in project.unfinished():
        project.finish(project.start("runs", "resume", run))
    assert before.items() <= project.ended().items()


def test_killed_eight_times_and_nothing_is_left(project: tuple[str, Project], beside: Project, seed: int) -> None:
    sandbox, study = project
    other = beside.run(sandbox)
    kill_and_resume(study, sandbox, random.Random(seed))
    assert once_each(study) in range(JOBS * REPEATS, KILLS * JOBS * REPEATS, JOBS * REPEATS)
    nothing_left(study, sandbox)
    beside.finish(other)
    assert once_each(beside) == 1, "another installation on the same engine has not noticed"
    nothing_left(beside, sandbox)


def once_each(study: Project) -> int:
    """How many attempts have been handed in, each in its first execution; its logs tell that no step ran twice."""
    with study.bench() as bench:
        summaries = [bench.show(run.id) for run in bench.runs()]
        rows = [row for one in summaries for row in Records(bench.home.database).attempts(one.id)]
        logs = [_log(bench, row) for row in rows]
    ends = [(a.cause, a.executions) for one in summaries for a in one.attempts]
    assert ends == [("submitted", 1)] * len(rows)
    for lines in logs:
        assert set(Counter(lines).values()) == {1}, "no tool call ran twice"
        assert lines == sorted(lines)
    return len(rows)


def nothing_left(study: Project, sandbox: str) -> None:
    """No process, container, volume, cloud sandbox, control group, workspace, lease, gate, scratch or lock."""
    assert still_naming(str(study.folder)) == []
    assert asyncio.run(provider(sandbox, study.state).resources()) == ()
    assert groups_of(study.state) == []
    assert providers_written_down(study.state) == ()
    assert left_below(study.state) == []


def _log(bench: Bench, attempt: AttemptRow) -> list[str]:
    assert attempt.submission is not None
    (file,) = [file for file in attempt.submission.files if file.path == "log.txt"]
    return bench.home.blobs.path(file.sha256).read_text().split()
