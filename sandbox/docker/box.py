"""An open container, and what is held for it on this side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from core import Cause, SandboxFault
from sandbox.docker.container import remove
from sandbox.docker.engine import Engine, call
from sandbox.leases.book import Lease
from sandbox.network.gate import Gate
from sandbox.protocol import SandboxInfo, SandboxSpec
from sandbox.shown import Shown
from sandbox.snapshots.take import covered_by
from sandbox.supervisor.client import Wire
from sandbox.supervisor.session import Session
from sandbox.watch import Usage, Watch


class Held:
    """What belongs to one opening: the lease, the copies that are shown, the gate, the container by its name.

    Attributes:
        volume: Of the workspace; the names of its containers begin with it.
    """

    def __init__(
        self, engine: Engine, volume: str, lease: Lease, shown: Shown, closed: Callable[[], None]
    ) -> None:
        self.engine, self.volume, self.lease, self.shown = engine, volume, lease, shown
        self.gate: Gate | None = None
        self._closed = closed
        self._ending = asyncio.Lock()
        self._ended = False

    async def end_container(self) -> None:
        """Remove the container that is written down in the lease, this opening's or its last holder's.

        Raises:
            SandboxFault: The engine refuses, is gone or does not answer.
        """
        name = self.lease.note.get("container")
        if isinstance(name, str) and name.startswith(f"{self.volume}-"):
            await call(lambda: remove(self.engine, name))
        self.lease.note = {}

    async def let_go(self) -> None:
        """End everything. Twice is fine.

        An engine that does not answer is no error: its container stays written down, and is removed before the
        workspace is used again, or by the reaper; its supervisor ends by itself.
        """
        async with self._ending:
            if self._ended:
                return
            self._ended = True
            try:
                await self.end_container()
            except SandboxFault:
                pass
            finally:
                self._closed()
                self.shown.close()
                self.lease.release()
                if self.gate:
                    await self.gate.close()


class DockerSandbox(Session):
    """A sandbox in a container.

    Attributes:
        container: Its name.
    """

    def __init__(self, wire: Wire, spec: SandboxSpec, info: SandboxInfo, container: str, held: Held) -> None:
        super().__init__(wire, spec.limits, info, covered_by(spec))
        self.container = container
        self._held = held
        self._watch: Watch | None = None

    def watch(self, measure: Callable[[], Usage]) -> None:
        """Watch from now on how large the workspace grows."""
        self._watch = Watch(measure, self._limits, self._wire.fail)

    async def close(self) -> None:
        """Remove the container with every process in it. The volume stays."""
        if self._watch:
            self._watch.stop()
        self._wire.fail(SandboxFault(Cause.sandbox_lost, "the sandbox is closed"))
        await self._held.let_go()
