"""What dead processes of a project left goes with its next command; what is wanted, held or foreign stays."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import Cause, SandboxFault
from runs import reaping
from sandbox import SandboxSpec, provider, providers_written_down
from tests.runs.killing import (
    HAND_IN,
    Project,
    cloud_for,
    groups_of,
    left_below,
    log,
    still_naming,
)
from tests.runs.project import bench_in, need_sandbox, order, run_all, run_it
from tests.runs.support import good_script, script, write_pack

WAIT = "cd /job/deliverables; printf 'total\\n60\\n' > total.csv; until [ -e go ]; do sleep 0.05; done"
UNTIL_TOLD = {"say": "I wait.", "calls": [{"tool": "shell", "arguments": {"command": WAIT}}]}
OPEN = """
import asyncio, sys, time
from pathlib import Path
from sandbox import SandboxSpec, provider
async def main():
    made = provider(sys.argv[1], Path(sys.argv[2]))
    for workspace in sys.argv[3:]:
        await made.open(SandboxSpec(workspace=workspace, labels={"run": "r", "trial": "t"}))
    print("open", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def open_and_die(sandbox: str, state: Path, *workspaces: str) -> None:
    """Sandboxes of a process that is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", OPEN, sandbox, str(state), *workspaces], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "open\n"
        process.kill()


def existing(sandbox: str, state: Path) -> set[tuple[str, str | None]]:
    return {(one.kind, one.workspace) for one in asyncio.run(provider(sandbox, state).resources())}


@pytest.fixture(params=["docker", "e2b"])
def elsewhere(request: pytest.FixtureRequest) -> Iterator[str]:
    """A provider whose sandboxes outlive their harness."""
    sandbox: str = request.param
    with cloud_for(sandbox) as env, pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        need_sandbox(sandbox)
        yield sandbox


def test_a_run_elsewhere_clears_up_and_touches_no_others(tmp_path: Path, elsewhere: str) -> None:
    with bench_in(tmp_path / "mine") as bench:
        mine, other = bench.home.state, tmp_path / "other"
        open_and_die(elsewhere, mine, "gone.k1.e1", "gone.k1.e1.check")
        open_and_die(elsewhere, other, "gone.k1.e1")
        left, others = existing(elsewhere, mine), existing(elsewhere, other)
        assert {workspace for _, workspace in left} == {"gone.k1.e1", "gone.k1.e1.check"}
        place = bench.begin(order(write_pack(tmp_path), "nop"))
        run_all(place)
        assert bench.show(place.run_id).causes == {"submitted": 1}
        assert existing(elsewhere, mine) == set()
        assert providers_written_down(mine) == ()
        assert existing(elsewhere, other) == others != set()
    asyncio.run(provider(elsewhere, other).discard("gone.k1.e1"))
    assert existing(elsewhere, other) == set()


def test_containers_and_volumes_that_are_not_ours_stay(tmp_path: Path) -> None:
    need_sandbox("docker")
    import docker

    client, image = docker.from_env(), docker.from_env().images.list(name="upbench-sandbox")[0]
    foreign = {"app": "upbench", "owner": "f" * 16, "workspace": "gone.k1.e1", "lease": "0" * 12}
    made: list[Any] = []
    try:
        for labels in (foreign, {}, {"app": "upbench"}, {"workspace": "gone.k1.e1"}):
            made.append(client.containers.create(image, ["true"], labels=labels))
            made.append(client.volumes.create(labels=labels))
        with bench_in(tmp_path) as bench:
            open_and_die("docker", bench.home.state, "gone.k1.e1")
            run_all(bench.begin(order(write_pack(tmp_path), "nop")))
            assert existing("docker", bench.home.state) == set()
        there = {one.id for one in (*client.containers.list(all=True), *client.volumes.list())}
        assert [one.attrs for one in made if one.id not in there] == []
    finally:
        for one in made:
            one.remove(force=True)
        client.close()


def test_an_engine_that_is_gone_is_no_error(tmp_path: Path) -> None:
    need_sandbox()
    project = Project(
        tmp_path, jobs=1, script_text=good_script(), env={"DOCKER_HOST": "tcp://127.0.0.1:1", "E2B_API_KEY": ""}
    )
    for name in ("docker", "e2b"):
        (project.state / "leases" / name).mkdir(parents=True)
        (project.state / "leases" / name / "gone.k1.e1").write_text('{"held": true}')
    process = project.run("bwrap")
    assert "1 submitted" in project.finish(process)
    assert "left over" not in process.said
    assert providers_written_down(project.state) == ("docker", "e2b"), "still to be asked, when they answer"
    answer = json.loads(project.finish(project.start("sandboxes", "list", "--json")))
    assert {one["provider"] for one in answer["not_asked"]} == {"docker", "e2b"}
    project.finish(project.start("sandboxes", "reap"))


class Broken:
    """A provider that cannot say what it keeps."""

    def __init__(self, made: Any) -> None:
        self._made, self.asked = made, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)

    async def resources(self) -> tuple[()]:
        self.asked += 1
        raise SandboxFault(Cause.sandbox_lost, "the engine is unwell")


def test_a_reaper_that_fails_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with bench_in(tmp_path) as bench, caplog.at_level(logging.WARNING):
        run_all(bench.begin(order(write_pack(tmp_path), "nop")))
        place = bench.begin(order(tmp_path / "small", "nop"))
        place.provider = broken = Broken(place.provider)
        run_all(place)
        assert bench.show(place.run_id).causes == {"submitted": 1}
    assert broken.asked == 2, "at the beginning and at the end"
    assert [record.getMessage() for record in caplog.records] == [
        "left over in bwrap: not listed: sandbox_lost: the engine is unwell"
    ], "said once"


def test_each_minute_while_a_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaping, "EVERY_SECONDS", 0.1)
    seen: list[bool] = []
    with bench_in(tmp_path) as bench:
        pack = write_pack(tmp_path, script_text=script(UNTIL_TOLD, HAND_IN))
        place = bench.begin(order(pack, "react"))
        orphan = bench.home.state / "workspaces" / "gone.k1.e1"

        def watch(progress: Any) -> None:
            if progress.done == 0:
                orphan.mkdir(parents=True)
            seen.append(orphan.exists())

        asked: list[bool] = []

        async def run_and_look() -> None:
            running = asyncio.create_task(reaping_run(place, watch))
            async with asyncio.timeout(60):
                while not seen or orphan.exists():  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            asked.append(not running.done())
            async with asyncio.timeout(60):
                while not (workspaces := list(orphan.parent.glob("*/deliverables"))):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            (workspaces[0] / "go").touch()
            await running

        asyncio.run(run_and_look())
        assert bench.show(place.run_id).causes == {"submitted": 1}
    assert seen[0]
    assert asked == [True], "it went while the trial was running, whose workspace stayed"


async def reaping_run(place: Any, watch: Any) -> None:
    await run_it(place, concurrency=1, watcher=watch)


def listed(project: Project, state: str) -> dict[str, str]:
    """Workspace -> run, of the resources that stand so."""
    answer = json.loads(project.finish(project.start("sandboxes", "list", "--json", "--sandbox", "bwrap")))
    return {one["workspace"]: one["kind"] for one in answer["sandboxes"] if one["state"] == state}


def test_held_then_wanted_then_gone(tmp_path: Path) -> None:
    need_sandbox()
    project = Project(tmp_path, jobs=1, script_text=script(log("step", 600), HAND_IN))
    process = project.run("bwrap")
    project.wait_for("workspaces/*/deliverables/log.txt")
    project.stop(process)
    held = listed(project, "held")
    assert list(held.values()) == ["workspace"]
    project.kill(process)
    assert listed(project, "wanted") == held, "a resume goes on with it"
    assert json.loads(project.finish(project.start("sandboxes", "reap", "--json")))["removed"] in ([], _groups())
    project.finish(project.start("run", str(project.pack), "--agent", "nop"))
    assert listed(project, "wanted") == held, "another run of the project leaves it alone"
    with project.bench() as bench:
        interrupted = bench.runs()[1].id
    project.finish(project.start("runs", "resume", interrupted))
    assert listed(project, "wanted") == {}
    assert left_below(project.state) == []
    assert groups_of(project.state) == []


def _groups() -> Any:
    class AnyGroups:
        def __eq__(self, other: object) -> bool:
            return isinstance(other, list) and all(one["kind"] == "cgroup" for one in other)

        def __hash__(self) -> int:
            return 0

    return AnyGroups()


def test_kept_workspaces_stay_until_they_are_not_to_be_kept(tmp_path: Path) -> None:
    with bench_in(tmp_path, keep_workspaces=True) as bench:
        place = bench.begin(order(write_pack(tmp_path), "nop"))
        run_all(place)
        run_all(bench.begin(order(tmp_path / "small", "nop")))
        kept = existing("bwrap", bench.home.state)
    assert len({workspace for kind, workspace in kept if kind == "workspace"}) == 2
    with bench_in(tmp_path) as bench:
        time.sleep(0)
        for lease in (bench.home.state / "leases" / "bwrap").iterdir():
            lease.write_text("{}")  # as if its process had ended: this test's own lives on
        run_all(bench.begin(order(tmp_path / "small", "nop")))
        assert {kind for kind, _ in existing("bwrap", bench.home.state)} <= {"cgroup"}


SLOW_RUBRIC = """
[[criteria]]
id = "total"
importance = "critical"
text = "File total.csv states the sum of the amounts in its only data row"
decides = true
check = { kind = "python", function = "slow" }
"""
SLOW_CHECK = "import time\n\n\ndef slow(ctx):\n    time.sleep(20)\n    return ctx.passed('it does')\n"


def slow_checks(project: Project) -> None:
    for job in (project.pack / "jobs").iterdir():
        (job / "rubric.toml").write_text(SLOW_RUBRIC)
        (job / "private" / "checks.py").write_text(SLOW_CHECK)


def test_what_a_killed_grading_left_goes_with_the_next_command(tmp_path: Path) -> None:
    need_sandbox()
    project = Project(tmp_path, jobs=1, script_text=good_script())
    project.finish(project.run("bwrap"))
    slow_checks(project)
    grading = project.start("grade", "last", "--checks")
    project.wait_for("workspaces/*.check")
    project.stop(grading)
    assert list(listed(project, "held")) != []
    project.kill(grading)
    assert [name for name in listed(project, "left over") if name] != []
    project.finish(project.start("run", str(project.pack), "--agent", "nop"))
    assert left_below(project.state) == []
    assert still_naming(str(tmp_path)) == []


@pytest.mark.parametrize("sandbox", ["bwrap", "docker"])
def test_what_a_killed_validation_left_goes_with_the_next_command(tmp_path: Path, sandbox: str) -> None:
    need_sandbox(sandbox)
    need_sandbox()
    folder = tmp_path / "t"
    folder.mkdir()
    env = {"TMPDIR": str(folder), "UPBENCH_SANDBOX": sandbox}
    project = Project(tmp_path / "study", jobs=2, script_text=good_script(), env=env)
    slow_checks(project)
    validation = project.start("jobs", "validate", str(project.pack))
    deadline = time.monotonic() + 60
    while not any(folder.glob("upbench-validate-*/home/leases/*/*")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.5)
    project.stop(validation)
    (own,) = folder.glob("upbench-validate-*/home")
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "owner").write_bytes((own / "owner").read_bytes())
    beside = project.start("run", str(project.pack), "--agent", "nop", "--sandbox", "bwrap")
    project.finish(beside)
    assert own.exists(), "a living validation is left alone"
    project.kill(validation)
    project.finish(project.start("run", str(project.pack), "--agent", "nop", "--sandbox", "bwrap"))
    assert list(folder.glob("upbench-validate-*")) == []
    assert existing(sandbox, copy) == set(), "what it had in the engine is gone as well"


async def test_a_workspace_is_reaped_only_under_its_lease(tmp_path: Path) -> None:
    need_sandbox()
    made = provider("bwrap", tmp_path)
    box = await made.open(SandboxSpec(workspace="mine"))
    reaper = reaping.Reaper(tmp_path, Nobody(), lambda _: made)  # type: ignore[arg-type]
    assert [one for one in (await reaper.reap(made)).removed if one.workspace] == []
    assert (tmp_path / "workspaces" / "mine").exists()
    await box.close()
    assert [one for one in (await reaper.reap(made)).removed if one.workspace] == [], "we may discard it yet"
    await made.discard("mine")
    assert not (tmp_path / "workspaces" / "mine").exists()


class Nobody:
    """Records without executions."""

    def has_ended(self, execution: str) -> None:
        assert execution
