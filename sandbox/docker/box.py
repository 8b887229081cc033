"""An open container."""

from __future__ import annotations

import asyncio
from typing import Protocol

from core import Cause, SandboxFault
from sandbox.docker.container import remove
from sandbox.docker.engine import Engine, call
from sandbox.protocol import SandboxInfo, SandboxLimits
from sandbox.supervisor.client import Wire
from sandbox.supervisor.session import Session


class Closed(Protocol):
    """Told once that a sandbox is closed."""

    def __call__(self, *, removed: bool) -> None:
        """`removed`: nothing of it runs any more; otherwise the engine did not answer."""
        ...


class DockerSandbox(Session):
    """A sandbox in a container.

    Attributes:
        container: Its name.
    """

    def __init__(
        self, wire: Wire, limits: SandboxLimits, info: SandboxInfo, container: str, engine: Engine, closed: Closed
    ) -> None:
        super().__init__(wire, limits, info)
        self.container = container
        self._engine, self._closed = engine, closed
        self._closing = asyncio.Lock()
        self._ended = False

    async def close(self) -> None:
        """Remove the container with every process in it. The volume stays.

        An engine that does not answer is no error here: what it left is removed before the workspace is used
        again, or by the reaper.
        """
        self._wire.fail(SandboxFault(Cause.sandbox_lost, "the sandbox is closed"))
        async with self._closing:
            if self._ended:
                return
            removed = False
            try:
                await call(lambda: remove(self._engine, self.container))
                removed = True
            except SandboxFault:
                pass
            finally:
                self._ended = True
                self._closed(removed=removed)
