"""The attached streams of a container: the engine multiplexes them, the wire wants standard output alone."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

from core import Cause, SandboxFault
from sandbox.supervisor.client import Wire

HEADER = 8
STDOUT, STDERR = 1, 2
KEPT = 2000


class Demultiplexer(asyncio.Protocol):
    """Gives a `Wire` the standard output of an attached container, and keeps the last of its standard error."""

    def __init__(self) -> None:
        self.wire: Wire | None = None
        self._box = bytearray()
        self._errors = b""

    def said(self) -> str:
        """The last of standard error."""
        return self._errors.decode("utf-8", "replace").strip()[-400:]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The stream is there."""
        assert self.wire is not None
        self.wire.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Bytes from the engine: `stream (1 byte), 3 zeros, length (4 bytes)`, then that many."""
        assert self.wire is not None
        box = self._box
        box += data
        at = 0
        while len(box) - at >= HEADER:
            stream, size = box[at], int.from_bytes(box[at + 4 : at + 8], "big")
            if stream not in (0, STDOUT, STDERR) or any(box[at + 1 : at + 4]):
                self.wire.fail(SandboxFault(Cause.sandbox_protocol, "the engine's stream is no stream"))
                return
            end = at + HEADER + size
            if len(box) < end:
                break
            payload = bytes(box[at + HEADER : end])
            at = end
            if stream == STDERR:
                self._errors = (self._errors + payload)[-KEPT:]
            else:
                self.wire.data_received(payload)
        del box[:at]

    def connection_lost(self, exc: Exception | None) -> None:
        """The stream has ended."""
        assert self.wire is not None
        self.wire.connection_lost(exc)


def attach(api: Any, container: str) -> socket.socket:
    """The hijacked socket of a container that is not started yet, as a socket of our own."""
    stream = api.attach_socket(container, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    try:
        own = socket.socket(fileno=os.dup(stream.fileno()))
    finally:
        stream.close()
    own.setblocking(False)
    return own
