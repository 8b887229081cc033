from __future__ import annotations

import asyncio
import ctypes
import os
import stat
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core import Cause, SandboxFault
from sandbox import watch
from sandbox.protocol import MIB, SandboxLimits
from sandbox.watch import Usage, Watch, folder_usage

LIMITS = SandboxLimits(workspace_bytes=8 * MIB, workspace_files=1000)


def test_files_folders_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "one").write_bytes(b"x" * MIB)
    (tmp_path / "two").write_bytes(b"x" * MIB)
    found = folder_usage(tmp_path, LIMITS)
    assert found.entries == 4
    assert 2 * MIB <= found.bytes < 2.2 * MIB
    assert found.problem(LIMITS) is None


def test_a_sparse_file_counts_with_what_it_takes(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(1 << 40)
    assert folder_usage(tmp_path, LIMITS).bytes < MIB


def test_hard_links_count_once_as_bytes_and_each_as_an_entry(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * MIB)
    for number in range(20):
        os.link(tmp_path / "f", tmp_path / f"l{number}")
    found = folder_usage(tmp_path, LIMITS)
    assert found.entries == 21
    assert found.bytes < 1.2 * MIB


def test_no_link_is_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for number in range(50):
        (outside / str(number)).write_bytes(b"x" * 100_000)
    root = tmp_path / "job"
    root.mkdir()
    (root / "folder").symlink_to(outside)
    (root / "loop").symlink_to(root)
    found = folder_usage(root, LIMITS)
    assert found.entries == 2
    assert found.bytes < 100_000
    with pytest.raises(OSError, match=r"directory|links"):
        folder_usage(root / "folder", LIMITS)


def test_the_count_stops_at_a_limit(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"d{number}").mkdir()
    found = folder_usage(tmp_path, LIMITS.model_copy(update={"workspace_files": 100}))
    assert found.entries == 101
    (tmp_path / "large").write_bytes(b"x" * 9 * MIB)
    assert folder_usage(tmp_path, LIMITS).problem(LIMITS) == "the workspace takes more than 8 MiB"


def test_depth_costs_no_descriptors_and_hides_nothing(tmp_path: Path) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
    for _ in range(600):  # 600 * 20 bytes: no path reaches the bottom
        os.mkdir("d" * 20, dir_fd=handle)
        os.mkdir("e", dir_fd=handle)
        inner = os.open("d" * 20, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    file = os.open("bottom", os.O_WRONLY | os.O_CREAT, dir_fd=handle)
    os.write(file, b"x" * 4 * MIB)
    os.close(file)
    os.close(handle)
    before = len(os.listdir("/proc/self/fd"))
    found = folder_usage(tmp_path, LIMITS.model_copy(update={"workspace_files": 5000}))
    assert len(os.listdir("/proc/self/fd")) <= before  # fewer: another test's garbage was closed meanwhile
    assert found.entries == 1201
    assert found.bytes > 4 * MIB


def test_a_folder_closed_by_its_owner_is_counted_and_stays_closed() -> None:
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o777)
        child = os.fork()
        if child == 0:  # root is stopped by no mode: look as another user, who cannot become root again
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
                ctypes.CDLL(None).prctl(4, 1)  # PR_SET_DUMPABLE: `/proc/self` is its own again
            os._exit(0 if _closed_folder(Path(name)) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _closed_folder(folder: Path) -> bool:
    closed = folder / "job" / "closed"
    try:
        closed.mkdir(parents=True)
        (closed / "f").write_bytes(b"x" * MIB)
        closed.chmod(0)
        found = folder_usage(folder / "job", LIMITS)
        mode = stat.S_IMODE(closed.stat().st_mode)
        closed.chmod(0o700)
    except OSError:
        return False
    return found.bytes >= MIB and found.entries == 2 and mode == 0


def test_a_tree_that_changes_all_the_time(tmp_path: Path) -> None:
    root = tmp_path / "job"
    root.mkdir()
    done = threading.Event()

    def churn() -> None:
        number = 0
        while not done.is_set():
            number += 1
            (root / f"a{number}" / "b" / "c").mkdir(parents=True)
            os.rename(root / f"a{number}" / "b", root / f"b{number}")
            (root / f"a{number}").rmdir()
            (root / f"a{number}").symlink_to("/usr")
            if number > 20:
                (root / f"b{number - 20}" / "c").rmdir()
                (root / f"b{number - 20}").rmdir()

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        looks = [folder_usage(root, LIMITS.model_copy(update={"workspace_files": 10**6})) for _ in range(50)]
    finally:
        done.set()
        thread.join()
    assert len(looks) == 50
    assert max(look.bytes for look in looks) < 8 * MIB


async def _watched(
    measure: Callable[[], Usage], monkeypatch: pytest.MonkeyPatch, *, patience: int = 1, ends: bool = True
) -> list[SandboxFault]:
    monkeypatch.setattr(watch, "FIRST_SECONDS", 0.02)
    monkeypatch.setattr(watch, "LEAST_SECONDS", 0.02)
    monkeypatch.setattr(watch, "PATIENCE", patience)
    faults: list[SandboxFault] = []
    watching = Watch(measure, LIMITS, faults.append)
    async with asyncio.timeout(60):
        while ends and not faults:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.3 if ends else 0.8)
    watching.stop()
    watching.stop()
    return faults


async def test_a_workspace_that_grows_is_ended_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = iter((0, 1, 2, 5, 9, 12, 20))

    def measure() -> Usage:
        (tmp_path / "f").write_bytes(b"x" * next(sizes) * MIB)
        return folder_usage(tmp_path, LIMITS)

    faults = await _watched(measure, monkeypatch)
    assert [fault.cause for fault in faults] == [Cause.workspace_full]
    assert next(sizes) == 12


async def test_what_cannot_be_measured_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def measure() -> Usage:
        looks.append(1)
        if len(looks) < 3:
            raise FileNotFoundError
        return Usage(entries=5000)

    faults = await _watched(measure, monkeypatch)
    assert len(looks) == 3
    assert "1000 files" in faults[0].detail


async def test_a_slow_measure_is_asked_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []

    def measure() -> Usage:
        looks.append(time.monotonic())
        time.sleep(0.05)
        return Usage()

    assert await _watched(measure, monkeypatch, patience=20, ends=False) == []
    assert len(looks) <= 2


async def test_a_short_sandbox_is_never_measured() -> None:
    looks: list[int] = []

    def measure() -> Usage:
        looks.append(1)
        return Usage()

    threads = threading.active_count()
    watches = [Watch(measure, LIMITS, lambda _fault: None) for _ in range(200)]
    assert threading.active_count() == threads
    await asyncio.sleep(0.2)
    for one in watches:
        one.stop()
    await asyncio.sleep(watch.FIRST_SECONDS)
    assert looks == []
