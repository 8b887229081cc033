from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.sandbox.system_scripts import SCRIPTS, lay_out, run


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A PATH on which nothing is that could be ensured, and nothing that installs."""
    lay_out(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("script", "lack"),
    [
        ("ensure-bubblewrap.sh", "bubblewrap"),
        ("ensure-docker.sh", "Docker"),
        ("ensure-postgres.sh", "PostgreSQL"),
    ],
)
def test_system_no_installs_nothing_and_says_what_is_skipped(bare: Path, script: str, lack: str) -> None:
    places = {"UPBENCH_SYSTEM_STATE": str(bare / "state"), "POSTGRES_PROGRAMS": str(bare / "postgresql")}
    done = run(script, PATH=str(bare), SYSTEM="no", **places)
    assert done.returncode == 3
    assert "SYSTEM=no" in done.stderr
    assert lack in done.stderr
    assert "skipped" in done.stderr
    assert not (bare / "state").exists()


def test_without_a_package_manager_it_is_said(bare: Path) -> None:
    done = run("ensure-bubblewrap.sh", PATH=str(bare), SYSTEM="yes")
    assert done.returncode == 3
    assert "apt-get" in done.stderr


def test_what_will_be_installed_is_said_before_it_is(bare: Path) -> None:
    apt = bare / "apt-get"
    apt.write_text('#!/bin/sh\necho "apt-get $*" >&2\n')
    apt.chmod(0o755)
    sudo = bare / "sudo"
    sudo.write_text('#!/bin/sh\nexec "$@"\n')
    sudo.chmod(0o755)
    lines = run("ensure-bubblewrap.sh", PATH=str(bare), SYSTEM="yes").stderr.splitlines()
    assert lines[0].startswith("installing system packages: bubblewrap")
    assert lines[1] == "apt-get install -y -q --no-install-recommends bubblewrap"


def test_what_is_there_is_left_as_it_is(bare: Path) -> None:
    (bare / "bwrap").symlink_to(bare / "sh")
    done = run("ensure-bubblewrap.sh", PATH=str(bare), SYSTEM="no")
    assert (done.returncode, done.stderr) == (0, "")


def test_programs_that_lie_where_debian_puts_them_are_enough(bare: Path) -> None:
    programs = bare / "postgresql" / "15" / "bin"
    programs.mkdir(parents=True)
    for name in ("initdb", "postgres"):
        (programs / name).symlink_to(bare / "sh")
    done = run("ensure-postgres.sh", PATH=str(bare), SYSTEM="no", POSTGRES_PROGRAMS=str(bare / "postgresql"))
    assert (done.returncode, done.stderr) == (0, "")


def test_only_an_engine_that_was_started_here_is_stopped(bare: Path) -> None:
    state = bare / "state"
    assert run("stop-docker.sh", PATH=str(bare), UPBENCH_SYSTEM_STATE=str(state)).returncode == 0
    sleeper = subprocess.Popen(["sleep", "30"])
    try:
        state.mkdir()
        (state / "docker").write_text("dockerd\n")
        (state / "dockerd.pid").write_text(str(sleeper.pid))
        done = run("stop-docker.sh", PATH=str(bare), UPBENCH_SYSTEM_STATE=str(state))
        assert done.returncode == 0
        assert sleeper.poll() is None  # the number belongs to another program by now
    finally:
        sleeper.kill()
        sleeper.wait()


def test_no_script_names_a_download_host() -> None:
    for script in SCRIPTS.iterdir():
        assert "://" not in script.read_text(), script
