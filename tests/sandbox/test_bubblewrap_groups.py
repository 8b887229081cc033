from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.bubblewrap import groups as module
from sandbox.bubblewrap.cgroups import Controller, controllers, find_controllers, processes_in, set_limit, usable
from sandbox.bubblewrap.groups import Groups, group_names, kill_all, remove_dead, remove_group
from sandbox.protocol import MIB, SandboxLimits
from tests.support import lacking

LIMITS = SandboxLimits(memory_bytes=256 * MIB, processes=50)
UNIFIED = [Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")]
needs_groups = pytest.mark.usefixtures("limiting")


@pytest.fixture
def limiting() -> None:
    if not controllers():
        lacking("cgroups", "this process may make no limiting cgroup here")


@pytest.fixture
def owner() -> Iterator[str]:
    name = secrets.token_hex(8)
    yield name
    for group in list(group_names(name)):
        for one in controllers():
            kill_all(one.folder / group)
            if (one.folder / group).exists():
                (one.folder / group).rmdir()


@pytest.fixture
def sleeper() -> Iterator[int]:
    with subprocess.Popen(["sleep", "600"]) as child:
        yield child.pid
        child.kill()


def folders(name: str) -> list[Path]:
    return [one.folder / name for one in controllers() if (one.folder / name).exists()]


@needs_groups
def test_a_group_is_reused_with_other_limits(owner: str) -> None:
    made = Groups(owner)
    first = made.take(LIMITS)
    assert group_names(owner) == {first.name: True}
    made.give_back(first)
    second = made.take(LIMITS.model_copy(update={"memory_bytes": 512 * MIB, "processes": 7}))
    assert second is first
    for one in second.made:
        for limit in one.limits:
            file, value = one.settings(limit, second.limits)[0]
            assert (one.folder / second.name / file).read_text().split() == value.split()
    third = made.take(LIMITS)
    assert third.name != second.name
    for group in (second, third):
        made.give_back(group)
    made.close()
    assert group_names(owner) == {}


@needs_groups
def test_memory_goes_up_and_down(owner: str) -> None:
    made = Groups(owner)
    group = made.take(LIMITS)
    for mebibytes in (1024, 64, 4096, 16):
        group.fit(LIMITS.model_copy(update={"memory_bytes": mebibytes * MIB}))
        for one in group.made:
            if "memory" in one.limits:
                file, value = one.settings("memory", group.limits)[0]
                assert (one.folder / group.name / file).read_text().strip() == value


@needs_groups
def test_a_group_that_is_not_empty_is_not_reused(owner: str, sleeper: int) -> None:
    made = Groups(owner)
    first = made.take(LIMITS)
    first.add(sleeper)
    assert not first.empty()
    made.give_back(first)
    second = made.take(LIMITS)
    assert second.name != first.name
    assert processes_in(folders(first.name)[0]) == (sleeper,)
    assert first.busy()
    first.kill()
    assert not first.busy()
    os.waitpid(sleeper, 0)  # a dead process counts until somebody has asked how it ended
    assert first.empty()
    made.give_back(first)
    made.give_back(second)


@needs_groups
def test_a_group_that_somebody_removed_is_made_anew(owner: str) -> None:
    made = Groups(owner)
    first = made.take(LIMITS)
    made.give_back(first)
    for folder in folders(first.name):
        folder.rmdir()
    second = made.take(LIMITS)
    assert second.name != first.name
    assert second.enforced == first.enforced
    assert folders(second.name)


@needs_groups
def test_only_what_a_dead_harness_of_the_same_owner_left_is_swept(owner: str, sleeper: int) -> None:
    made = Groups(owner)
    mine = made.take(LIMITS)
    space, pid, start = mine.name.split("-")[1:4]
    other = secrets.token_hex(8)
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    dead = f"{owner}-{space}-{gone.pid}-12345-1"
    number_used_again = f"{owner}-{space}-{pid}-{int(start) + 1}-1"
    elsewhere = f"{owner}-{int(space) + 1}-{gone.pid}-12345-1"
    foreign = f"{other}-{space}-{gone.pid}-12345-1"
    unknown = "by-hand"
    one = controllers()[0].folder
    try:
        for name in (dead, number_used_again, elsewhere, foreign, unknown):
            (one / name).mkdir()
        (one / number_used_again / "cgroup.procs").write_text(str(sleeper))
        assert group_names(owner) == {mine.name: True, dead: False, number_used_again: True, elsewhere: True}
        remove_group(other, dead)
        remove_group(owner, mine.name)
        assert (one / dead).exists()
        remove_dead(owner)
        assert group_names(owner) == {mine.name: True, elsewhere: True}
        assert os.waitpid(sleeper, 0)[1] == signal.SIGKILL  # the process that used the number before is dead
        assert (one / foreign).exists()
        assert (one / unknown).exists()
    finally:
        for name in (dead, number_used_again, elsewhere, foreign, unknown):
            if (one / name).exists():
                (one / name).rmdir()


@needs_groups
def test_what_is_left_in_a_dead_harness_s_group_is_killed(owner: str) -> None:
    folder = controllers()[0].folder / f"{owner}-{os.stat('/proc/self/ns/pid').st_ino}-4194303-1-1"
    folder.mkdir()
    with subprocess.Popen(["sleep", "600"]) as child:
        (folder / "cgroup.procs").write_text(str(child.pid))
        remove_group(owner, folder.name)
        assert child.wait(60) == -signal.SIGKILL
    assert not folder.exists()


@needs_groups
def test_groups_of_a_harness_that_ran_elsewhere_are_found(
    owner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 1 nests our groups below the group in which the harness itself runs."""
    places = tmp_path / "cgroups"
    here = controllers()[0]
    elsewhere = Controller(here.folder.parent / f"scope-{os.getpid()}" / "upbench", here.limits, here.version)
    elsewhere.folder.mkdir(parents=True)
    left = elsewhere.folder / f"{owner}-{os.stat('/proc/self/ns/pid').st_ino}-4194303-1-1"
    try:
        left.mkdir()
        with monkeypatch.context() as there:
            there.setattr(module, "controllers", lambda: (elsewhere,))
            module._write_down(places)
        assert group_names(owner) == {}
        assert group_names(owner, places) == {left.name: False}
        Groups(owner, places)
        assert not left.exists()
        assert places.read_text().splitlines() == [str(one.folder) for one in (elsewhere, *controllers())]
    finally:
        for folder in (left, elsewhere.folder, elsewhere.folder.parent):
            if folder.is_dir():
                folder.rmdir()
    places.write_text(f"/etc\n{tmp_path}/upbench\n/sys/fs/cgroup/../../../tmp/upbench\n{elsewhere.folder}\n")
    assert module._written_down(places) == [elsewhere.folder]


def test_version_1_by_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "memory" / "a" / "upbench" / "g"
    folder.mkdir(parents=True)
    one = Controller(folder.parent, ("memory",), 1)
    (folder / "memory.limit_in_bytes").touch()
    set_limit(one, folder, "memory", LIMITS)  # without the accounting of swap
    assert (folder / "memory.limit_in_bytes").read_text() == str(256 * MIB)
    with pytest.raises(FileNotFoundError):
        set_limit(Controller(folder.parent, ("processes",), 1), folder, "processes", LIMITS)
    cpus = Controller(folder.parent, ("cpus",), 1).settings("cpus", SandboxLimits(cpus=1.5))
    assert cpus == [("cpu.cfs_quota_us", "150000")]


def test_version_2_by_its_files(tmp_path: Path) -> None:
    one = Controller(tmp_path, ("memory", "processes", "cpus"), 2)
    for file in ("memory.max", "memory.swap.max", "pids.max", "cpu.max"):
        (tmp_path / file).touch()
    for limit in one.limits:
        set_limit(one, tmp_path, limit, SandboxLimits(memory_bytes=64 * MIB, processes=10, cpus=0.5))
    said = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert said == {
        "memory.max": str(64 * MIB),
        "memory.swap.max": "0",
        "pids.max": "12",
        "cpu.max": "50000 100000",
    }


def test_version_2_hands_down_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Controller] = []

    def accept(controller: Controller) -> bool:
        asked.append(controller)
        return True

    monkeypatch.setattr("sandbox.bubblewrap.cgroups.usable", accept)
    session = tmp_path / "user.slice" / "app.slice"
    for folder in (tmp_path, session, session / "upbench"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cgroup.controllers").write_text("cpuset cpu io memory pids")
        (folder / "cgroup.subtree_control").touch()
    (session / "upbench" / "cgroup.controllers").write_text("memory pids")  # the session was not given cpu
    found = find_controllers(tmp_path, "0::/user.slice/app.slice/harness.scope\n")
    assert found == tuple(asked) == (Controller(session / "upbench", ("memory", "processes"), 2),)
    assert (session / "upbench" / "cgroup.subtree_control").read_text() == "+memory +pids"
    assert find_controllers(tmp_path / "nowhere", "0::/\n1:pids:/a\n")[0].version == 1


def test_version_2_of_this_kernel() -> None:
    root = next((path for path in UNIFIED if (path / "cgroup.controllers").exists()), None)
    if root is None or not os.access(root, os.W_OK):
        lacking("cgroups", "there is no version 2 hierarchy that this process may write to")
    ours = Controller(root / f"upbench-test-{os.getpid()}", (), 2)
    try:
        assert usable(ours)  # a group is made, given a process, and removed
        assert [path for path in ours.folder.iterdir() if path.is_dir()] == []
        group = ours.folder / "one"
        group.mkdir()
        with subprocess.Popen(["sleep", "600"]) as child:
            (group / "cgroup.procs").write_text(str(child.pid))
            assert processes_in(group) == (child.pid,)
            started = time.monotonic()
            kill_all(group)
            assert child.wait(60) == -signal.SIGKILL
            assert time.monotonic() - started < 60
        group.rmdir()
        if root == UNIFIED[0]:  # memory and pids are bound to version 1 here: nothing to hand down
            assert find_controllers(root, "0::/\n") == ()
    finally:
        for path in (ours.folder, root / "upbench"):
            if path.is_dir() and not any(inner.is_dir() for inner in path.iterdir()):
                path.rmdir()


def test_where_no_group_can_be_made(monkeypatch: pytest.MonkeyPatch, owner: str) -> None:
    monkeypatch.setattr(module, "controllers", tuple)
    made = Groups(owner)
    group = made.take(LIMITS)
    assert group.enforced == {}
    group.add(os.getpid())
    assert group.empty()
    made.give_back(group)
    assert group_names(owner) == {}
