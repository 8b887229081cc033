"""Starting a container, or adopting one whose harness is dead."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from core import SandboxFault
from sandbox.docker.box import DockerSandbox, Held
from sandbox.docker.container import begin, wake
from sandbox.docker.engine import Engine, call, failures, gone
from sandbox.docker.plan import Plan
from sandbox.docker.stream import Demultiplexer, attach
from sandbox.leases.book import DEAD_MAN_SECONDS
from sandbox.places import DELIVERABLES, WORKSPACE
from sandbox.protocol import Command, SandboxInfo, SandboxSpec
from sandbox.supervisor.client import Wire
from sandbox.supervisor.session import max_reply

PULSE_SECONDS = DEAD_MAN_SECONDS / 15
# A link, a file or nothing may be left in a volume where the deliverables' folder is needed. That is mended with
# the sandbox's own rights, before anybody works in it: what a link names is not looked at.
MEND = 'chmod u+rwx "$0"; cd "$0" && if [ -L "$1" ] || [ ! -d "$1" ]; then rm -f "$1"; mkdir "$1"; fi'
REAL_FOLDER = Command(argv=("sh", "-c", MEND, WORKSPACE, DELIVERABLES), cwd="/", timeout_seconds=30)


async def start(plan: Plan, spec: SandboxSpec, info: SandboxInfo, held: Held) -> DockerSandbox:
    """Remove what the last holder left, then make and start the container.

    Raises:
        SandboxFault: It does not start. What was made is written down in the lease.
    """
    await held.end_container()
    held.lease.write({"container": plan.name})
    begun = await call(lambda: begin(held.engine, plan))
    wire = await _connected(begun.stream, spec, None)
    info = info.model_copy(update={"workspace": begun.workspace, "fresh": not begun.used})
    box = DockerSandbox(wire, spec, info, plan.name, held)
    if begun.used:
        await box.run(REAL_FOLDER)
    found = {"container": plan.name, "id": begun.id, "token": wire.token, "workspace": begun.workspace}
    held.lease.write(found)
    return box


async def adopt(plan: Plan, spec: SandboxSpec, info: SandboxInfo, held: Held) -> DockerSandbox | None:
    """The container of the last holder, if it is alive, the one that was written down, and made as `plan` says."""
    note = held.lease.note
    name, made, token = note.get("container"), note.get("id"), note.get("token")
    if not (isinstance(name, str) and isinstance(made, str) and isinstance(token, str)):
        return None
    if not await call(lambda: _is_the_one(held.engine, made, name, plan)):
        return None
    try:
        wire = await _connected(await call(lambda: attach(held.engine.api, made)), spec, token)
    except (SandboxFault, ValueError):
        return None  # it died in this very moment, or does not answer: it is replaced
    workspace = note.get("workspace")
    facts = {"adopted": True, "workspace": workspace if isinstance(workspace, str) else None}
    return DockerSandbox(wire, spec, info.model_copy(update=facts), name, held)


async def _connected(own: socket.socket, spec: SandboxSpec, token: str | None) -> Wire:
    stream = Demultiplexer()
    try:
        wire = stream.wire = Wire(max_reply(spec.limits), stream.said, token)
    except ValueError:
        own.close()
        raise
    await asyncio.get_running_loop().create_unix_connection(lambda: stream, sock=own)
    try:
        await wire.started()
    except asyncio.CancelledError:
        wire.connection_lost(None)
        raise
    wire.keep_alive(PULSE_SECONDS)
    return wire


def _is_the_one(engine: Engine, made: str, name: str, plan: Plan) -> bool:
    try:
        about: dict[str, Any] = engine.api.inspect_container(made)
    except failures() as error:
        if gone(error):
            return False
        raise
    state, labels = about["State"], about["Config"]["Labels"] or {}
    if state["Status"] == "paused":
        wake(engine, made)
        return False
    same = ("owner", "workspace", "plan")
    return (
        state["Status"] == "running"
        and (about["Id"], about["Name"]) == (made, f"/{name}")
        and (about["Image"], about["HostConfig"]["Runtime"]) == (plan.image, plan.runtime.name)
        and all(labels.get(key) == plan.labels[key] for key in same)
    )
