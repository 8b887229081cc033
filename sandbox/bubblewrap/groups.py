"""Groups that limit sandboxes: made once, reused while this process lives, and swept when it is dead.

A group's name is `OWNER-NAMESPACE-PID-START-NUMBER`: whose it is, and the process that made it, told from every
other that ever had its number by its pid namespace and the moment at which it was started.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox.bubblewrap.cgroups import OURS, ROOT, Controller, controllers, processes_in, put, set_limit
from sandbox.protocol import SandboxLimits

IDLE = 64  # groups that are kept for the next sandbox, at most
LEFT = 4  # what a reused group may still hold of its last sandbox's memory: a fourth of the limit (it is cache)
KILL_SECONDS = 5.0
_NAME = re.compile(r"(?P<owner>[0-9a-f]{16})-(?P<space>[0-9]+)-(?P<pid>[0-9]+)-(?P<start>[0-9]+)-[0-9]+")
_numbers = itertools.count(1)


@dataclass(slots=True)
class Group:
    """The cgroup (version 2) or cgroups (version 1) of one sandbox; `limits` are those last set."""

    name: str
    made: tuple[Controller, ...]
    limits: SandboxLimits

    @property
    def enforced(self) -> dict[str, str]:
        """Limit -> `cgroup`, of those that it enforces."""
        return {limit: "cgroup" for one in self.made for limit in one.limits}

    def add(self, pid: int) -> None:
        """Move a process in; what it starts from then on is in as well. Raises OSError."""
        for one in self.made:
            put(one.folder / self.name / "cgroup.procs", str(pid))

    def kill(self) -> None:
        """Kill what is in it, and wait until nothing is."""
        for one in self.made:
            kill_all(one.folder / self.name)

    def busy(self) -> bool:
        """Whether a process is in it."""
        return bool(self.made) and bool(processes_in(self.made[0].folder / self.name))

    def empty(self) -> bool:
        """Whether no process is in it, and little memory is left charged to it, so that it is as good as new."""
        for one in self.made:
            folder = f"{one.folder}/{self.name}"
            if "processes" in one.limits:
                left = _number(f"{folder}/pids.current")
            else:
                left = len(processes_in(Path(folder)))
            if left:
                return False
            if "memory" in one.limits:
                file = "memory.current" if one.version == 2 else "memory.usage_in_bytes"
                if _number(f"{folder}/{file}") > self.limits.memory_bytes // LEFT:
                    return False
        return True

    def fit(self, limits: SandboxLimits) -> None:
        """Set other limits. Raises OSError."""
        if limits == self.limits:
            return
        for one in self.made:
            for limit in one.limits:
                if one.settings(limit, limits) != one.settings(limit, self.limits):
                    set_limit(one, one.folder / self.name, limit, limits)
        self.limits = limits


def machine_bounds(limits: SandboxLimits) -> bool:
    """Whether this machine has no more CPUs than a sandbox may use."""
    return (os.cpu_count() or 1) <= limits.cpus


class Groups:
    """The groups that this process makes for one owner's sandboxes.

    Args:
        owner: Whose they are.
        places: File in which is written down where groups were made: version 1 nests them below the group of the
            harness, and the next one may run in another. None: nobody looks for them later.
    """

    def __init__(self, owner: str, places: Path | None = None) -> None:
        self._prefix = f"{owner}-{_myself()}"
        self._idle: deque[Group] = deque()
        if places:
            _write_down(places)
        remove_dead(owner, places)

    def take(self, limits: SandboxLimits) -> Group:
        """A group with these limits; it sets none where this process may make none."""
        for _ in range(len(self._idle)):
            group = self._idle.popleft()
            if _wanted(limits) == group.made and group.empty():
                with contextlib.suppress(OSError):
                    group.fit(limits)
                    return group
            self._drop(group)
        return self._make(limits)

    def give_back(self, group: Group) -> None:
        """A group whose sandbox has ended."""
        if group.made and len(self._idle) < IDLE:
            self._idle.append(group)
        else:
            self._drop(group)

    def close(self) -> None:
        """Remove those that are kept."""
        while self._idle:
            self._drop(self._idle.popleft())

    def _make(self, limits: SandboxLimits) -> Group:
        name = f"{self._prefix}-{next(_numbers)}"
        made = []
        for one in _wanted(limits):
            folder = one.folder / name
            try:
                folder.mkdir(parents=True)
                for limit in one.limits:
                    set_limit(one, folder, limit, limits)
            except OSError:
                with contextlib.suppress(OSError):
                    folder.rmdir()
                continue
            made.append(one)
        return Group(name, tuple(made), limits)

    def _drop(self, group: Group) -> None:
        """Remove a group; one that cannot go now is found by the reaper, when this process is dead."""
        for one in group.made:
            with contextlib.suppress(OSError):
                (one.folder / group.name).rmdir()


def group_names(owner: str, places: Path | None = None) -> dict[str, bool]:
    """The groups of this owner's -> whether they are in use: by processes, or by a harness that lives."""
    found: dict[str, bool] = {}
    for folder, match in _all_groups(owner, places):
        found[folder.name] = found.get(folder.name, False) or _maker_lives(match) or bool(processes_in(folder))
    return found


