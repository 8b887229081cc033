from __future__ import annotations

from typing import Any

import pytest

from sandbox.docker.container import enforced
from sandbox.docker.facts import facts_in

INFO: dict[str, Any] = {
    "ServerVersion": "20.10.24",
    "Architecture": "x86_64",
    "NCPU": 4,
    "SecurityOptions": ["name=apparmor", "name=seccomp,profile=default"],
    "MemoryLimit": True,
    "PidsLimit": True,
    "CpuCfsQuota": True,
    "CgroupVersion": "2",
    "DefaultRuntime": "runc",
    "Runtimes": {"runc": {"path": "runc"}, "runsc": {"path": "/usr/bin/runsc", "runtimeArgs": ["--host-uds=all"]}},
}


def test_an_engine_as_it_should_be() -> None:
    facts = facts_in(INFO)
    assert (facts.version, facts.machine, facts.cores, facts.seccomp) == ("20.10.24", "amd64", 4.0, True)
    assert (facts.private_cgroups, facts.default_runtime) == (True, "runc")
    assert not facts.runtimes["runc"].gvisor
    assert facts.runtimes["runsc"].gvisor


@pytest.mark.parametrize(
    ("options", "filtered"),
    [
        (["name=seccomp,profile=builtin"], True),
        (["name=seccomp,profile=/etc/docker/own.json"], True),
        (["name=seccomp,profile=unconfined"], True),  # ours is given in place of its own
        (["name=apparmor", "name=rootless"], False),
        (["seccomp"], True),
        (None, False),
    ],
)
def test_whether_system_calls_can_be_filtered(options: list[str] | None, filtered: bool) -> None:
    assert facts_in({**INFO, "SecurityOptions": options}).seccomp is filtered


@pytest.mark.parametrize(
    ("row", "gvisor", "host_sockets"),
    [
        ({"path": "runc"}, False, True),
        ({"path": "/opt/bin/runsc"}, True, False),
        ({"path": "/opt/bin/runsc", "runtimeArgs": None}, True, False),
        ({"path": "/opt/bin/runsc", "runtimeArgs": ["--host-uds=open"]}, True, True),
        ({"path": "/opt/bin/runsc", "runtimeArgs": ["-host-uds=all"]}, True, True),
        ({"path": "/opt/bin/runsc", "runtimeArgs": ["--host-uds=none"]}, True, False),
        ({"path": "/opt/bin/runsc", "runtimeArgs": ["--host-uds=create"]}, True, False),
        ({"path": "/opt/bin/runsc", "runtimeArgs": ["--fsgofer-host-uds"]}, True, True),
        ({"path": "/opt/bin/runsc", "runtimeArgs": ["--fsgofer-host-uds=false"]}, True, False),
        ({"runtimeType": "io.containerd.runsc.v1"}, True, False),
    ],
)
def test_what_a_runtime_is(row: dict[str, Any], gvisor: bool, host_sockets: bool) -> None:
    found = facts_in({**INFO, "Runtimes": {"one": row}}).runtimes["one"]
    assert (found.gvisor, found.host_sockets) == (gvisor, host_sockets)


def test_what_is_enforced_is_said_as_it_is() -> None:
    facts = facts_in(INFO)
    under_runc, under_gvisor = (enforced(facts, facts.runtimes[name]) for name in ("runc", "runsc"))
    assert (under_runc["syscalls"], under_gvisor["syscalls"]) == ("seccomp", "provider")
    assert (under_runc["memory"], under_runc["processes"], under_runc["cpus"]) == ("cgroup",) * 3
    assert (under_gvisor["memory"], under_gvisor["processes"], under_gvisor["cpus"]) == (
        "rlimit",
        "rlimit",
        "cgroup",
    )
    bare = facts_in({**INFO, "MemoryLimit": False, "PidsLimit": False, "CpuCfsQuota": False})
    assert [enforced(bare, bare.runtimes["runc"])[name] for name in ("memory", "processes", "cpus")] == ["not"] * 3
