"""Text mode: a `Wire` over a transport that carries text only, each frame a line of base64."""

from __future__ import annotations

import asyncio
import binascii
from collections import deque
from collections.abc import Awaitable, Callable

from core import Cause, SandboxFault
from sandbox.supervisor.client import Wire

PIECE = 1 << 18
"""Characters in one sending."""
HIGH, LOW = 4 << 20, 1 << 20
"""Characters that wait to be sent above which requests are held back, and below which they go on."""


class TextLink(asyncio.WriteTransport):
    """Stands between a `Wire` and a transport of text.

    Args:
        wire: Gets the bytes that come, and writes through this; `sandbox_protocol` ends it when what comes is no
            base64.
        send: Sends text to the supervisor's standard input and returns when it is on its way. It is called again
            only then, so the order stays. `OSError` or `SandboxFault` from it end the wire.
    """

    def __init__(self, wire: Wire, send: Callable[[str], Awaitable[None]]) -> None:
        super().__init__()
        self._wire, self._send = wire, send
        self._out: deque[str] = deque()
        self._size = 0
        self._paused = self._over = False
        self._sender: asyncio.Task[None] | None = None
        self._rest = ""
        self._padded = self._skipping = False
        if wire.searching:
            self._push("\n")  # ends a line that was cut when the last harness died
        wire.connection_made(self)

    # What the transport tells

    def feed(self, text: str) -> None:
        """What has come from the supervisor's standard output, cut anywhere."""
        first = True
        for part in text.split("\n"):
            if not first:
                self._end_line()
            first = False
            if part and not self._over:
                self._take(part)

    def lost(self) -> None:
        """The transport has ended."""
        self._wire.connection_lost(None)

    # What the wire calls

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send one frame."""
        self._push(binascii.b2a_base64(data).decode())

    def abort(self) -> None:
        """Send no more."""
        self._over = True
        self._out.clear()
        if self._sender and self._sender is not asyncio.current_task():
            self._sender.cancel()

    def close(self) -> None:
        """Send no more."""
        self.abort()

    def is_closing(self) -> bool:
        """Nothing is sent any more."""
        return self._over

    def _push(self, line: str) -> None:
        if self._over:
            return
        self._out.append(line)
        self._size += len(line)
        if self._size > HIGH and not self._paused:
            self._paused = True
            self._wire.pause_writing()
        if self._sender is None:
            self._sender = asyncio.get_running_loop().create_task(self._pump())

    async def _pump(self) -> None:
        try:
            while self._out:
                await self._send(self._piece())
        except (OSError, SandboxFault) as error:
            self._wire.fail(SandboxFault(Cause.sandbox_lost, str(error)))
        finally:
            self._sender = None

    def _piece(self) -> str:
        """The next that is sent: a part of a long line, or several short ones."""
        found, size = [], 0
        while self._out and size < PIECE:
            line = self._out.popleft()
            if size + len(line) > PIECE:
                self._out.appendleft(line[PIECE - size :])
                line = line[: PIECE - size]
            found.append(line)
            size += len(line)
        self._size -= size
        if self._paused and self._size < LOW:
            self._paused = False
            self._wire.resume_writing()
        return "".join(found)

    def _take(self, part: str) -> None:
        """Part of a line: what is whole of it goes on at once, so that no line is ever held."""
        if self._skipping:
            return
        text = self._rest + part
        whole = len(text) & ~3
        text, self._rest = text[:whole], text[whole:]
        try:
            if self._padded and (text or self._rest):
                raise binascii.Error("more after the end")
            data = binascii.a2b_base64(text, strict_mode=True) if text else b""
        except ValueError:
            self._nonsense()
            return
        self._padded = text.endswith("=")
        self._wire.data_received(data)

    def _end_line(self) -> None:
        if self._rest or not (self._skipping or self._wire.searching or self._wire.between):
            self._nonsense()
        self._rest = ""
        self._padded = self._skipping = False

    def _nonsense(self) -> None:
        """Skip the rest of the line where an earlier connection's leavings are expected."""
        self._skipping = True
        if not self._wire.searching:
            self._wire.fail(SandboxFault(Cause.sandbox_protocol, "a line that is no base64"))
