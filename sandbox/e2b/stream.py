"""The supervisor's standard streams, as E2B's SDK carries them, under a `Wire`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from e2b import AsyncCommandHandle, AsyncSandbox, CommandExitException

from core import Cause, SandboxFault
from sandbox.e2b.faults import ERRORS, fault_of
from sandbox.supervisor.client import Wire
from sandbox.supervisor.text import TextLink

OPEN_SECONDS = 60.0  # for a stream to open
SEND_SECONDS = 60.0  # for one piece of input to arrive
END_SECONDS = 10.0
KEPT = 2000
FULL = 96  # `start.sh` ends so when the workspace has outgrown its bounds


class Stream:
    """One connection to a supervisor.

    Attributes:
        wire: Speaks over it.
        pid: Of the command that is the supervisor's first process, as E2B counts.
        exit_code: Of that command, once it has ended; None while it has not, or where nobody knows.
        dropped: The connection broke; the supervisor may live.
    """

    def __init__(self, machine: AsyncSandbox, max_reply: int, token: str | None = None) -> None:
        self.wire = Wire(max_reply, self.said, token)
        self.pid = 0
        self.exit_code: int | None = None
        self.dropped = False
        self._machine = machine
        self._errors = ""
        self._why = ""
        self._link: TextLink | None = None
        self._handle: AsyncCommandHandle[None] | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def over(self) -> bool:
        """Nothing can be sent any more."""
        return self._link is None or self._link.is_closing()

    async def start(self, line: str) -> None:
        """Start a supervisor with a shell line that root runs.

        Raises:
            SandboxFault: E2B did not start it.
        """
        await self._open(
            lambda **options: self._machine.commands.run(
                line, background=True, stdin=True, user="root", cwd="/", **options
            )
        )

    async def join(self, pid: int) -> None:
        """Find the supervisor again that is the command `pid`.

        Raises:
            SandboxFault: There is no such command, or it cannot be reached.
        """
        await self._open(lambda **options: self._machine.commands.connect(pid, **options))

    async def stop(self) -> None:
        """Listen no more. The supervisor is left as it is."""
        if self._watch:
            self._watch.cancel()
        if self._handle:
            await self._handle.disconnect()

    async def ended(self) -> int | None:
        """Wait a little for the command to end; its exit code."""
        if self._watch:
            await asyncio.wait({self._watch}, timeout=END_SECONDS)
        return self.exit_code

    def said(self) -> str:
        """The last of standard error, or why the connection broke."""
        return (self._errors.strip() or self._why)[-400:]

    async def _open(self, call: Callable[..., Awaitable[AsyncCommandHandle[None]]]) -> None:
        options: dict[str, Any] = {"timeout": 0, "request_timeout": OPEN_SECONDS, "retain_output": False}
        early: list[str] = []
        try:
            self._handle = await call(
                on_stdout=lambda text: self._link.feed(text) if self._link else early.append(text),
                on_stderr=self._keep,
                **options,
            )
        except ERRORS as error:
            raise fault_of(error, Cause.sandbox_lost) from error
        self.pid = self._handle.pid
        self._link = TextLink(self.wire, self._send)
        for text in early:
            self._link.feed(text)
        self._watch = asyncio.create_task(self._until_end(self._handle))

    def _keep(self, text: str) -> None:
        self._errors = (self._errors + text)[-KEPT:]

    async def _send(self, text: str) -> None:
        try:
            await self._machine.commands.send_stdin(self.pid, text, request_timeout=SEND_SECONDS)
        except ERRORS as error:
            self.dropped = True
            raise fault_of(error, Cause.sandbox_lost) from error

    async def _until_end(self, handle: AsyncCommandHandle[None]) -> None:
        ending = asyncio.create_task(handle.wait())
        try:
            await asyncio.wait({ending})
        finally:
            ending.cancel()
        # The SDK raises a bare Exception where a stream ends with no word about the command.
        error = None if ending.cancelled() else ending.exception()
        if isinstance(error, CommandExitException):
            self.exit_code = error.exit_code
        elif error is None:
            self.exit_code = 0
        else:
            self.dropped = True
            fault = fault_of(error, Cause.sandbox_lost) if isinstance(error, Exception) else None
            self._why = fault.detail if fault else ""
        if self.exit_code == FULL:
            self.wire.fail(SandboxFault(Cause.workspace_full, self.said()))
        assert self._link is not None
        self._link.lost()


def closed() -> SandboxFault:
    """What the wire of a closed sandbox dies of."""
    return SandboxFault(Cause.sandbox_lost, "the sandbox is closed")
