"""The provider `docker`: a sandbox is a container that runs the supervisor; its `/job` is a named volume."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from core import BadInput, Cause, MissingTool, SandboxFault
from sandbox.docker import container as containers
from sandbox.docker.archive import BrokenArchive
from sandbox.docker.box import DockerSandbox
from sandbox.docker.container import Plan
from sandbox.docker.engine import Engine, call, engine, failures
from sandbox.docker.facts import Runtime
from sandbox.docker.holdings import holdings, labels_of, remove_holding
from sandbox.docker.image import find_image
from sandbox.docker.stream import Demultiplexer
from sandbox.environment import environment
from sandbox.leases.book import Lease, LeaseBook
from sandbox.leases.owner import owner_of
from sandbox.network.events import Audit, unheard
from sandbox.network.policy import Network, NetworkPolicy
from sandbox.options import ProviderOptions
from sandbox.places import INPUTS, absolute
from sandbox.protocol import Resource, SandboxInfo, SandboxSpec, Taken, TreeLimits
from sandbox.shown import readable
from sandbox.supervisor.client import Wire
from sandbox.supervisor.program import ARGUMENTS
from sandbox.supervisor.session import max_reply
from sandbox.toolbox import toolbox_digest

MEND_SECCOMP = "remove `seccomp-profile` from the engine's settings and restart it"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sandbox will run."""

    engine: Engine
    runtime: Runtime
    image: str