def remove_group(owner: str, name: str, places: Path | None = None) -> None:
    """Kill what is in a group of this owner's whose harness is dead, and remove it.

    Raises:
        OSError: It cannot be removed.
    """
    for folder, match in _all_groups(owner, places):
        if folder.name == name and not _maker_lives(match):
            kill_all(folder)
            with contextlib.suppress(FileNotFoundError):
                folder.rmdir()


def remove_dead(owner: str, places: Path | None = None) -> None:
    """Remove the groups that this owner's dead harnesses have left, as far as that goes."""
    for folder, match in _all_groups(owner, places):
        if not _maker_lives(match):
            kill_all(folder)
            with contextlib.suppress(OSError):
                folder.rmdir()


def kill_all(group: Path) -> None:
    """Kill the processes in a group, and wait until they are gone (`KILL_SECONDS` at most)."""
    deadline = time.monotonic() + KILL_SECONDS
    while pids := processes_in(group):
        for pid in pids:
            if pid > 1:  # 0: of another pid namespace, not for us to kill
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return
        time.sleep(0.002)


def _wanted(limits: SandboxLimits) -> tuple[Controller, ...]:
    """The controllers to use; where the machine itself bounds the CPUs, no group is made for these alone."""
    enough = machine_bounds(limits)
    return tuple(one for one in controllers() if not (enough and one.limits == ("cpus",)))


def _all_groups(owner: str, places: Path | None) -> Iterator[tuple[Path, re.Match[str]]]:
    for parent in dict.fromkeys([*(one.folder for one in controllers()), *_written_down(places)]):
        try:
            names = os.listdir(parent)
        except OSError:
            continue
        for name in names:
            match = _NAME.fullmatch(name)
            if match and match["owner"] == owner:
                yield parent / name, match


def _written_down(places: Path | None) -> list[Path]:
    """The folders in which this owner's harnesses have made groups, as far as they are there still."""
    try:
        lines = places.read_text().splitlines() if places else []
    except OSError:
        return []
    found = [Path(line) for line in lines]
    return [one for one in found if one.name == OURS and ".." not in one.parts and one.is_relative_to(ROOT)]


def _write_down(places: Path) -> None:
    """Add the folders of this process to those written down; another harness may be doing the same."""
    known = _written_down(places)
    fresh = [one.folder for one in controllers() if one.folder not in known]
    if fresh:
        with places.open("a") as stream:
            stream.write("".join(f"{one}\n" for one in fresh))


def _maker_lives(match: re.Match[str]) -> bool:
    """Whether the harness that made a group lives; one in another pid namespace is taken to."""
    if match["space"] != _space():
        return True
    return started(int(match["pid"])) == match["start"]


def _myself() -> str:
    pid = os.getpid()
    return f"{_space()}-{pid}-{started(pid)}"


@functools.cache
def _space() -> str:
    return str(os.stat("/proc/self/ns/pid").st_ino)


def started(pid: int) -> str | None:
    """When a process was started, in ticks since the machine was; None where there is none, or a dead one."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    words = text.rpartition(")")[2].split()  # its name may hold spaces and brackets
    return None if words[0] in "ZX" else words[19]


def _number(file: str) -> int:
    """What a file of a group says; more than anything where it is gone."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return sys.maxsize
    try:
        return int(os.read(handle, 64))
    finally:
        os.close(handle)
