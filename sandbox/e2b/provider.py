"""The provider `e2b`: a sandbox is a cloud machine, whose disk is the workspace and outlives it, paused."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from e2b import AsyncSandbox, SandboxState

from core import BadInput, Cause, MissingTool, SandboxFault, digest_of
from sandbox.e2b import cloud
from sandbox.e2b.box import E2BSandbox, place_of
from sandbox.e2b.pack import program_folder, shown_digest, toolbox_folder
from sandbox.e2b.stage import Stage, end_all
from sandbox.e2b.stream import Stream
from sandbox.e2b.templates import Templates
from sandbox.leases.book import Lease, LeaseBook
from sandbox.leases.owner import NAME, owner_of
from sandbox.network.events import Audit, unheard
from sandbox.network.policy import Network, NetworkPolicy
from sandbox.options import ProviderOptions
from sandbox.places import DELIVERABLES
from sandbox.protocol import Resource, SandboxInfo, SandboxLimits, SandboxSpec, Taken, TreeLimits
from sandbox.supervisor.session import max_reply
from sandbox.toolbox import toolbox_digest
from sandbox.tracing import traced_open

NO_KEY = ("E2B_API_KEY is not set", "export E2B_API_KEY=...")
# What outgrew its bounds is collected all the same.
UNWATCHED = SandboxLimits(workspace_bytes=1 << 60, workspace_files=1 << 60)
ODD_KEY = ("E2B_API_KEY holds what no key has (a line end?)", "export E2B_API_KEY=... again")
DEBUG = ("E2B_DEBUG is set, with which all sandboxes are one process of this machine", "unset E2B_DEBUG")
ENFORCED = {
    "wall": "supervisor",
    "output": "supervisor",
    "memory": "rlimit",
    "processes": "rlimit",
    "file": "rlimit",
    "open_files": "rlimit",
    "cpus": "provider",
    "workspace": "watched",
    "syscalls": "provider",
}


def _lack() -> tuple[str, str] | None:
    """What can be seen to be missing without asking E2B."""
    if os.environ.get("E2B_DEBUG", "").lower() == "true":
        return DEBUG
    key = os.environ.get("E2B_API_KEY")
    if not key:
        return NO_KEY
    # No header can carry it, and what the SDK says then holds the key itself.
    return None if re.fullmatch(r"[!-~]+", key) else ODD_KEY


class E2BProvider:
    """Opens cloud sandboxes, labelled `app`, `owner`, `workspace`, `lease`, and as their spec says."""

    name = "e2b"

    def __init__(self, state: Path, options: ProviderOptions) -> None:
        self._state, self._options = state.absolute(), options
        self._book = LeaseBook(self._state, self.name)
        self._templates = Templates(options.e2b_template)
        self._open_here: WeakValueDictionary[str, E2BSandbox] = WeakValueDictionary()

    def problem(self) -> tuple[str, str] | None:
        """None when there is a key that E2B accepts; it is asked once. Waits."""
        return _lack() or cloud.key_problem(os.environ["E2B_API_KEY"])

    def refuses(self, network: NetworkPolicy) -> str | None:
        """Why this provider cannot enforce a network policy here; None when it can."""
        ports = [rule for rule in network.domains if ":" in rule]
        if not ports:
            return None
        return f"the sandbox provider e2b cannot bind a domain to a port: {', '.join(ports)}"

    @traced_open
    async def open(self, spec: SandboxSpec, *, audit: Audit = unheard) -> E2BSandbox:
        """Open (or open again) the workspace of `spec`, as `SandboxProvider.open` says.

        E2B tells nobody what a machine asks for, so the audit stays empty.

        Raises:
            SandboxFault: With the cause `sandbox_lost`, once: the machine that held the workspace is gone.
        """
        if refusal := self.refuses(spec.network):
            raise BadInput(refusal)
        if problem := _lack():
            raise MissingTool(problem[0], mend=problem[1])
        shown = await asyncio.to_thread(_shown, spec)
        lease = await self._book.hold(spec.workspace)
        opened = False
        try:
            box = self._open_here[spec.workspace] = await self._open(spec, shown, lease)
            opened = True
            return box
        finally:
            if not opened:
                lease.release()

    async def collect(self, workspace: str, target: Path, limits: TreeLimits) -> Taken:
        """The deliverables of a workspace whose sandbox is closed or dead, read by a supervisor of its own."""
        spec = SandboxSpec(workspace=workspace, limits=UNWATCHED)
        lease = await self._book.hold(workspace)
        known = bool(lease.note)
        box = None
        try:
            if not known and not await cloud.find(self._labels(workspace)):
                raise FileNotFoundError(2, "No such workspace", workspace)
            known = True
            box = await self._open(spec, _shown(spec), lease)
            return await box.download(DELIVERABLES, target, limits)
        finally:
            if box:
                await box.close()
            lease.release(forget=not known)

    async def discard(self, workspace: str) -> None:
        """Remove the machines of a workspace. Missing ones are fine."""
        if box := self._open_here.get(workspace):
            await box.close()
        lease = await self._book.hold(workspace)
        gone = not lease.note  # nothing is written down that could be lost
        try:
            for found in await cloud.find(self._labels(workspace)):
                await cloud.kill(found.sandbox_id)
            gone = True
        finally:
            lease.release(forget=gone)

    async def resources(self) -> tuple[Resource, ...]:
        """All machines of this owner's, running or paused. Raises `MissingTool` without a key."""
        if not (self._state / NAME).exists():
            return ()
        if problem := _lack():
            raise MissingTool(problem[0], mend=problem[1])
        found = []
        for one in await cloud.find({"app": "upbench", "owner": owner_of(self._state)}):
            labels = one.metadata
            found.append(
                Resource(
                    provider=self.name,
                    kind="sandbox",
                    id=one.sandbox_id,
                    workspace=labels.get("workspace"),
                    owner=labels["owner"],
                    run=labels.get("run", ""),
                    trial=labels.get("trial", ""),
                    lease=labels.get("lease", ""),
                    running=one.state is SandboxState.RUNNING,
                )
            )
        return tuple(found)

    async def remove(self, resource: Resource) -> None:
        """Remove one of `resources`. One that is gone is fine.

        Raises:
            BadInput: It is another owner's.
        """
        if resource.owner != owner_of(self._state):
            raise BadInput(f"the {resource.kind} {resource.id} belongs to another owner")
        await cloud.kill(resource.id)

    def _labels(self, workspace: str) -> dict[str, str]:
        return {"app": "upbench", "owner": owner_of(self._state), "workspace": workspace}

    async def _open(self, spec: SandboxSpec, shown: str, lease: Lease) -> E2BSandbox:
        async with self._machine(spec, lease) as (machine, stage, fresh):
            wanted = digest_of(_facts(spec, shown, stage.template))
            stream = None if fresh else await _adopt(machine, spec, lease.note, wanted)
            adopted = stream is not None
            if stream is None:
                if not fresh:
                    await self._clear(machine, spec, lease)
                stream = await stage.start(machine, spec, shown, fresh=fresh)
            found = {"pid": stream.pid, "token": stream.wire.token, "spec": wanted}
            lease.write({**place_of(lease.note), **found, "network": _network(spec)})
            info = _info(spec, stage.template).model_copy(
                update={"adopted": adopted, "workspace": machine.sandbox_id, "fresh": fresh}
            )
            return E2BSandbox(machine, stream, spec, info, lease)

    @asynccontextmanager
    async def _machine(self, spec: SandboxSpec, lease: Lease) -> AsyncIterator[tuple[AsyncSandbox, Stage, bool]]:
        """The workspace's machine, what is known of its template, and whether it is new.

        A new one is removed where the block does not get to its end; in another one nothing is left running.
        """
        machine, template = await self._known(spec, lease)
        fresh = machine is None
        if machine is None:
            lease.write({"asked": True})
            labels = {**spec.labels, **self._labels(spec.workspace), "lease": lease.id}
            rate = self._options.e2b_creations_per_second
            machine, template = await self._templates.create(labels, spec.network, rate, lease.id)
            lease.write({"sandbox": machine.sandbox_id, "template": template, "network": _network(spec)})
        done = False
        try:
            yield machine, self._templates.stage(template), fresh
            done = True
        finally:
            if not done:
                with contextlib.suppress(SandboxFault):
                    if fresh:
                        await cloud.kill(machine.sandbox_id)
                        lease.write({})
                    else:
                        await end_all(machine)

    async def _known(self, spec: SandboxSpec, lease: Lease) -> tuple[AsyncSandbox | None, str]:
        """The machine that the last holder noted, or asked for and did not come to note."""
        note = lease.note
        name, template = note.get("sandbox"), str(note.get("template", ""))
        if isinstance(name, str):
            machine = await cloud.connect(name)
            if machine is None:
                lease.write({})
                what = f"the E2B sandbox {name}, which held the workspace {spec.workspace}, is gone"
                raise SandboxFault(Cause.sandbox_lost, what)
            return machine, template
        for one in await cloud.find(self._labels(spec.workspace)) if note else ():
            machine = await cloud.connect(one.sandbox_id)
            if machine is not None:
                template = one.name or one.template_id
                lease.write({"sandbox": one.sandbox_id, "template": template})
                return machine, template
        return None, template

    async def _clear(self, machine: AsyncSandbox, spec: SandboxSpec, lease: Lease) -> None:
        """End what a dead harness left running, and bring the machine's network in line with the spec."""
        await end_all(machine)
        if lease.note.get("network") != _network(spec):
            await cloud.set_network(machine.sandbox_id, spec.network)


