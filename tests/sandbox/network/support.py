from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from sandbox import NetworkEvent, NetworkPolicy, SandboxLimits, SandboxSpec
from sandbox.network.dial import Outside
from sandbox.network.gate import Gate, open_gate

PUBLIC = "93.184.216.34"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Small(Outside):
    """An internet of a few names and addresses, each served by a loopback port."""

    def __init__(self, names: dict[str, list[str]] | None = None) -> None:
        self.names = names or {}
        self.ports: dict[tuple[str, int], int] = {}
        self.resolved: list[str] = []
        self.peers: dict[int, tuple[str, str]] = {}
        self.lies: dict[str, str] = {}  # address asked for -> address that was really reached

    async def resolve(self, name: str, port: int) -> list[str]:
        self.resolved.append(name)
        if name not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.names[name]

    async def connect(self, address: str, port: int) -> socket.socket:
        if (address, port) not in self.ports:
            raise ConnectionRefusedError(111, "Connection refused")
        link = await super().connect("127.0.0.1", self.ports[address, port])
        self.peers[link.fileno()] = ("10.0.0.7", self.lies.get(address, address))
        return link

    def ends(self, link: socket.socket) -> tuple[str, str]:
        return self.peers[link.fileno()]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """A loopback server; its port."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


def answering(answer: bytes, heard: list[bytes] | None = None) -> Handler:
    """Reads a head, keeps it, answers, hangs up."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            if heard is not None:
                heard.append(head)
            writer.write(answer)
            await writer.drain()
        writer.close()

    return handle


@asynccontextmanager
async def opened(
    folder: Path, policy: NetworkPolicy, outside: Outside, limits: SandboxLimits | None = None, key: str = "w"
) -> AsyncIterator[tuple[Gate, list[NetworkEvent]]]:
    """An open gate and what it told."""
    told: list[NetworkEvent] = []
    spec = SandboxSpec(workspace=key, network=policy, limits=limits or SandboxLimits())
    gate = await open_gate(spec, folder / "gates" / key, told.append, outside=outside)
    assert gate is not None
    try:
        yield gate, told
    finally:
        await gate.close()


async def connect(gate: Gate) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(str(gate.folder / "gate"))


async def ask(gate: Gate, request: bytes, *, seconds: float = 5.0) -> bytes:
    """Send, and read to the end."""
    reader, writer = await connect(gate)
    try:
        writer.write(request)
        async with asyncio.timeout(seconds):
            return await reader.read(-1)
    finally:
        writer.close()
