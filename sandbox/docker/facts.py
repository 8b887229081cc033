"""What a Docker engine says of itself, as far as sandboxes depend on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

HOST_SOCKETS = ("--host-uds", "--fsgofer-host-uds")
NO_HOST_SOCKETS = ("none", "false", "0", "create")
MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime that the engine knows.

    Attributes:
        gvisor: It is gVisor's `runsc`: its own kernel, whose limits are held inside.
        host_sockets: A unix socket of the host that is shown to a container can be connected to.
    """

    name: str
    gvisor: bool
    host_sockets: bool


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """An engine.

    Attributes:
        machine: Its architecture, in the words of images (`amd64`).
        seccomp: It can filter system calls of containers.
        cgroups: Limits (`memory`, `processes`, `cpus`) that it can have bound by control groups.
        private_cgroups: It can give a container a cgroup namespace of its own.
    """

    version: str
    machine: str
    cores: float
    seccomp: bool
    cgroups: frozenset[str]
    private_cgroups: bool
    default_runtime: str
    runtimes: Mapping[str, Runtime]


def facts_in(info: Mapping[str, Any]) -> EngineFacts:
    """The facts in the engine's own `/info`."""
    options = [str(text) for text in info.get("SecurityOptions") or ()]
    bound = {"memory": "MemoryLimit", "processes": "PidsLimit", "cpus": "CpuCfsQuota"}
    machine = str(info.get("Architecture", ""))
    return EngineFacts(
        version=str(info.get("ServerVersion", "")),
        machine=MACHINES.get(machine, machine),
        cores=float(info.get("NCPU") or 1),
        seccomp=any(text.split(",")[0] in ("seccomp", "name=seccomp") for text in options),
        cgroups=frozenset(name for name, key in bound.items() if info.get(key)),
        private_cgroups="CgroupVersion" in info,  # both came with the API's version 1.41
        default_runtime=str(info.get("DefaultRuntime", "runc")),
        runtimes={name: _runtime(name, row or {}) for name, row in (info.get("Runtimes") or {}).items()},
    )


def _runtime(name: str, row: Mapping[str, Any]) -> Runtime:
    arguments = [str(one) for one in row.get("runtimeArgs") or ()]
    paths = (str(row.get("path") or ""), str(row.get("runtimeType") or ""), name)
    gvisor = any("runsc" in PurePosixPath(path).name for path in paths)
    return Runtime(name, gvisor, not gvisor or any(_shows_sockets(one) for one in arguments))


def _shows_sockets(argument: str) -> bool:
    flag, _, value = argument.partition("=")
    return "--" + flag.lstrip("-") in HOST_SOCKETS and value not in NO_HOST_SOCKETS
