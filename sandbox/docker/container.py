"""A container as a sandbox needs it: hardened, limited, without a network; made, started and removed."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.docker.archive import unpack
from sandbox.docker.engine import SECONDS, Engine, failures, gone
from sandbox.docker.facts import EngineFacts, Runtime
from sandbox.docker.plan import Plan
from sandbox.docker.stream import attach
from sandbox.places import DELIVERABLES, SCRATCH, WORKSPACE
from sandbox.protocol import MIB, SandboxLimits, Taken, TreeLimits

# The supervisor, which is the container's first process: the kernel keeps every signal from inside away from it.
OWN_PROCESSES = 1
# gVisor's own threads count in the control group, dozens for a command; at its bound the whole sandbox dies.
GVISOR_PROCESSES = 4096
# Its own memory counts as well; a program must meet its own bound before the whole sandbox meets this one.
GVISOR_MEMORY = 256 * MIB
APP = "upbench"
"""The label `app` of everything that is ours."""
MASKED = "rw,exec,nosuid,nodev,mode=1777"


def create(engine: Engine, plan: Plan) -> str:
    """Create (not start) the sandbox's container; its id."""
    made = engine.api.create_container(
        plan.image,
        list(plan.command),
        name=plan.name,
        hostname="sandbox",
        user="1000:1000",
        working_dir="/",  # the agent may have closed its workspace to itself
        environment=dict(plan.environment),
        stdin_open=True,
        detach=True,  # its standard input outlives the harness, and whoever adopts it is attached next
        labels=dict(plan.labels),
        host_config=_host_config(engine, plan),
        network_disabled=True,
    )
    return str(made["Id"])


def _host_config(engine: Engine, plan: Plan) -> dict[str, Any]:
    from docker.types import LogConfig, Mount

    limits, facts, gvisor = plan.limits, engine.facts(), plan.runtime.gvisor
    memory = limits.memory_bytes + (GVISOR_MEMORY if gvisor else 0)
    mounts = [Mount(WORKSPACE, plan.volume, type="volume")]
    mounts += [Mount(target, str(path), type="bind", read_only=True) for target, path in plan.binds.items()]
    found: dict[str, Any] = engine.api.create_host_config(
        mounts=mounts,
        tmpfs={folder: f"{MASKED},size={limits.workspace_bytes}" for folder in (SCRATCH, "/var" + SCRATCH)},
        network_mode="none",
        ipc_mode="private",
        init=False,
        auto_remove=True,
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges", *([f"seccomp={plan.filter}"] if plan.filter else [])],
        pids_limit=GVISOR_PROCESSES if gvisor else limits.processes + OWN_PROCESSES,
        mem_limit=memory,
        memswap_limit=memory,
        nano_cpus=int(min(limits.cpus, facts.cores) * 1e9),
        ulimits=_ulimits(limits, plan.runtime),
        log_config=LogConfig(type="none"),
        runtime=plan.runtime.name,
    )
    if facts.private_cgroups:
        found["CgroupnsMode"] = "private"
    return found


def _ulimits(limits: SandboxLimits, runtime: Runtime) -> list[Any]:
    from docker.types import Ulimit

    wanted = {"fsize": limits.file_bytes, "core": 0, "nofile": limits.open_files}
    if runtime.gvisor:
        # Held by gVisor's own kernel for this sandbox alone. Under runc the first would count this user's
        # processes in all sandboxes. Without the second, one greedy program would end the whole sandbox.
        wanted |= {"nproc": limits.processes + OWN_PROCESSES, "as": limits.memory_bytes}
    return [Ulimit(name=name, soft=value, hard=value) for name, value in wanted.items()]


def enforced(facts: EngineFacts, runtime: Runtime) -> dict[str, str]:
    """How each limit is enforced (`SandboxInfo.enforced`)."""
    inside = "rlimit" if runtime.gvisor else None
    found = {name: "cgroup" if name in facts.cgroups else "not" for name in ("memory", "processes", "cpus")}
    found["memory"], found["processes"] = inside or found["memory"], inside or found["processes"]
    return {
        **found,
        "wall": "supervisor",
        "output": "supervisor",
        "file": "rlimit",
        "open_files": "rlimit",
        "syscalls": "provider" if runtime.gvisor else "seccomp",
        "workspace": "watched",
    }


