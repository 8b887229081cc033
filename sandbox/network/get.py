"""One GET over a checked connection: no cookies, no keys, no proxy, and a bound on everything that comes back."""

from __future__ import annotations

import asyncio
import functools
import ssl
import zlib
from contextlib import ExitStack
from dataclasses import dataclass

import h11

from sandbox.network.dial import Dialer, NotReached
from sandbox.network.meter import CapReached
from sandbox.network.relay import CHUNK, Counted
from sandbox.network.urls import Url

HEAD_BYTES = 64 * 1024
_HEADERS = (
    (b"User-Agent", b"UpBench"),
    (b"Accept", b"text/html,application/xhtml+xml,*/*;q=0.8"),
    (b"Accept-Encoding", b"gzip"),
    (b"Accept-Language", b"en,*;q=0.5"),
    (b"Connection", b"close"),
)


@dataclass(frozen=True)
class Answer:
    """What a server said. `headers` have lower-case names; `body` is decoded."""

    status: int
    headers: dict[str, str]
    body: bytes
    address: str


async def get(dialer: Dialer, url: Url, counted: Counted, max_bytes: int) -> Answer:
    """Ask for `url` and read the answer to its end. The caller bounds the time.

    Args:
        dialer: Connects.
        url: What is asked for.
        counted: Counts what passes, and the name that is looked up.
        max_bytes: Of the decoded body.

    Raises:
        NotReached: Refused, unreachable, no HTTP, too large, or a cap of the sandbox is reached.
    """
    reached = await dialer.dial(url.host, url.port, counted)
    context, name = (_context(), url.host.text) if url.scheme == "https" else (None, None)
    try:
        with ExitStack() as undo:
            undo.callback(reached.link.close)
            reader, writer = await asyncio.open_connection(
                sock=reached.link, limit=CHUNK, ssl=context, server_hostname=name
            )
            undo.pop_all()
    except ssl.SSLError as error:
        said = getattr(error, "verify_message", "") or error.reason or "no secure connection"
        raise NotReached(f"{url.host.text}: {said}", address=reached.address) from error
    except OSError as error:
        raise NotReached(f"{url.host.text} hung up", address=reached.address) from error
    try:
        return await _ask(reader, writer, url, _Intake(counted, max_bytes, reached.address))
    except (h11.RemoteProtocolError, OSError, zlib.error) as error:
        raise NotReached(f"{url.host.text} broke off its answer", address=reached.address) from error
    except CapReached as cap:
        raise NotReached(str(cap), status=403, address=reached.address) from cap
    finally:
        writer.transport.abort()


class _Intake:
    """Collects a body, counted as it comes and bounded as it is decoded."""

    def __init__(self, counted: Counted, max_bytes: int, address: str) -> None:
        self.counted, self.max_bytes, self.address = counted, max_bytes, address
        self.body = bytearray()
        self._decoder: zlib._Decompress | None = None

    def encoded(self, encoding: str) -> None:
        if encoding in ("gzip", "x-gzip", "deflate"):
            self._decoder = zlib.decompressobj(zlib.MAX_WBITS | 32)
        elif encoding not in ("", "identity"):
            raise NotReached("the answer has an encoding that was not asked for", address=self.address)

    def received(self, data: bytes) -> bytes:
        if len(self.counted.received(data)) < len(data):
            raise self.counted.meter.down_reached()
        return data

    def add(self, data: bytes) -> None:
        while data:
            room = self.max_bytes + 1 - len(self.body)
            if self._decoder is None:
                self.body += data
                data = b""
            else:
                self.body += self._decoder.decompress(data, room)
                data = self._decoder.unconsumed_tail
            if len(self.body) > self.max_bytes:
                raise NotReached(f"it is larger than {self.max_bytes >> 20} MiB", address=self.address)


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: Url, intake: _Intake) -> Answer:
    wire = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES)
    headers = [(b"Host", url.authority.encode()), *_HEADERS]
    head = wire.send(h11.Request(method="GET", target=url.target, headers=headers)) or b""
    end = wire.send(h11.EndOfMessage()) or b""
    if len(intake.counted.sent(head + end)) < len(head + end):
        raise intake.counted.meter.up_reached()
    writer.write(head + end)
    await writer.drain()
    status, found = 0, dict[str, str]()
    while True:
        event = wire.next_event()
        if event is h11.NEED_DATA:
            wire.receive_data(intake.received(await reader.read(CHUNK)))
        elif isinstance(event, h11.Response):
            status = event.status_code
            found = {name.decode(): value.decode("latin-1") for name, value in event.headers}
            intake.encoded(found.get("content-encoding", "").strip().lower())
            length = found.get("content-length", "")
            if length.isdecimal() and int(length) > intake.max_bytes:
                raise NotReached(f"it is larger than {intake.max_bytes >> 20} MiB", address=intake.address)
        elif isinstance(event, h11.Data):
            intake.add(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage):
            return Answer(status, found, bytes(intake.body), intake.address)
        elif not isinstance(event, h11.InformationalResponse):
            raise NotReached(f"{url.host.text} hung up without an answer", address=intake.address)


@functools.cache
def _context() -> ssl.SSLContext:
    import httpx2  # a second to import

    return httpx2.create_ssl_context()
