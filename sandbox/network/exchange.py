"""One connection to the gate: what is asked for, the verdict, and the work of carrying it out."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

import h11

from sandbox.network.dial import Dialer, NotReached, Reached, Refused
from sandbox.network.events import NetworkEvent
from sandbox.network.meter import CapReached, Meter
from sandbox.network.names import Host, shown, split_authority
from sandbox.network.plain import again, forward
from sandbox.network.relay import CHUNK, Counted, Silent, Stream, tunnel

HEAD_BYTES = 32 * 1024
HEAD_SECONDS = 15.0
# By status: what the library says shows Python's own notation.
_NO_REQUEST = {
    400: "this is no correct HTTP request",
    431: f"the request's head is larger than {HEAD_BYTES >> 10} KiB",
    501: "chunked is the only transfer encoding that is taken",
}


@dataclass(frozen=True)
class Asked:
    """A request to the gate: where to, and for a plain one what to ask there (path and query)."""

    request: h11.Request
    method: str
    host: Host
    port: int
    path: bytes | None = None


class Exchange:
    """Carries out one connection, and tells of it once.

    Args:
        inside: The connection from the sandbox.
        tell: Takes the audit line at the end.
    """

    def __init__(self, inside: Stream, dialer: Dialer, meter: Meter, tell: Callable[[NetworkEvent], None]) -> None:
        self._inside, self._dialer, self._tell = inside, dialer, tell
        self._counted = Counted(meter)
        self._wire = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        self._started, self._ended = time.monotonic(), 0.0
        self._over = False  # nothing but waiting for the other end to hang up is left to do
        self._event = NetworkEvent(via="gate", method="?", host="", port=0, verdict="refused")

    async def run(self) -> None:
        """Do all of it. Raises nothing but a cancellation."""
        try:
            asked = await self._asked()
            if asked is not None:
                await self._carry_out(asked)
        except NotReached as refusal:
            self._note(verdict=refusal.verdict, reason=refusal.reason, address=refusal.address)
            await self._refuse(refusal)
        except (CapReached, Silent) as cut:
            self._note(reason=f"cut: {cut}")
        except h11.ProtocolError:
            self._note(verdict="failed", reason="broken off: what came is no correct HTTP")
        except OSError as broken:
            said = os.strerror(broken.errno) if broken.errno else "the connection was lost"
            self._note(verdict="failed", reason=f"broken off: {said}")
        except asyncio.CancelledError:
            if not self._over:
                verdict = "allowed" if self._event.verdict == "allowed" else "failed"
                self._note(verdict=verdict, reason="cut: the sandbox was closed")
            raise
        finally:
            self._inside.drop() if self._cut() else self._inside.writer.close()
            if self._event.method != "?" or self._event.reason:
                self._note(
                    up_bytes=self._counted.up,
                    down_bytes=self._counted.down,
                    seconds=round((self._ended or time.monotonic()) - self._started, 3),
                )
                self._tell(self._event)

    async def _asked(self) -> Asked | None:
        """Read the request's head; None when the other end left without asking for anything."""
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                event = self._wire.next_event()
                while event is h11.NEED_DATA:
                    self._wire.receive_data(await self._inside.reader.read(CHUNK))
                    event = self._wire.next_event()
        except TimeoutError as error:
            raise Refused("the request did not come to its end in time", status=408) from error
        except h11.RemoteProtocolError as error:
            status = error.error_status_hint if error.error_status_hint in _NO_REQUEST else 400
            raise Refused(_NO_REQUEST[status], status=status) from error
        if not isinstance(event, h11.Request):
            return None
        return self._understood(event)

    def _understood(self, request: h11.Request) -> Asked:
        method, target = request.method.decode(), request.target.decode("ascii")
        self._event = self._event.model_copy(update={"method": method[:20], "host": shown(target)})
        try:
            if method == "CONNECT":
                host, port, path = *split_authority(target), None
            else:
                host, port, path = _absolute(target)
            _agree(request, host, port)
        except ValueError as error:
            raise Refused(str(error), status=400) from error
        self._note(host=host.text, port=port)
        return Asked(request, method, host, port, path)

    async def _carry_out(self, asked: Asked) -> None:
        try:
            self._counted.meter.check()
        except CapReached as cap:
            raise Refused(str(cap)) from cap
        reached = await self._dialer.dial(asked.host, asked.port, self._counted)
        outside = await _stream(reached)
        try:
            self._note(verdict="allowed", address=reached.address)
            if asked.path is None:
                first, _closed = self._wire.trailing_data
                await self._inside.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await tunnel(self._inside, outside, first, self._counted)
            else:
                request = again(asked.request, asked.host, asked.port, asked.path)
                await forward(self._wire, request, self._inside, outside, self._counted)
        finally:
            outside.drop()
            self._ended = time.monotonic()
        self._over = True
        if asked.path is not None:
            await self._inside.linger()

    async def _refuse(self, refusal: NotReached) -> None:
        """Say why in the status line, for that is what most programs show, and in the body."""
        self._ended, self._over = time.monotonic(), True
        said = f"{refusal.reason}\n".encode("ascii", "replace")
        head = (
            b"HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
            b"X-UpBench-Gate: %s\r\nConnection: close\r\n\r\n"
        )
        body = b"" if self._event.method == "HEAD" else said
        phrase = said.strip().translate(None, b"\r\n\0")
        try:
            if self._counted.down == 0:
                verdict = refusal.verdict.encode()
                await self._inside.send(head % (refusal.status, phrase, len(said), verdict) + body)
            await self._inside.linger()
        except OSError:
            return

    def _cut(self) -> bool:
        return self._event.verdict == "allowed" and bool(self._event.reason)

    def _note(self, **update: object) -> None:
        self._event = self._event.model_copy(update=update)


def _absolute(target: str) -> tuple[Host, int, bytes]:
    """Host, port, and what to ask there, of a plain request.

    Raises:
        ValueError: It is no `http://` address, or names a user.
    """
    try:
        parts = urlsplit(target)
    except ValueError as error:
        raise ValueError(f"{shown(target)} is no address") from error
    if parts.scheme != "http" or not parts.netloc:
        raise ValueError("this is a proxy: ask for http://HOST/PATH, or use CONNECT for everything else")
    if "@" in parts.netloc or "\\" in parts.netloc:
        raise ValueError("addresses with a user name are not taken")
    host, port = split_authority(parts.netloc, 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return host, port, path.encode("ascii")


def _agree(request: h11.Request, host: Host, port: int) -> None:
    """Refuse a request whose headers say something else than its target, or can be read in two ways.

    Raises:
        ValueError: Why.
    """
    names = [name for name, _ in request.headers]
    for name in (b"host", b"content-length", b"transfer-encoding"):
        if names.count(name) > 1:
            raise ValueError(f"more than one header {name.decode()}")
    if b"content-length" in names and b"transfer-encoding" in names:
        raise ValueError("a request has either content-length or transfer-encoding")
    connect = request.method == b"CONNECT"
    if connect and (b"content-length" in names or b"transfer-encoding" in names):
        raise ValueError("CONNECT has no body")
    said = dict(request.headers).get(b"host", b"")
    usual = port if connect else 80
    if said and split_authority(said.decode("ascii", "replace"), usual) != (host, port):
        raise ValueError("the header host names another host than the request")


async def _stream(reached: Reached) -> Stream:
    with ExitStack() as undo:
        undo.callback(reached.link.close)
        stream = Stream(*await asyncio.open_connection(sock=reached.link, limit=CHUNK))
        undo.pop_all()
    return stream
