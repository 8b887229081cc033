"""The provider `docker`: a sandbox is a container that runs the supervisor; its `/job` is a named volume."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from core import BadInput, Cause, MissingTool, SandboxFault
from sandbox.docker.engine import engine
from sandbox.docker.image import MEND, image_tag
from sandbox.docker.stream import Demultiplexer, attach
from sandbox.environment import environment
from sandbox.network.events import Audit, unheard
from sandbox.network.policy import Network, NetworkPolicy
from sandbox.options import ProviderOptions
from sandbox.places import DELIVERABLES, INPUTS, WORKSPACE, absolute
from sandbox.protocol import Resource, SandboxInfo, SandboxLimits, SandboxSpec, Taken, TreeLimits
from sandbox.shown import readable
from sandbox.supervisor.client import Wire
from sandbox.supervisor.program import ARGUMENTS
from sandbox.supervisor.session import Session, max_reply
from sandbox.toolbox import toolbox_digest

T = TypeVar("T")
# The supervisor and the container's init.
OWN_PROCESSES = 2
ENFORCED = {
    "wall": "supervisor",
    "output": "supervisor",
    "memory": "cgroup",
    "processes": "cgroup",
    "cpus": "cgroup",
    "file": "rlimit",
    "workspace": "not",
}


class DockerSandbox(Session):
    """An open container."""

    def __init__(self, wire: Wire, limits: SandboxLimits, info: SandboxInfo, container: str) -> None:
        super().__init__(wire, limits, info)
        self.container = container

    async def close(self) -> None:
        """Remove the container with every process in it. The volume stays."""
        self._wire.fail(SandboxFault(Cause.sandbox_lost, "the sandbox is closed"))
        await _engine_call(lambda: _remove_container(self.container))


class DockerProvider:
    """Opens containers; they and their volumes are labelled `app`, `owner` (this state folder) and `workspace`."""

    name = "docker"

    def __init__(self, state: Path, options: ProviderOptions) -> None:
        self._state, self._options = state.absolute(), options
        self._owner = hashlib.sha256(str(self._state).encode()).hexdigest()[:12]

    def problem(self) -> tuple[str, str] | None:
        """None when an engine answers and the sandbox image is there."""
        import docker.errors

        try:
            engine().images.get(image_tag())
        except MissingTool as error:
            return error.what, error.mend
        except docker.errors.ImageNotFound:
            return f"the sandbox image {image_tag()} is not built", MEND
        except docker.errors.DockerException as error:
            return f"the Docker engine does not work: {error}", MEND
        return None

    def refuses(self, network: NetworkPolicy) -> str | None:
        """Why this provider cannot enforce a network policy here; None when it can."""
        if network.mode is Network.none:
            return None
        return f"the sandbox provider docker cannot enforce the network policy `{network.mode}`"

    async def open(self, spec: SandboxSpec, *, audit: Audit = unheard) -> DockerSandbox:
        """Open (or open again) the workspace of `spec`, as `SandboxProvider.open` says."""
        if refusal := self.refuses(spec.network):
            raise BadInput(refusal)
        problem = await asyncio.to_thread(self.problem)
        if problem:
            raise MissingTool(problem[0], mend=problem[1])
        container, image = await _engine_call(lambda: self._create(spec))
        stream = Demultiplexer()
        wire = stream.wire = Wire(max_reply(spec.limits), stream.said)
        opened = False
        try:
            own = await _engine_call(lambda: attach(engine().api, container))
            await asyncio.get_running_loop().create_unix_connection(lambda: stream, sock=own)
            await _engine_call(lambda: engine().api.start(container))
            await wire.started()
            opened = True
        finally:
            if not opened:
                await _engine_call(lambda: _remove_container(container))
        return DockerSandbox(wire, spec.limits, await _engine_call(lambda: _info(image)), container)

    async def collect(self, workspace: str, target: Path, limits: TreeLimits) -> Taken:
        """The deliverables of a workspace whose sandbox is closed or dead, read by a container of its own."""
        if not await _engine_call(lambda: self._has_volume(workspace)):
            raise FileNotFoundError(2, "No such workspace", workspace)
        box = await self.open(SandboxSpec(workspace=workspace))
        try:
            return await box.download(DELIVERABLES, target, limits)
        finally:
            await box.close()

    async def resources(self) -> tuple[Resource, ...]:
        """What exists of this owner's."""
        return ()

    async def remove(self, resource: Resource) -> None:
        """Remove one of `resources`."""

    async def discard(self, workspace: str) -> None:
        """Remove the containers and the volume of a workspace. Missing ones are fine."""
        await _engine_call(lambda: self._discard(workspace))

    def _volume(self, workspace: str) -> str:
        return f"upbench-{self._owner}-{workspace}"

    def _labels(self, workspace: str) -> dict[str, str]:
        return {"app": "upbench", "owner": self._owner, "workspace": workspace}

    def _has_volume(self, workspace: str) -> bool:
        import docker.errors

        try:
            engine().api.inspect_volume(self._volume(workspace))
        except docker.errors.NotFound:
            return False
        return True

    def _remove_containers(self, workspace: str) -> None:
        wanted = [f"{name}={value}" for name, value in self._labels(workspace).items()]
        for row in engine().api.containers(all=True, quiet=True, filters={"label": wanted}):
            _remove_container(row["Id"])

    def _discard(self, workspace: str) -> None:
        import docker.errors

        self._remove_containers(workspace)
        try:
            engine().api.remove_volume(self._volume(workspace), force=True)
        except docker.errors.NotFound:
            return

    def _create(self, spec: SandboxSpec) -> tuple[str, str]:
        """Create (not start) the container; its id and its image's id."""
        self._remove_containers(spec.workspace)  # of a harness that died
        api = engine().api
        labels = {**spec.labels, **self._labels(spec.workspace)}
        if not self._has_volume(spec.workspace):
            api.create_volume(self._volume(spec.workspace), labels=labels)
        made = api.create_container(
            image_tag(),
            ["python3", *ARGUMENTS],
            hostname="sandbox",
            user="1000:1000",
            working_dir=WORKSPACE,
            environment=environment(None),
            stdin_open=True,
            detach=False,
            labels=labels,
            host_config=self._host_config(spec),
            network_disabled=True,
        )
        image: str = api.inspect_container(made["Id"])["Image"]
        return made["Id"], image

    def _host_config(self, spec: SandboxSpec) -> dict[str, Any]:
        import docker.types

        limits = spec.limits
        api = engine().api
        cores = float(api.info()["NCPU"])
        return api.create_host_config(
            mounts=self._mounts(spec),
            tmpfs={"/tmp": f"rw,exec,nosuid,nodev,mode=1777,size={limits.workspace_bytes}"},  # noqa: S108
            network_mode="none",
            ipc_mode="private",
            init=True,
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            pids_limit=limits.processes + OWN_PROCESSES,
            mem_limit=limits.memory_bytes,
            memswap_limit=limits.memory_bytes,
            nano_cpus=int(min(limits.cpus, cores) * 1e9),
            ulimits=[
                docker.types.Ulimit(name="fsize", soft=limits.file_bytes, hard=limits.file_bytes),
                docker.types.Ulimit(name="core", soft=0, hard=0),
            ],
            log_config=docker.types.LogConfig(type="none"),
        )

    def _mounts(self, spec: SandboxSpec) -> list[Any]:
        from docker.types import Mount

        copies = self._state / "copies"
        inputs = spec.inputs or self._state / "empty"
        if spec.inputs is None:
            inputs.mkdir(parents=True, exist_ok=True)
        found = [Mount(WORKSPACE, self._volume(spec.workspace), type="volume")]
        for target, source in ((INPUTS, inputs), *((absolute(one.target), one.source) for one in spec.mounts)):
            found.append(Mount(target, str(readable(source, copies)), type="bind", read_only=True))
        return found


def _remove_container(container: str) -> None:
    import docker.errors

    try:
        engine().api.remove_container(container, force=True, v=True)
    except docker.errors.NotFound:
        return
    except docker.errors.APIError as error:
        if error.status_code != 409:  # its removal is under way already
            raise


async def _engine_call(work: Callable[[], T]) -> T:
    """Run a call of the synchronous SDK in a thread; what the engine refuses is a fault of the sandbox's start."""
    import docker.errors

    try:
        return await asyncio.to_thread(work)
    except (docker.errors.DockerException, ConnectionError) as error:
        raise SandboxFault(Cause.sandbox_start, f"the Docker engine: {error}") from error


def _info(image: str) -> SandboxInfo:
    version: str = engine().api.version()["Version"]
    toolbox = toolbox_digest()
    return SandboxInfo(provider="docker", version=version, image=image, toolbox=toolbox, enforced=ENFORCED)
