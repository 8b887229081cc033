"""`compose.yaml` from nothing to verdicts, with images that are built here; one worker is killed on the way."""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.deploy.composed import Composed, Images, composed, open_to_all
from tests.runs.killing import HAND_IN, log
from tests.runs.support import script, write_pack

JOBS = 8
LIVE = "select count(*) from attempts where state = 'done'"


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Jobs that take about two seconds each, open to the user in the container."""
    folder = tmp_path_factory.mktemp("packs")
    steps = [log(f"step-{number}", 0.4) for number in range(4)]
    # Where the kill cuts the hand-in off, that is told to the model, which makes it once more.
    made = write_pack(folder, jobs=JOBS, script_text=script(*steps, HAND_IN, HAND_IN))
    open_to_all(folder)
    return made


def test_from_nothing_to_verdicts_though_a_worker_dies(images: Images, pack: Path) -> None:
    with composed(images, f"upbench-test-{secrets.token_hex(4)}", UPBENCH_SLOTS="2") as project:
        project.compose("up", "--detach", "--no-build")
        assert {one["State"]["ExitCode"] for one in project.containers("prepare")} == {0}
        project.wait("two workers", lambda: len(project.json("worker", "list")) == 2)
        (web,) = project.containers("web")
        subprocess.run(["docker", "cp", str(pack), f"{web['Id']}:/project/small"], check=True, capture_output=True)
        run = project.json("run", "./small", "--agent", "react", "--model", "scripted/test", "--detach")["id"]
        project.wait("the first trials", lambda: int(project.sql(LIVE)[0]) >= 2)
        killed = _kill_one(project)
        project.wait("every trial", lambda: project.json("runs", "show", run)["state"] == "done")
        shown = project.json("runs", "show", run)
        gone = [
            project.upbench("runs", "why", one["trial"])
            for one in shown["attempts"]
            if one["cause"] != "submitted"
        ]
        assert not gone, "\n".join(gone)
        assert project.sql("select verdict, count(*) from verdicts group by 1") == [f"pass|{JOBS}"]
        _look_at_the_workers(project, killed)
        _look_at_the_review_app(project)
        _stop_politely(project)


def _kill_one(project: Composed) -> str:
    """SIGKILL to a worker at its work; its host's name."""
    one = project.containers("worker")[0]
    subprocess.run(["docker", "kill", one["Id"]], check=True, capture_output=True)
    return str(one["Config"]["Hostname"])


def _look_at_the_workers(project: Composed, killed: str) -> None:
    rows = [row.split("|") for row in project.sql("select host, why from workers order by started")]
    assert [killed, "died"] in rows
    worked = project.sql("select distinct executor_id from dbos.workflow_status where status = 'SUCCESS'")
    assert len(worked) == 2, "each of them had carried something to its end"


def _look_at_the_review_app(project: Composed) -> None:
    for name in ("UPBENCH_PORT", "UPBENCH_CONTENT_PORT"):
        answer = httpx.get(f"http://127.0.0.1:{project.env[name]}/", timeout=20)
        assert answer.status_code < 500


def _stop_politely(project: Composed) -> None:
    """A worker says that it is well; drained it ends and is started anew, stopped it ends well."""
    (number,) = [one["Name"].rpartition("_")[2] for one in project.containers("worker") if one["State"]["Running"]]
    inside = ("exec", "-T", f"--index={number}", "worker")
    project.compose(*inside, "/opt/deploy/healthy.sh")
    (before,) = project.json("worker", "list")
    project.compose(*inside, "/opt/deploy/drain.sh")
    project.wait(
        "a worker in its place", lambda: before["id"] not in str(project.json("worker", "list") or before)
    )
    project.compose("stop", "worker")
    living = [one for one in project.containers("worker") if one["State"]["ExitCode"] != 137]
    assert [one["State"]["ExitCode"] for one in living] == [0]
    assert project.json("worker", "list") == []
