"""The provider `docker`: a sandbox is a container that runs the supervisor; its `/job` is a named volume."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from core import BadInput, Cause, MissingTool, SandboxFault, UpBenchError
from sandbox.docker import container as containers
from sandbox.docker.archive import BrokenArchive
from sandbox.docker.box import DockerSandbox, Held
from sandbox.docker.engine import Engine, call, engine, failures
from sandbox.docker.facts import HOST_SOCKETS, EngineFacts, Runtime
from sandbox.docker.holdings import holdings, labels_of, remove_holding, volume_of
from sandbox.docker.image import find_image
from sandbox.docker.opening import adopt, start
from sandbox.docker.plan import Plan, make_plan
from sandbox.docker.usage import measure_of
from sandbox.environment import environment
from sandbox.leases.book import LeaseBook
from sandbox.leases.owner import owner_of
from sandbox.network.events import Audit, unheard
from sandbox.network.gate import GATE_FOLDER, Gate, open_gate
from sandbox.network.policy import Network, NetworkPolicy
from sandbox.options import ProviderOptions
from sandbox.places import INPUTS, absolute
from sandbox.protocol import Resource, SandboxInfo, SandboxSpec, Taken, TreeLimits
from sandbox.shown import Shown, copies_in, remove_copy
from sandbox.toolbox import toolbox_digest
from sandbox.tracing import traced_open
from sandbox.trees import remove_tree

MEND_SECCOMP = "use an engine and a kernel with seccomp, or set docker_runtime to gVisor's runsc"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sandbox will run."""

    engine: Engine
    facts: EngineFacts
    runtime: Runtime
    image: str


