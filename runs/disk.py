"""The disk guard: a run begins nothing for which there is no room, and is stopped before the disk is full.

Two bounds: below the first nothing new is begun (what is at work goes on, and gives room back when its workspace
goes); below the second the run is stopped clean, while there is still room to write that down. Files count like
bytes: a file system may run out of either.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from pydantic import Field, model_validator

from core import BadInput, Frozen
from sandbox import docker_folder

GIB = 1 << 30
LOOK_SECONDS = 2.0
"""A look is at most so old."""
AGAIN = 1.25
"""What was paused goes on when there is so much more room than the bound."""
_CALLED = {"PiB": 1 << 50, "TiB": 1 << 40, "GiB": GIB, "MiB": 1 << 20, "KiB": 1 << 10}


class DiskBound(Frozen):
    """How much room must be left on each file system that a run writes to.

    Attributes:
        pause_bytes: With less, no execution is begun, and no run.
        stop_bytes: With less, the run is stopped.
        pause_files, stop_files: The same of files (inodes), where the file system counts them.
    """

    pause_bytes: int = Field(default=2 * GIB, ge=0)
    stop_bytes: int = Field(default=GIB // 2, ge=0)
    pause_files: int = Field(default=50_000, ge=0)
    stop_files: int = Field(default=5_000, ge=0)

    @model_validator(mode="after")
    def _in_order(self) -> DiskBound:
        if self.stop_bytes > self.pause_bytes or self.stop_files > self.pause_files:
            raise ValueError("a run is paused before it is stopped: `stop_...` is at most `pause_...`")
        return self


class Level(StrEnum):
    """What follows from the room that is left."""

    ok = "ok"
    pause = "pause"
    stop = "stop"


def places_of(state: Path, provider: str) -> dict[str, Path]:
    """The folders that a run writes to: that of the project's data, and that of the sandboxes' engine, if any."""
    places = {"the project's folder": state}
    engine = docker_folder() if provider == "docker" else None
    if engine is not None:
        places["the Docker engine's folder"] = engine
    return places


@dataclass(frozen=True, slots=True)
class Room:
    """What is left on the file system of a folder.

    Attributes:
        bytes: For a user without privileges. files: None where the file system does not count them.
    """

    bytes: int
    files: int | None


@dataclass(frozen=True, slots=True)
class DiskState:
    """What a look found: the worst of all places, and in a line where and how much; empty where all is well."""

    level: Level
    says: str = ""


def room_at(path: Path) -> Room | None:
    """The room left where `path` lies or would lie; None where that cannot be said."""
    while True:
        try:
            found = os.statvfs(path)
        except FileNotFoundError:
            if path == path.parent:
                return None
            path = path.parent
            continue
        except OSError:  # no right to look, or a network file system that is gone: whoever writes will be told
            return None
        return Room(found.f_bavail * found.f_frsize, found.f_favail if found.f_files else None)


@dataclass
class DiskGuard:
    """Watches the folders that a run writes to.

    Attributes:
        places: By the name that people know them by: the project's folder, that of the sandboxes' engine.
        bound: How much must be left on each.
        measure: Says what is left at a path.
    """

    places: Mapping[str, Path]
    bound: DiskBound = field(default_factory=DiskBound)
    measure: Callable[[Path], Room | None] = room_at
    _last: tuple[float, DiskState] | None = field(default=None, init=False)

    def look(self) -> DiskState:
        """What is left now, `LOOK_SECONDS` old at most."""
        now = time.monotonic()
        if self._last is None or now - self._last[0] > LOOK_SECONDS:
            paused = self._last is not None and self._last[1].level is not Level.ok
            self._last = now, self._look(AGAIN if paused else 1.0)
        return self._last[1]

    def refuse(self) -> None:
        """Let no run begin for which there is no room.

        Raises:
            BadInput: There is less than a run may begin with.
        """
        state = self._look(1.0)
        if state.level is not Level.ok:
            raise BadInput(f"no room to begin: {state.says}", mend="make room there")

    async def room(self, ended: Callable[[], bool] = lambda: False) -> DiskState:
        """Wait until there is room for one more execution.

        Args:
            ended: Asked while waiting; once it is true there is no more waiting.

        Returns:
            A state that is `ok`, or `stop`: the run is to be stopped for what it says (or `pause`, if `ended`).
        """
        while True:
            state = self.look()
            if state.level is not Level.pause or ended():
                return state
            await asyncio.sleep(LOOK_SECONDS)

    async def until_room(self, ended: Callable[[], bool]) -> None:
        """Wait until there is room again, however little there is now, or `ended` says that nobody waits."""
        while True:
            if self.look().level is Level.ok or ended():
                return
            await asyncio.sleep(LOOK_SECONDS)

    def _look(self, margin: float) -> DiskState:
        found = [self._judge(name, self.measure(path), margin) for name, path in self.places.items()]
        for level in (Level.stop, Level.pause):
            low = [state.says for state in found if state.level is level]
            if low:
                return DiskState(level, "; ".join(low))
        return DiskState(Level.ok)

    def _judge(self, name: str, room: Room | None, margin: float) -> DiskState:
        if room is None:
            return DiskState(Level.ok)
        bound = self.bound
        if room.bytes < bound.stop_bytes:
            return _low(Level.stop, name, _size(room.bytes), _size(bound.stop_bytes))
        if room.files is not None and room.files < bound.stop_files:
            return _low(Level.stop, name, f"{room.files} files", str(bound.stop_files))
        if room.bytes < bound.pause_bytes * margin:
            return _low(Level.pause, name, _size(room.bytes), _size(int(bound.pause_bytes * margin)))
        if room.files is not None and room.files < bound.pause_files * margin:
            return _low(Level.pause, name, f"{room.files} files", str(int(bound.pause_files * margin)))
        return DiskState(Level.ok)


def _low(level: Level, name: str, left: str, bound: str) -> DiskState:
    return DiskState(level, f"{name} has room for {left} more, and {bound} are wanted")


def _size(count: int) -> str:
    for name, unit in _CALLED.items():
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"
