"""The disk guard: refuses to begin, pauses, goes on, and stops while there is still room to say so."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from core import BadInput
from runs import disk
from runs.disk import GIB, DiskBound, DiskGuard, DiskState, Level, Room, places_of, room_at
from sandbox import docker_folder
from tests.support import lacking

BOUND = DiskBound(pause_bytes=1000, stop_bytes=100, pause_files=50, stop_files=5)


class Disk:
    """A disk that fills and empties as told: one room a look, the last one for good."""

    def __init__(self, *rooms: Room | int | None) -> None:
        self.rooms = [Room(one, None) if isinstance(one, int) else one for one in rooms]

    def __call__(self, _path: Path) -> Room | None:
        return self.rooms.pop(0) if len(self.rooms) > 1 else self.rooms[0]


def guard_of(*rooms: Room | int | None) -> DiskGuard:
    return DiskGuard({"the project's folder": Path("/p")}, BOUND, Disk(*rooms))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "LOOK_SECONDS", 0.0)


@pytest.mark.parametrize(
    ("room", "level", "says"),
    [
        (Room(1000, 50), Level.ok, ""),
        (Room(1000, None), Level.ok, ""),
        (None, Level.ok, ""),
        (
            Room(999, 50),
            Level.pause,
            "the project's folder has room for 999 bytes more, and 1000 bytes are wanted",
        ),
        (Room(1000, 49), Level.pause, "the project's folder has room for 49 files more, and 50 are wanted"),
        (Room(99, 50), Level.stop, "the project's folder has room for 99 bytes more, and 100 bytes are wanted"),
        (Room(1 << 40, 4), Level.stop, "the project's folder has room for 4 files more, and 5 are wanted"),
    ],
)
def test_levels(room: Room | None, level: Level, says: str) -> None:
    assert guard_of(room).look() == DiskState(level, says)


def test_the_worst_place_decides_and_is_named() -> None:
    rooms = {Path("/p"): Room(500, None), Path("/e"): Room(3 * GIB, 2), Path("/q"): Room(700, None)}
    places = {"the project's folder": Path("/p"), "the engine's folder": Path("/e"), "scratch": Path("/q")}
    state = DiskGuard(places, BOUND, rooms.__getitem__).look()
    assert state.level is Level.stop
    assert state.says.startswith("the engine's folder has room for 2 files")
    rooms[Path("/e")] = Room(3 * GIB, 200)
    assert DiskGuard(places, BOUND, rooms.__getitem__).look() == DiskState(
        Level.pause,
        "the project's folder has room for 500 bytes more, and 1000 bytes are wanted; "
        "scratch has room for 700 bytes more, and 1000 bytes are wanted",
    )


def test_no_run_begins_without_room() -> None:
    guard_of(1000).refuse()
    with pytest.raises(BadInput, match="no room to begin: the project's folder has room for 999 bytes"):
        guard_of(999).refuse()


def test_it_waits_for_room_and_goes_on_with_some_to_spare() -> None:
    guard = guard_of(500, 1001, 1249, 1250, 0)
    state = asyncio.run(guard.room())
    assert state == DiskState(Level.ok)
    assert guard.measure.rooms == [Room(0, None)]  # type: ignore[attr-defined]


def test_it_stops_when_the_disk_goes_on_filling() -> None:
    state = asyncio.run(guard_of(2000, 500, 99).room())
    assert state.level is Level.ok
    state = asyncio.run(guard_of(500, 300, 99).room())
    assert state.level is Level.stop
    assert "99 bytes" in state.says


def test_it_does_not_wait_for_room_when_the_run_has_ended() -> None:
    asked = iter([False, False, True])
    state = asyncio.run(guard_of(500).room(lambda: next(asked)))
    assert state.level is Level.pause


def test_looks_are_kept_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "LOOK_SECONDS", 60.0)
    guard = guard_of(2000, 50)
    assert [guard.look().level for _ in range(3)] == [Level.ok] * 3
    assert guard.measure.rooms == [Room(50, None)]  # type: ignore[attr-defined]


def test_a_real_folder_and_one_that_is_not_there_yet(tmp_path: Path) -> None:
    there, not_yet = room_at(tmp_path), room_at(tmp_path / "a" / "b")
    assert there is not None
    assert not_yet is not None
    found = os.statvfs(tmp_path)
    assert there.bytes == pytest.approx(found.f_bavail * found.f_frsize, rel=0.2)
    assert not_yet.bytes == pytest.approx(there.bytes, rel=0.2)
    beyond = DiskBound(pause_bytes=1 << 60, stop_bytes=0, pause_files=0, stop_files=0)
    with pytest.raises(BadInput, match=r"GiB more, and 1024\.0 PiB are wanted|MiB more|TiB more"):
        DiskGuard({"here": tmp_path}, beyond).refuse()


def test_bounds_out_of_order_are_refused() -> None:
    with pytest.raises(ValidationError, match="paused before it is stopped"):
        DiskBound(pause_bytes=1, stop_bytes=2)


def test_the_folders_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert places_of(tmp_path, "bwrap") == {"the project's folder": tmp_path}
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    assert places_of(tmp_path, "docker") == {"the project's folder": tmp_path}


def test_the_engines_folder_is_watched_too(tmp_path: Path) -> None:
    folder = docker_folder()
    if folder is None:
        lacking("docker", "no engine on this machine answers")
    assert places_of(tmp_path, "docker") == {
        "the project's folder": tmp_path,
        "the Docker engine's folder": folder,
    }
    room = room_at(folder)
    assert room is not None
    assert room.bytes > 0
