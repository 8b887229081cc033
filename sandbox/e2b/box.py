"""An open cloud sandbox: kept alive while the harness is, found again when the connection breaks, and closed."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path
from typing import Any

from e2b import AsyncSandbox

from core import Blobs, Cause, SandboxFault
from sandbox.e2b import cloud
from sandbox.e2b.faults import ERRORS
from sandbox.e2b.stream import Stream, closed
from sandbox.leases.book import CLOSED_SECONDS, DEAD_MAN_SECONDS, Lease
from sandbox.protocol import Command, CommandResult, SandboxInfo, SandboxSpec, Taken, TreeLimits
from sandbox.snapshots.take import covered_by
from sandbox.snapshots.tree import Kept, Tree
from sandbox.supervisor.session import Session, max_reply

KEEP_SECONDS = DEAD_MAN_SECONDS / 3
RETRY_SECONDS = 20.0
PING_EVERY = 60.0
KILL_SECONDS = 15.0


class E2BSandbox(Session):
    """An open sandbox.

    Attributes:
        machine: The cloud sandbox, as the SDK knows it.
        stream: The connection to its supervisor.
    """

    def __init__(
        self, machine: AsyncSandbox, stream: Stream, spec: SandboxSpec, info: SandboxInfo, lease: Lease
    ) -> None:
        super().__init__(stream.wire, spec.limits, info, covered_by(spec))
        self.machine, self.stream = machine, stream
        self._lease = lease
        self._token = stream.wire.token
        self._mending = asyncio.Lock()
        self._closing: asyncio.Task[None] | None = None
        self._keeper = asyncio.create_task(_keep_alive(machine.sandbox_id))
        stream.wire.keep_alive(PING_EVERY)

    async def run(self, command: Command) -> CommandResult:
        """Run a command to its end or its deadline."""
        await self._mend()
        return await super().run(command)

    async def write(self, path: str, data: bytes) -> None:
        """Write a file below `/job` or `/tmp`, making its folders."""
        await self._mend()
        await super().write(path, data)

    async def read(self, path: str, *, max_bytes: int) -> bytes:
        """Read a regular file of at most `max_bytes`."""
        await self._mend()
        return await super().read(path, max_bytes=max_bytes)

    async def upload(self, source: Path, target: str) -> None:
        """Copy a host file or folder to `target` below `/job` or `/tmp`."""
        await self._mend()
        await super().upload(source, target)

    async def download(self, source: str, target: Path, limits: TreeLimits) -> Taken:
        """Copy a folder's regular files into the host folder `target`."""
        await self._mend()
        return await super().download(source, target, limits)

    async def snapshot(self, before: Tree, store: Blobs) -> Kept:
        """Keep what lies in `/job`, reading only what changed since `before`."""
        await self._mend()
        return await super().snapshot(before, store)

    async def restore(self, tree: Tree, store: Blobs) -> Kept:
        """Put back what was kept, in a workspace that is new."""
        await self._mend()
        return await super().restore(tree, store)

    async def close(self) -> None:
        """End every process of the sandbox. The workspace stays, paused after a while."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._keeper.cancel()
        self._wire.fail(closed())
        try:
            await asyncio.wait([self._keeper])  # nothing puts the end off again, once it is near
            await self.stream.stop()
            # What E2B is not told now, its timer does: the machine is paused, and who opens it next ends the rest.
            with contextlib.suppress(*ERRORS):
                await self.machine.commands.kill(self.stream.pid, request_timeout=KILL_SECONDS)
            with contextlib.suppress(SandboxFault):
                await cloud.live_for(self.machine.sandbox_id, CLOSED_SECONDS)
            with contextlib.suppress(SandboxFault):
                self._lease.write(place_of(self._lease.note))
        finally:
            self._lease.release()

    async def _mend(self) -> None:
        """Where the connection broke and the supervisor did not end, find it again, over a new connection.

        What was under way is lost with the connection: the supervisor drops it, and its caller has been told.

        Raises:
            SandboxFault: The sandbox is lost.
        """
        async with self._mending:
            if not self.stream.over or not self.stream.dropped or self._closing:
                return
            try:
                await self._reconnect()
            except SandboxFault:
                self.stream.dropped = False  # this is not tried again
                raise

    async def _reconnect(self) -> None:
        await self.stream.stop()
        machine = await cloud.connect(self.machine.sandbox_id, Cause.sandbox_lost)
        if machine is None:
            raise SandboxFault(Cause.sandbox_lost, "E2B has no such sandbox any more")
        stream = Stream(machine, max_reply(self._limits), self._token)
        found = False
        try:
            await stream.join(self.stream.pid)
            await stream.wire.started()
            if self._closing:
                raise closed()
            found = True
        finally:
            if not found:
                await stream.stop()
        self.machine, self.stream, self._wire = machine, stream, stream.wire
        stream.wire.keep_alive(PING_EVERY)


def place_of(note: dict[str, Any]) -> dict[str, Any]:
    """What a note says of the machine, without the supervisor that ran in it."""
    return {name: note[name] for name in ("sandbox", "template", "network") if name in note}


async def _keep_alive(sandbox_id: str) -> None:
    """Put the machine's end off as long as this process lives. A sandbox that is gone is noticed elsewhere."""
    pause = KEEP_SECONDS
    keeper = asyncio.current_task()
    while not (keeper and keeper.cancelling()):  # a call that was ending may have kept the cancellation to itself
        await asyncio.sleep(pause * random.uniform(0.75, 1.0))  # noqa: S311
        pause = KEEP_SECONDS
        try:
            await cloud.live_for(sandbox_id, DEAD_MAN_SECONDS)
        except SandboxFault:
            pause = RETRY_SECONDS
