"""A TCP proxy in a thread of its own, that refuses, cuts, slows and hangs, as networks and servers do."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from tests.support import free_port

CHUNK = 64 * 1024
T = TypeVar("T")


@dataclass
class Faults:
    """What goes wrong now.

    Attributes:
        status: Requests that begin with `status_of` are answered with this status and the server is not asked;
            `status_times` of them.
        cut_after: A connection is broken after so many bytes of one answer (or of one request, with `cut_up`);
            `cut_times` of them.
        lost: The server does what a request of this kind (`POST`) asks, and its answer is lost; `lost_times`.
        rate: Bytes a second in each direction of each connection.
        hang: Nothing is passed on, and nothing is closed.
    """

    status: int | None = None
    status_times: int = 0
    status_of: str = ""
    cut_after: int | None = None
    cut_up: bool = False
    cut_times: int = 0
    lost: str = ""
    lost_times: int = 0
    rate: float | None = None
    hang: bool = False


@dataclass(eq=False)
class _Link:
    """One client's connection. `asking`: the next bytes from the client begin a request after `request`."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    asking: bool = True
    request: str = ""
    passed: int = 0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def cut(self) -> None:
        """Both ends learn of it at once, by a reset."""
        for writer in (self.client, self.server):
            sock = writer.get_extra_info("socket")
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class Proxy:
    """Between clients and the server at `target`; use as a context manager.

    Attributes:
        port: Where clients connect, the same after every `listen`.
        requests: First lines (`PUT /bucket/key`) of all requests, in order. up, down: bytes that went through.
    """

    def __init__(self, target: int, host: str = "127.0.0.1") -> None:
        self.port, self.requests, self.up, self.down = free_port(), list[str](), 0, 0
        self.faults = Faults()
        self._host, self._target = host, target
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def listen(self) -> None:
        """Take connections."""
        self._do(self._listen)

    def refuse(self) -> None:
        """Take no more connections; those that are there are reset."""
        self._do(self._refuse)

    def reset(self) -> None:
        """Break all connections; new ones are taken as before."""
        self._do(self._reset)

    def _do(self, what: Callable[[], Awaitable[T]]) -> T:
        async def doing() -> T:
            return await what()

        return asyncio.run_coroutine_threadsafe(doing(), self._loop).result(timeout=30)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, self._host, self.port, limit=CHUNK)

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._reset()

    async def _reset(self) -> None:
        ending = [task for link in self._links for task in link.tasks]
        for link in list(self._links):
            link.cut()
        await asyncio.gather(*ending, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(writer, server_writer)
        self._links.add(link)
        link.tasks = [
            asyncio.ensure_future(self._up(link, reader)),
            asyncio.ensure_future(self._down(link, server_reader)),
        ]
        await asyncio.gather(*link.tasks, return_exceptions=True)
        self._links.discard(link)

    async def _up(self, link: _Link, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if link.asking:
                    link.asking, link.passed = False, 0
                    link.request = data.split(b" HTTP/", 1)[0].decode(errors="replace")
                    self.requests.append(link.request)
                    if await self._answered(link):
                        return
                self.up += len(data)
                if not await self._pass(link, data, link.server, broken=self.faults.cut_up):
                    return
        link.server.close()

    async def _down(self, link: _Link, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if self._is_lost(link):
                    link.cut()
                    return
                if not link.asking:
                    link.asking, link.passed = True, 0
                self.down += len(data)
                if not await self._pass(link, data, link.client, broken=not self.faults.cut_up):
                    return
        link.client.close()

    async def _pass(self, link: _Link, data: bytes, to: asyncio.StreamWriter, *, broken: bool) -> bool:
        while self.faults.hang and not link.client.is_closing():  # noqa: ASYNC110 - another thread sets it
            await asyncio.sleep(0.02)
        faults = self.faults
        if faults.rate:
            await asyncio.sleep(len(data) / faults.rate)
        link.passed += len(data)
        if broken and faults.cut_after is not None and faults.cut_times and link.passed > faults.cut_after:
            faults.cut_times -= 1
            to.write(data[: max(0, len(data) - (link.passed - faults.cut_after))])
            with suppress(OSError):
                await to.drain()
            link.cut()
            return False
        to.write(data)
        await to.drain()
        return True

    def _is_lost(self, link: _Link) -> bool:
        lost = self.faults.lost_times > 0 and link.request.startswith(self.faults.lost)
        self.faults.lost_times -= lost
        return lost

    async def _answered(self, link: _Link) -> bool:
        faults = self.faults
        meant = faults.status is not None and link.request.startswith(faults.status_of)
        if not meant or not faults.status_times:
            return False
        faults.status_times -= 1
        body = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>later</Message></Error>"
        head = f"HTTP/1.1 {faults.status} Broken\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        link.client.write(head.encode() + body)
        with suppress(OSError):
            await link.client.drain()
        link.client.close()
        link.server.close()
        return True