async def _adopt(machine: AsyncSandbox, spec: SandboxSpec, note: dict[str, Any], wanted: str) -> Stream | None:
    """The connection to a supervisor that a dead harness started with the same spec; None where there is none."""
    pid, token = note.get("pid"), note.get("token")
    if note.get("spec") != wanted or not isinstance(pid, int) or not isinstance(token, str):
        return None
    stream = None
    try:
        stream = Stream(machine, max_reply(spec.limits), token)
        await stream.join(pid)
        await stream.wire.started()
        found, stream = stream, None
        return found
    except (SandboxFault, ValueError):
        return None  # it has ended, or does not answer: another one takes its place
    finally:
        if stream:
            await stream.stop()


def _shown(spec: SandboxSpec) -> str:
    return shown_digest(spec) if spec.inputs is not None or spec.mounts else "none"


def _network(spec: SandboxSpec) -> Any:
    return spec.network.model_dump(mode="json")


def _facts(spec: SandboxSpec, shown: str, template: str) -> dict[str, Any]:
    """What a supervisor was started with: one that was started otherwise is not adopted."""
    return {
        "program": program_folder(),
        "toolbox": toolbox_folder(),
        "template": template,
        "shown": shown,
        "limits": spec.limits.model_dump(mode="json"),
        "network": _network(spec),
    }


def _info(spec: SandboxSpec, template: str) -> SandboxInfo:
    alone = spec.network.mode is Network.none
    return SandboxInfo(
        provider="e2b",
        version=version("e2b"),
        image=template,
        toolbox=toolbox_digest(),
        enforced={**ENFORCED, "network": "namespace"} if alone else {**ENFORCED, "network": "provider"},
    )
