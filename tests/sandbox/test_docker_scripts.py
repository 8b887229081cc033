from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import ProviderOptions, provider
from tests.sandbox.system_scripts import lay_out, run
from tests.support import lacking


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A PATH with an engine that only writes down how it was started, and a client that asks for that."""
    lay_out(tmp_path, "nohup", "setsid", "grep")
    write(tmp_path / "sudo", 'exec "$@"')
    write(tmp_path / "docker", f'[ -e "{tmp_path}/started" ]')
    engine = (
        f'while [ "$1" != --pidfile ]; do shift; done\necho $$ >"$2"\nshift 2\necho "$@" >"{tmp_path}/started"\n'
    )
    write(tmp_path / "dockerd", engine + "while :; do sleep 0.1; done")
    return tmp_path


def write(path: Path, lines: str) -> None:
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("knows", "flag"), [("-host-uds", "--host-uds=all"), ("-fsgofer-host-uds", "--fsgofer-host-uds")]
)
def test_an_engine_that_is_started_here_knows_gvisor(bare: Path, knows: str, flag: str) -> None:
    write(bare / "runsc", f'echo "  {knows}"')
    env = {"PATH": str(bare), "UPBENCH_SYSTEM_STATE": str(bare / "state"), "DOCKER_SETTINGS": str(bare / "none")}
    try:
        done = run("ensure-docker.sh", SYSTEM="yes", **env)
        assert done.returncode == 0, done.stderr
        assert (bare / "started").read_text().split() == [f"--config-file={bare}/state/daemon.json"]
        runsc = json.loads((bare / "state" / "daemon.json").read_text())["runtimes"]["runsc"]
        assert runsc == {"path": f"{bare}/runsc", "runtimeArgs": ["--platform=ptrace", "--network=none", flag]}
        pid = int((bare / "state" / "dockerd.pid").read_text())
        assert Path("/proc", str(pid)).exists()
    finally:
        stopped = run("stop-docker.sh", **env)
    assert stopped.returncode == 0
    for _ in range(600):
        if not Path("/proc", str(pid)).exists():
            break
        time.sleep(0.1)
    assert not Path("/proc", str(pid)).exists()


def test_settings_that_are_there_are_left_as_they_are(bare: Path) -> None:
    write(bare / "runsc", 'echo " -host-uds"')
    (bare / "settings.json").write_text("{}")
    env = {
        "PATH": str(bare),
        "UPBENCH_SYSTEM_STATE": str(bare / "state"),
        "DOCKER_SETTINGS": f"{bare}/settings.json",
    }
    try:
        done = run("ensure-docker.sh", SYSTEM="yes", **env)
        assert done.returncode == 0, done.stderr
        assert (bare / "started").read_text().strip() == ""
        assert "settings.json" in done.stderr
        assert (bare / "settings.json").read_text() == "{}"
    finally:
        run("stop-docker.sh", **env)


def test_an_engine_starts_without_gvisor_where_that_cannot_be_had(bare: Path) -> None:
    write(bare / "apt-cache", "exit 1")
    env = {"PATH": str(bare), "UPBENCH_SYSTEM_STATE": str(bare / "state"), "DOCKER_SETTINGS": str(bare / "none")}
    try:
        done = run("ensure-docker.sh", SYSTEM="yes", **env)
        assert done.returncode == 0, done.stderr
        assert "under gVisor will be skipped" in done.stderr
        assert (bare / "started").read_text().strip() == ""
    finally:
        run("stop-docker.sh", **env)


def test_nothing_is_installed_for_gvisor_under_system_no(bare: Path) -> None:
    done = run("ensure-runsc.sh", PATH=str(bare), SYSTEM="no")
    assert (done.returncode, done.stdout) == (3, "")
    assert "SYSTEM=no" in done.stderr


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name (a socket's is bounded), and a file system that can hold an engine's data."""
    found = Path(tempfile.mkdtemp(prefix="ub-"))
    yield found
    shutil.rmtree(found, ignore_errors=True)


def test_a_real_engine_is_started_and_stopped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0 or not shutil.which("dockerd") or Path("/run/systemd/system").is_dir():
        lacking("dockerd", "an engine of one's own needs root and dockerd, and no systemd")
    if not shutil.which("runsc"):
        lacking("runsc", "an engine that knows it is started")
    host = f"unix://{folder}/s"
    flags = f"--host {host} --data-root {folder}/data --exec-root {folder}/run --bridge=none --iptables=false"
    flags += " --containerd-namespace=upbench-scripts --containerd-plugins-namespace=upbench-scripts-plugins"
    # An engine without a bridge removes the one that it finds: the machine's own engine needs that.
    (folder / "bin").mkdir()
    write(folder / "bin" / "dockerd", f'exec unshare --net {shutil.which("dockerd")} "$@"')
    env = {"UPBENCH_SYSTEM_STATE": f"{folder}/state", "DOCKER_SETTINGS": f"{folder}/none", "DOCKERD_FLAGS": flags}
    env["PATH"] = f"{folder}/bin:{os.environ['PATH']}"
    try:
        done = run("ensure-docker.sh", SYSTEM="yes", DOCKER_HOST=host, **env)
        assert done.returncode == 0, done.stderr
        monkeypatch.setenv("DOCKER_HOST", host)
        problem = provider("docker", folder / "project", ProviderOptions(docker_runtime="runsc")).problem()
        assert problem is not None
        assert "sandbox image" in problem[0]  # the runtime is there; the image is not built for this engine
        assert run("ensure-docker.sh", SYSTEM="yes", DOCKER_HOST=host, **env).stderr == ""
    finally:
        run("stop-docker.sh", DOCKER_HOST=host, **env)
    assert not (folder / "state" / "docker").exists()
    assert not (folder / "state" / "dockerd.pid").exists()