class DockerProvider:
    """Opens containers; they and their volumes are labelled `app`, `owner`, `workspace` and `lease`."""

    name = "docker"

    def __init__(self, state: Path, options: ProviderOptions) -> None:
        self._state, self._options = state.absolute(), options
        self._book = LeaseBook(state, self.name)
        self._open: dict[str, DockerSandbox] = {}

    @functools.cached_property
    def _owner(self) -> str:
        return owner_of(self._state)

    def problem(self) -> tuple[str, str] | None:
        """None when an engine answers that can do what is asked of it, and the sandbox image is there."""
        try:
            self._place()
        except MissingTool as error:
            return error.what, error.mend
        except BadInput as error:
            return error.what, error.mend or "change the setting"
        except failures() as error:
            return f"the Docker engine does not work: {error}", "look into the engine's log"
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
        place = await call(self._place)
        lease = await self._book.hold(spec.workspace)
        try:
            box = await self._begin(spec, place, lease)
        except BaseException:
            place.engine.forget()
            lease.release()
            raise
        self._open[spec.workspace] = box
        return box

    async def collect(self, workspace: str, target: Path, limits: TreeLimits) -> Taken:
        """The deliverables of a workspace whose sandbox is closed or dead, as the engine's archive has them."""
        place = await call(self._place)
        async with self._held(workspace) as lease:
            if lease:
                await self._end_last(place.engine, lease)
            volume, image = self._volume(workspace), place.image
            name = f"{volume}-{lease.id if lease else 'open'}-collect"
            try:
                return await call(
                    lambda: containers.collect(place.engine, name, image, volume, target, limits),
                    Cause.sandbox_lost,
                )
            except BrokenArchive as error:
                raise SandboxFault(Cause.sandbox_lost, str(error)) from error

    async def discard(self, workspace: str) -> None:
        """Remove the container and the volume of a workspace. Missing ones are fine."""
        if box := self._open.get(workspace):
            await box.close()
        docker_engine = await call(engine)
        async with self._held(workspace) as lease:
            assert lease is not None
            await self._end_last(docker_engine, lease)
            await call(lambda: containers.remove_volume(docker_engine, self._volume(workspace)))
            lease.release(forget=True)

    async def resources(self) -> tuple[Resource, ...]:
        """All that exists in the engine of this owner, held or not."""
        return await call(lambda: holdings(engine(), self._owner))

    async def remove(self, resource: Resource) -> None:
        """Remove one of `resources`. One that is gone is fine.

        Raises:
            BadInput: It is another owner's.
        """
        if resource.owner != self._owner:
            raise BadInput(f"the {resource.kind} {resource.id} belongs to another owner")
        await call(lambda: remove_holding(engine(), resource))

    def _place(self) -> Place:
        """Where sandboxes run.

        Raises:
            MissingTool: No engine answers, it filters no system calls, or the image is not built.
            BadInput: The options name a runtime or an image that cannot be used.
        """
        found = engine()
        facts = found.facts()
        wanted = self._options.docker_runtime or facts.default_runtime
        runtime = facts.runtimes.get(wanted)
        if runtime is None:
            there = ", ".join(sorted(facts.runtimes))
            raise BadInput(f"the Docker engine has no runtime `{wanted}`", mend=f"it has: {there}")
        if not facts.seccomp and not runtime.gvisor:
            raise MissingTool("the Docker engine filters no system calls of containers", mend=MEND_SECCOMP)
        return Place(found, runtime, find_image(found, self._options.docker_image))

    def _volume(self, workspace: str) -> str:
        return f"upbench-{self._owner}-{workspace}"

    @asynccontextmanager
    async def _held(self, workspace: str) -> AsyncIterator[Lease | None]:
        """Hold a workspace for a while; None where a sandbox of this provider (dead as it may be) holds it."""
        if workspace in self._open:
            yield None
            return
        lease = await self._book.hold(workspace)
        try:
            yield lease
        finally:
            lease.release()

    async def _end_last(self, docker_engine: Engine, lease: Lease) -> None:
        """Remove the container that the last holder of a workspace left."""
        name = lease.note.get("container")
        if isinstance(name, str):
            await call(lambda: containers.remove(docker_engine, name))
            lease.write({})

    async def _begin(self, spec: SandboxSpec, place: Place, lease: Lease) -> DockerSandbox:
        await self._end_last(place.engine, lease)
        plan = await asyncio.to_thread(self._plan, spec, place, lease)
        lease.write({"container": plan.name})
        stream = Demultiplexer()
        wire = stream.wire = Wire(max_reply(spec.limits), stream.said)
        box = DockerSandbox(
            wire,
            spec.limits,
            self._info(place),
            plan.name,
            place.engine,
            functools.partial(self._closed, spec, lease),
        )
        try:
            own = await call(lambda: containers.begin(place.engine, plan))
            await asyncio.get_running_loop().create_unix_connection(lambda: stream, sock=own)
            await wire.started()
        except BaseException:
            await box.close()
            raise
        return box

    def _closed(self, spec: SandboxSpec, lease: Lease, *, removed: bool) -> None:
        """A sandbox is closed; its container is `removed`, or the engine did not answer."""
        self._open.pop(spec.workspace, None)
        if removed:
            lease.note = {}
        lease.release()

    def _plan(self, spec: SandboxSpec, place: Place, lease: Lease) -> Plan:
        copies, empty = self._state / "copies", self._state / "empty"
        if spec.inputs is None:
            empty.mkdir(parents=True, exist_ok=True)
        shown = [(INPUTS, spec.inputs or empty), *((absolute(one.target), one.source) for one in spec.mounts)]
        volume = self._volume(spec.workspace)
        return Plan(
            name=f"{volume}-{lease.id}",
            image=place.image,
            volume=volume,
            arguments=("python3", *ARGUMENTS),
            environment=environment(None),
            binds={target: readable(source, copies) for target, source in shown},
            labels={**spec.labels, **labels_of(self._owner, spec.workspace, lease.id)},
            limits=spec.limits,
            runtime=place.runtime,
        )

    def _info(self, place: Place) -> SandboxInfo:
        facts = place.engine.facts()
        return SandboxInfo(
            provider=self.name,
            version=facts.version,
            image=place.image,
            toolbox=toolbox_digest(),
            runtime=place.runtime.name,
            enforced=containers.enforced(facts, place.runtime),
        )
