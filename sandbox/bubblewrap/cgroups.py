"""Where this process can make cgroups (version 1 or 2) that limit memory, processes and CPU, and their files."""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sandbox.protocol import SandboxLimits

ROOT = Path("/sys/fs/cgroup")
OURS = "upbench"
# What the launcher and the supervisor take of the count of processes.
OWN_PROCESSES = 2
PERIOD = 100_000
KNOWN = {"memory": "memory", "pids": "processes", "cpu": "cpus"}  # controller -> our limit


@dataclass(frozen=True, slots=True)
class Controller:
    """A folder below which groups can be made, and which of our limits they set."""

    folder: Path
    limits: tuple[str, ...]
    version: int

    def settings(self, limit: str, limits: SandboxLimits) -> list[tuple[str, str]]:
        """The files of a group that set one limit, and what is written to them."""
        memory, processes = str(limits.memory_bytes), str(limits.processes + OWN_PROCESSES)
        quota = max(1000, int(limits.cpus * PERIOD))
        if self.version == 2:
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


def set_limit(controller: Controller, group: Path, limit: str, limits: SandboxLimits) -> None:
    """Set one limit of a group. Raises OSError; a file that this kernel does not have (swap) is passed over."""
    for number, (file, value) in enumerate(controller.settings(limit, limits)):
        try:
            put(group / file, value)
        except FileNotFoundError:
            if number == 0:
                raise
        except OSError:  # version 1 wants the larger of memory and memory with swap to be raised first
            if controller.version == 2 or limit != "memory" or number > 0:
                raise
            put(group / "memory.memsw.limit_in_bytes", value)
            put(group / file, value)


@functools.cache
def controllers() -> tuple[Controller, ...]:
    """The folders in which this process can make limiting groups; empty where it cannot make any."""
    try:
        lines = Path("/proc/self/cgroup").read_text()
    except OSError:
        return ()
    return find_controllers(ROOT, lines)


def find_controllers(root: Path, membership: str) -> tuple[Controller, ...]:
    """As `controllers`, of the hierarchies mounted at `root`; `membership` is what `/proc/self/cgroup` says."""
    own = _own_groups(membership)
    if (root / "cgroup.controllers").exists():
        here = root / own.get("", "/").lstrip("/")
        # A group that has processes of its own cannot hand controllers down: ours lies beside this process's.
        for base in dict.fromkeys((here.parent if here != root else root, root)):
            one = _version_2(base)
            if one:
                return (one,)
        return ()
    found = []
    for name, limit in KNOWN.items():
        one = Controller(root / name / own.get(name, "/").lstrip("/") / OURS, (limit,), 1)
        if usable(one):
            found.append(one)
    return tuple(found)


def _version_2(base: Path) -> Controller | None:
    """The part of the controllers that `base` can hand down, if it is any."""
    folder = base / OURS
    try:
        names = [name for name in (base / "cgroup.controllers").read_text().split() if name in KNOWN]
        with contextlib.suppress(OSError):  # they may be enabled already by somebody who may
            put(base / "cgroup.subtree_control", " ".join(f"+{name}" for name in names))
        folder.mkdir(exist_ok=True)
        names = [name for name in (folder / "cgroup.controllers").read_text().split() if name in KNOWN]
        if not names:
            return None
        put(folder / "cgroup.subtree_control", " ".join(f"+{name}" for name in names))
    except OSError:
        return None
    one = Controller(folder, tuple(KNOWN[name] for name in names), 2)
    return one if usable(one) else None


def usable(controller: Controller) -> bool:
    """Whether a group can be made there, limited, and given a process."""
    probe = controller.folder / f"probe-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        controller.folder.mkdir(exist_ok=True)
        probe.mkdir()
    except OSError:
        return False
    try:
        for limit in controller.limits:
            set_limit(controller, probe, limit, SandboxLimits())
        with subprocess.Popen(["/bin/sh", "-c", "read x"], stdin=subprocess.PIPE) as child:
            put(probe / "cgroup.procs", str(child.pid))
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            probe.rmdir()
    return True


def processes_in(group: Path) -> tuple[int, ...]:
    """The processes in a group; none where it is gone."""
    try:
        return tuple(int(line) for line in (group / "cgroup.procs").read_text().split())
    except OSError:
        return ()


def put(path: Path, value: str) -> None:
    """Write to a file of a group. Raises OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, value.encode())
    finally:
        os.close(handle)


def _own_groups(membership: str) -> dict[str, str]:
    """Controller (empty: version 2) -> the path of this process's group."""
    rows = [line.split(":", 2) for line in membership.splitlines() if line.count(":") >= 2]
    return {name: path for _, names, path in rows for name in names.split(",")}