@dataclass(frozen=True, slots=True)
class Begun:
    """A container that has just been started.

    Attributes:
        stream: Its standard streams, as the engine multiplexes them.
        workspace: Of its volume: the lease under which that was made.
        used: Its volume was there before.
    """

    id: str
    stream: socket.socket
    workspace: str
    used: bool


def begin(engine: Engine, plan: Plan) -> Begun:
    """Create the sandbox's container and its volume (where it is not there yet) and start it."""
    volume = engine.api.create_volume(plan.volume, labels=dict(plan.labels))
    made_by = str((volume["Labels"] or {}).get("lease", ""))
    made = create(engine, plan)
    stream = attach(engine.api, made)
    with contextlib.ExitStack() as undo:
        undo.callback(stream.close)
        engine.api.start(made)
        undo.pop_all()
    return Begun(made, stream, made_by, used=made_by != plan.labels["lease"])


def collect(engine: Engine, name: str, image: str, volume: str, target: Path, limits: TreeLimits) -> Taken:
    """The deliverables in a volume that no container uses, read through a container that is never started.

    Raises:
        FileNotFoundError: They, or the volume, are not there.
        NotADirectoryError: Something else is in their place.
        BrokenArchive: The engine broke off.
    """
    from docker.types import Mount

    api = engine.api
    try:
        labels = api.inspect_volume(volume)["Labels"] or {}
    except failures() as error:
        if gone(error):
            raise FileNotFoundError(2, "No such workspace", volume) from error
        raise
    mount = Mount(WORKSPACE, volume, type="volume", read_only=True, no_copy=True)
    config = api.create_host_config(mounts=[mount], network_mode="none", read_only=True)
    try:
        made = api.create_container(image, ["true"], name=name, labels=labels, host_config=config)["Id"]
        # The SDK's own call gives no way to break off; the client is a `requests` session, and this is its.
        url = f"{api.base_url}/v{api.api_version}/containers/{made}/archive"
        with api.get(url, params={"path": DELIVERABLES}, stream=True, timeout=SECONDS) as answer:
            if answer.status_code == 404:
                raise FileNotFoundError(2, "No such file or folder", DELIVERABLES)
            answer.raise_for_status()
            return unpack(answer.iter_content(1 << 18), target, limits)
    finally:
        remove(engine, name)


def remove(engine: Engine, container: str) -> None:
    """Remove a container with every process in it, whatever its state, and wait until it is gone."""
    import docker.errors

    try:
        _remove(engine, container)
    except docker.errors.APIError:
        wake(engine, container)
        _remove(engine, container)


def _remove(engine: Engine, container: str) -> None:
    import docker.errors

    try:
        engine.api.remove_container(container, force=True, v=True)
    except docker.errors.APIError as error:
        if gone(error):
            return
        if error.status_code != 409:
            raise
        _await_removal(engine, container)


def wake(engine: Engine, container: str) -> None:
    """Let a paused container go on: gVisor kills none that is paused, and it cannot be removed."""
    import docker.errors

    with contextlib.suppress(docker.errors.APIError):  # it is not paused, or gone
        engine.api.unpause(container)


def _await_removal(engine: Engine, container: str) -> None:
    """Its removal is under way already."""
    try:
        engine.api.wait(container, timeout=SECONDS, condition="removed")
    except failures() as error:
        if not gone(error):
            raise


def remove_volume(engine: Engine, volume: str) -> None:
    """Remove a volume, with the containers of ours that still use it; a missing one is fine."""
    import docker.errors

    try:
        engine.api.remove_volume(volume, force=True)
    except docker.errors.APIError as error:
        if gone(error):
            return
        if error.status_code != 409:
            raise
        using = {"label": [f"app={APP}"], "volume": [volume]}
        for row in engine.api.containers(all=True, filters=using):
            remove(engine, row["Id"])
        engine.api.remove_volume(volume, force=True)
