"""A plain HTTP request through the gate: read, and written anew, so that both ends see the same one request."""

from __future__ import annotations

from collections.abc import Iterable

import h11

from sandbox.network.dial import NotReached
from sandbox.network.names import Host
from sandbox.network.relay import CHUNK, Counted, Stream, both

# RFC 9110 7.6.1, and what only concerns a proxy.
_HOP_BY_HOP = {
    b"connection",
    b"keep-alive",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"upgrade",
    b"http2-settings",
}
HEAD_BYTES = 64 * 1024
Headers = list[tuple[bytes, bytes]]


def again(request: h11.Request, host: Host, port: int, path: bytes) -> h11.Request:
    """The request as the other end is asked: for `path`, with a `Host` made of the checked target."""
    name = f"[{host.text}]" if ":" in host.text else host.text
    said = name if port == 80 else f"{name}:{port}"
    kept = [(key, value) for key, value in _end_to_end(request.headers) if key != b"host"]
    headers = [(b"Host", said.encode()), *kept, (b"Connection", b"close")]
    return h11.Request(method=request.method, target=path, headers=headers)


async def forward(
    wire: h11.Connection, request: h11.Request, inside: Stream, outside: Stream, counted: Counted
) -> None:
    """Carry one request out and its response back. A redirect is a response like any other.

    Args:
        wire: The sandbox's connection, its request's head read.
        request: As the other end is asked.
        inside: The connection from the sandbox.
        outside: The connection to the other end.
        counted: Counts what passes, heads included.

    Raises:
        NotReached: The other end does not answer in HTTP.
        CapReached, Silent, OSError, h11.ProtocolError: Why it was cut.
    """
    far = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES)
    way = _Way(wire, far, inside, outside, counted)
    await way.send_up(far.send(request))
    await both(counted, way.up(), way.down(), until_down=True)


class _Way:
    """Both directions of one request, each event read by one h11 connection and written by the other."""

    def __init__(
        self, wire: h11.Connection, far: h11.Connection, inside: Stream, outside: Stream, counted: Counted
    ) -> None:
        self._wire, self._far, self._counted = wire, far, counted
        self._inside, self._outside = inside, outside
        self._answered = False

    async def send_up(self, data: bytes | None) -> None:
        granted = self._counted.sent(data or b"")
        await self._outside.send(granted)
        if len(granted) < len(data or b""):
            raise self._counted.meter.up_reached()
        self._counted.touch()

    async def up(self) -> None:
        while True:
            event = self._wire.next_event()
            if event is h11.NEED_DATA:
                self._wire.receive_data(await self._inside.reader.read(CHUNK))
            elif isinstance(event, h11.Data):
                await self.send_up(self._far.send(h11.Data(data=event.data)))
            elif isinstance(event, h11.EndOfMessage):
                await self.send_up(self._far.send(h11.EndOfMessage(headers=_end_to_end(event.headers))))
                return
            else:  # the sandbox hung up
                return

    async def down(self) -> None:
        while True:
            try:
                event = self._far.next_event()
                if event is h11.NEED_DATA:
                    self._far.receive_data(await self._outside.reader.read(CHUNK))
                    continue
            except h11.RemoteProtocolError as error:
                if self._answered:
                    raise
                raise NotReached("the server does not answer in HTTP") from error
            if isinstance(event, h11.InformationalResponse):
                await self._send_down(h11.InformationalResponse, event)
            elif isinstance(event, h11.Response):
                self._answered = True
                await self._send_down(h11.Response, event)
            elif isinstance(event, h11.Data):
                await self._pass(self._wire.send(h11.Data(data=event.data)))
            elif isinstance(event, h11.EndOfMessage):
                await self._pass(self._wire.send(h11.EndOfMessage(headers=_end_to_end(event.headers))))
                return
            else:
                raise NotReached("the server hung up without an answer")

    async def _send_down(
        self,
        kind: type[h11.Response] | type[h11.InformationalResponse],
        event: h11.Response | h11.InformationalResponse,
    ) -> None:
        headers = _end_to_end(event.headers)
        if kind is h11.Response:
            headers.append((b"Connection", b"close"))
        again = kind(status_code=event.status_code, headers=headers, reason=event.reason)
        await self._pass(self._wire.send(again))

    async def _pass(self, data: bytes | None) -> None:
        granted = self._counted.received(data or b"")
        await self._inside.send(granted)
        if len(granted) < len(data or b""):
            raise self._counted.meter.down_reached()
        self._counted.touch()


def _end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Headers without those that concern one hop only, by name or because `Connection` lists them."""
    found = list(headers)
    listed = {word.strip().lower() for name, value in found if name == b"connection" for word in value.split(b",")}
    # Framing and the host may be listed there to take them away on the way: they stay.
    dropped = (_HOP_BY_HOP | listed) - {b"host", b"content-length", b"transfer-encoding"}
    return [(name, value) for name, value in found if name not in dropped and not name.startswith(b"proxy-")]
