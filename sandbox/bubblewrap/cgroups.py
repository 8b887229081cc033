"""Memory, process and CPU limits by cgroup (version 1 or 2), where this user may make one."""

from __future__ import annotations

import functools
import itertools
import os
import time
from dataclasses import dataclass
from pathlib import Path

from sandbox.protocol import SandboxLimits

ROOT = Path("/sys/fs/cgroup")
_numbers = itertools.count(1)
# What the launcher and the supervisor take of the count of processes.
OWN_PROCESSES = 2
PERIOD = 100_000


@dataclass(frozen=True, slots=True)
class Controller:
    """A folder below which groups can be made, and which of our limits it sets."""

    folder: Path
    limits: tuple[str, ...]
    version: int


class Group:
    """The cgroup (version 2) or cgroups (version 1) of one sandbox."""

    def __init__(self, limits: SandboxLimits) -> None:
        name = f"{os.getpid()}-{next(_numbers)}"
        self._folders: list[Path] = []
        self.enforced: dict[str, str] = {}
        enough = (os.cpu_count() or 1) <= limits.cpus
        if enough:  # the machine itself is the bound
            self.enforced["cpus"] = "provider"
        for controller in controllers():
            folder = controller.folder / name
            try:
                if controller.limits == ("cpus",) and enough:
                    continue
                folder.mkdir()
                self._folders.append(folder)
                for limit in controller.limits:
                    for file, value in _settings(controller.version, limit, limits):
                        if (folder / file).exists():
                            _put(folder / file, value)
            except OSError:
                continue
            self.enforced |= dict.fromkeys(controller.limits, "cgroup")

    def add(self, pid: int) -> None:
        """Move a process in; what it starts from then on is in as well. Raises OSError."""
        for folder in self._folders:
            _put(folder / "cgroup.procs", str(pid))

    def remove(self) -> None:
        """Remove the groups; their processes must be dead (the kernel may take a moment to notice)."""
        for folder in self._folders:
            for _ in range(20):
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.002)
        self._folders = []


@functools.cache
def controllers() -> tuple[Controller, ...]:
    """The folders in which this process can make limiting groups; empty where it cannot make any."""
    found: list[Controller] = []
    own = dict(_own_groups())
    if (ROOT / "cgroup.controllers").exists():
        here = ROOT / own.get("", "/").lstrip("/")
        for base in dict.fromkeys((here.parent if here != ROOT else ROOT, ROOT)):
            one = _usable(base / "upbench", ("memory", "processes", "cpus"), 2)
            if one:
                return (one,)
        return ()
    for controller, limit in (("memory", "memory"), ("pids", "processes"), ("cpu", "cpus")):
        base = ROOT / controller / own.get(controller, "/").lstrip("/")
        one = _usable(base / "upbench", (limit,), 1)
        if one:
            found.append(one)
    return tuple(found)


def _own_groups() -> list[tuple[str, str]]:
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    rows = [line.split(":", 2) for line in lines]
    return [(name, path) for _, names, path in rows for name in names.split(",")]


def _usable(folder: Path, limits: tuple[str, ...], version: int) -> Controller | None:
    try:
        folder.mkdir(exist_ok=True)
        if version == 2:
            _put(folder / "cgroup.subtree_control", "+memory +pids +cpu")
        _sweep(folder)
        probe = folder / f"{os.getpid()}-probe"
        probe.mkdir()
        try:
            for limit in limits:
                file, value = _settings(version, limit, SandboxLimits())[0]
                _put(probe / file, value)
        finally:
            probe.rmdir()
    except OSError:
        return None
    return Controller(folder, limits, version)


def _sweep(folder: Path) -> None:
    """Remove what harness processes that no longer live have left (only empty groups can be removed)."""
    for group in folder.iterdir():
        owner = group.name.split("-")[0]
        if group.is_dir() and owner.isdigit() and not Path("/proc", owner).exists():
            try:
                group.rmdir()
            except OSError:
                continue


def _settings(version: int, limit: str, limits: SandboxLimits) -> list[tuple[str, str]]:
    memory, processes = str(limits.memory_bytes), str(limits.processes + OWN_PROCESSES)
    quota = max(1000, int(limits.cpus * PERIOD))
    if version == 2:
        return {
            "memory": [("memory.max", memory), ("memory.swap.max", "0")],
            "processes": [("pids.max", processes)],
            "cpus": [("cpu.max", f"{quota} {PERIOD}")],
        }[limit]
    return {
        "memory": [("memory.limit_in_bytes", memory), ("memory.memsw.limit_in_bytes", memory)],
        "processes": [("pids.max", processes)],
        "cpus": [("cpu.cfs_quota_us", str(quota))],
    }[limit]


def _put(path: Path, value: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, value.encode())
    finally:
        os.close(handle)