class DockerProvider:
    """Opens containers; they and their volumes are labelled `app`, `owner`, `workspace` and `lease`."""

    name = "docker"

    def __init__(self, state: Path, options: ProviderOptions) -> None:
        self._state, self._options = state.absolute(), options
        self._copies, self._gates = self._state / "copies" / self.name, self._state / "gates" / self.name
        self._empty = self._state / "empty"
        self._book = LeaseBook(state, self.name)
        self._open: dict[str, DockerSandbox] = {}

    @functools.cached_property
    def _owner(self) -> str:
        return owner_of(self._state)

    def problem(self) -> tuple[str, str] | None:
        """None when an engine answers that can do what is asked of it, and the sandbox image is there.

        Raises:
            BadInput: The options name a runtime or an image that cannot be used.
        """
        try:
            self._place()
        except MissingTool as error:
            return error.what, error.mend
        except failures() as error:
            return f"the Docker engine does not work: {error}", "look into the engine's log"
        return None

    def refuses(self, network: NetworkPolicy) -> str | None:
        """Why this provider cannot enforce a network policy here; None when it can."""
        if network.mode is Network.none:
            return None
        try:
            runtime = self._runtime(engine())
        except UpBenchError:
            return None  # it cannot be used at all, as `problem` says
        except failures():
            return None
        if runtime.host_sockets:
            return None
        how = f"has no way to the gate (start it with {HOST_SOCKETS[0]}=open)"
        return f"the Docker runtime `{runtime.name}` {how}: it cannot enforce the network policy `{network.mode}`"

    @traced_open
    async def open(self, spec: SandboxSpec, *, audit: Audit = unheard) -> DockerSandbox:
        """Open (or open again) the workspace of `spec`, as `SandboxProvider.open` says."""
        if refusal := await call(lambda: self.refuses(spec.network)):
            raise BadInput(refusal)
        place = await call(self._place)
        lease = await self._book.hold(spec.workspace)
        closed = functools.partial(self._closed, spec.workspace)
        held = Held(place.engine, self._volume(spec.workspace), lease, Shown(self._copies), closed)
        opened = None
        try:
            opened = await self._start(spec, place, held, audit)
        finally:
            if opened is None:
                place.engine.forget()
                await held.let_go()
        self._open[spec.workspace] = opened
        return opened

    async def _start(self, spec: SandboxSpec, place: Place, held: Held, audit: Audit) -> DockerSandbox:
        gate = held.gate = await open_gate(spec, self._gates / spec.workspace, audit)
        plan = await asyncio.to_thread(self._plan, spec, place, held)
        info = self._info(place, gate)
        box = await adopt(plan, spec, info, held) or await start(plan, spec, info, held)
        box.watch(await call(lambda: measure_of(place.engine, plan.volume, box.container, spec.limits)))
        if gate:
            await gate.serve_inside(box)
        return box

    async def collect(self, workspace: str, target: Path, limits: TreeLimits) -> Taken:
        """The deliverables of a workspace whose sandbox is closed or dead, as the engine's archive has them."""
        place = await call(self._place)
        volume, image = self._volume(workspace), place.image
        async with self._held(place.engine, workspace) as held:
            name = f"{volume}-{held.lease.id}-collect" if held else f"{volume}-collect"
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
        async with self._held(docker_engine, workspace) as held:
            assert held is not None
            await call(lambda: containers.remove_volume(docker_engine, self._volume(workspace)))
            remove_tree(self._gates / workspace)
            held.lease.release(forget=True)

    @asynccontextmanager
    async def _held(self, docker_engine: Engine, workspace: str) -> AsyncIterator[Held | None]:
        """Hold a workspace whose last container is gone; None where a sandbox of this provider holds it."""
        if workspace in self._open:
            yield None
            return
        lease = await self._book.hold(workspace)
        held = Held(docker_engine, self._volume(workspace), lease, Shown(self._copies), lambda: None)
        try:
            await held.end_container()
            yield held
        finally:
            await held.let_go()

    async def resources(self) -> tuple[Resource, ...]:
        """All of this owner's that exists, held or not: in the engine, and gates and copies of this provider."""
        return await call(lambda: (*holdings(engine(), self._owner), *self._folders()))

    async def remove(self, resource: Resource) -> None:
        """Remove one of `resources`. One that is gone is fine.

        Raises:
            BadInput: It is another owner's.
        """
        if resource.owner != self._owner:
            raise BadInput(f"the {resource.kind} {resource.id} belongs to another owner")
        if resource.kind == "gate":
            await asyncio.to_thread(remove_tree, self._gates / resource.id)
        elif resource.kind == "copy":
            await asyncio.to_thread(remove_copy, self._copies, resource.id)
        else:
            await call(lambda: remove_holding(engine(), resource))

    def _folders(self) -> Iterator[Resource]:
        make = functools.partial(Resource, provider=self.name, owner=self._owner)
        for key in sorted(os.listdir(self._gates)) if self._gates.is_dir() else ():
            yield make(kind="gate", id=key, workspace=key, running=self._book.held(key))
        for name, used in copies_in(self._copies).items():
            yield make(kind="copy", id=name, running=used)

    def _place(self) -> Place:
        """Where sandboxes run.

        Raises:
            MissingTool: No engine answers, it filters no system calls, or the image is not built.
            BadInput: The options name a runtime or an image that cannot be used.
        """
        found = engine()
        runtime = self._runtime(found)
        facts = found.facts()
        if not facts.seccomp and not runtime.gvisor:
            raise MissingTool("the Docker engine cannot filter the system calls of containers", mend=MEND_SECCOMP)
        return Place(found, facts, runtime, find_image(found, self._options.docker_image))

    def _runtime(self, found: Engine) -> Runtime:
        facts = found.facts()
        wanted = self._options.docker_runtime or facts.default_runtime
        if wanted not in facts.runtimes:
            found.forget()
            there = ", ".join(sorted(facts.runtimes)) or "none"
            what = f"the Docker engine has no runtime `{wanted}`"
            raise BadInput(what, field="docker_runtime", mend=f"it has: {there}")
        return facts.runtimes[wanted]

    def _closed(self, workspace: str) -> None:
        self._open.pop(workspace, None)

    def _volume(self, workspace: str) -> str:
        return volume_of(self._owner, workspace)

    def _plan(self, spec: SandboxSpec, place: Place, held: Held) -> Plan:
        if spec.inputs is None:
            self._empty.mkdir(parents=True, exist_ok=True)
        shown = [
            (INPUTS, spec.inputs or self._empty),
            *((absolute(one.target), one.source) for one in spec.mounts),
        ]
        binds = {target: held.shown.path(source) for target, source in shown}
        added: dict[str, str] = {}
        if held.gate:
            binds[GATE_FOLDER], added = held.gate.folder, held.gate.environment
        return make_plan(
            image=place.image,
            runtime=place.runtime,
            volume=self._volume(spec.workspace),
            binds=binds,
            environment=environment(None) | added,
            labels={**spec.labels, **labels_of(self._owner, spec.workspace)},
            lease=held.lease.id,
            limits=spec.limits,
        )

    def _info(self, place: Place, gate: Gate | None) -> SandboxInfo:
        how = containers.enforced(place.facts, place.runtime)
        return SandboxInfo(
            provider=self.name,
            version=place.facts.version,
            image=place.image,
            toolbox=toolbox_digest(),
            runtime=place.runtime.name,
            enforced=how | {"network": "gate" if gate else "namespace"},
        )
