"""The way into sandboxes: finds whose a request is and passes it through to its envd, unbuffered both ways."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from urllib.parse import parse_qsl

import httpx2
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from tests.standins.e2b.fleet import Fleet
from tests.standins.e2b.records import Cut, Sandbox
from tests.standins.e2b.signatures import signed_by

ENVD_PORT = 49983
INSIDE = ("/process.Process/", "/filesystem.Filesystem/", "/files", "/health", "/envs")
_REFUSED = 401
_HOST = re.compile(r"(\d+)-([^.]+)\.")
_OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "upgrade", "date", "server"}


class StreamCut(Exception):
    """A test asked that this answer ends in its middle."""


def _not_found(name: str) -> dict[str, str | int]:
    return {"sandboxId": name, "message": "The sandbox was not found", "code": 502}


def _closed(name: str) -> dict[str, str | int]:
    message = "The sandbox is running but port is not open"
    return {"sandboxId": name, "message": message, "port": ENVD_PORT, "code": 502}


class Edge:
    """Passes requests on."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._clients: dict[str, httpx2.AsyncClient] = {}
        self._open: dict[str, set[asyncio.Task[None]]] = {}
        fleet.on_end = self._forget

    def client(self, sandbox: Sandbox) -> httpx2.AsyncClient:
        """Speaks with a sandbox's envd."""
        if sandbox.id not in self._clients:
            limits = httpx2.Limits(max_connections=None, max_keepalive_connections=8, keepalive_expiry=60)
            transport = httpx2.AsyncHTTPTransport(uds=sandbox.socket, limits=limits)
            self._clients[sandbox.id] = httpx2.AsyncClient(
                transport=transport, base_url="http://envd", timeout=None, trust_env=False
            )
        return self._clients[sandbox.id]

    async def _forget(self, name: str) -> None:
        """A sandbox has ended: keep nothing open for it."""
        self._open.pop(name, None)
        client = self._clients.pop(name, None)
        if client is not None:
            await client.aclose()

    def drop(self, name: str) -> int:
        """Cut every connection into a sandbox; how many there were."""
        tasks = self._open.pop(name, set())
        for task in tasks:
            task.cancel()
        return len(tasks)

    async def close(self) -> None:
        """Close the connections."""
        for name in list(self._open):
            self.drop(name)
        for client in self._clients.values():
            await client.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = Headers(scope=scope)
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        sandbox = self._of(headers, query, scope)
        if sandbox is None or sandbox.state != "running":
            await self._absent(headers, query, scope, receive, send)
            return
        if wait := self._fleet.delays.get("sandbox"):
            await asyncio.sleep(wait)
        task = asyncio.ensure_future(self._pass(sandbox, headers, scope, receive, send))
        self._open.setdefault(sandbox.id, set()).add(task)
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            self._open.get(sandbox.id, set()).discard(task)
        if task.cancelled():
            raise StreamCut
        task.result()

    async def _absent(
        self, headers: Headers, query: Mapping[str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        name = headers.get("e2b-sandbox-id", "")
        body: dict[str, str | int]
        if not name and "signature" in query:
            status, body = _REFUSED, {"code": _REFUSED, "message": "invalid signature"}
        elif not name and scope["path"] == "/files":
            status, body = _REFUSED, {"code": _REFUSED, "message": "missing signature query parameter"}
        else:
            status, body = 502, _not_found(name)
        self._fleet.note(scope["method"], scope["path"], name, status)
        await JSONResponse(body, status)(scope, receive, send)

    def _of(self, headers: Headers, query: Mapping[str, str], scope: Scope) -> Sandbox | None:
        """By header, host name, token or, for a signed address, by who could have signed it."""
        named = headers.get("e2b-sandbox-id")
        if named is None and (match := _HOST.match(headers.get("host", ""))):
            named = match[2]
        ready = [one for one in self._fleet.sandboxes.values() if one.ready]
        if named is not None:
            return next((one for one in ready if one.id == named), None)
        token = headers.get("x-access-token")
        if token is not None:
            return next((one for one in ready if one.token == token), None)
        operation = "read" if scope["method"] == "GET" else "write"
        return next((one for one in ready if signed_by(one.token, operation, query)), None)

    async def _pass(self, sandbox: Sandbox, headers: Headers, scope: Scope, receive: Receive, send: Send) -> None:
        client = self.client(sandbox)
        target = scope["path"] + ("?" + scope["query_string"].decode() if scope["query_string"] else "")
        kept = [(name, value) for name, value in headers.items() if name not in _OF_THE_CONNECTION]
        body = _Body(receive)
        request = client.build_request(scope["method"], target, headers=kept, content=body.parts())
        if "content-length" not in headers and "transfer-encoding" not in headers:
            request = client.build_request(scope["method"], target, headers=kept)
        try:
            response = await client.send(request, stream=True)
        except httpx2.TransportError:
            self._fleet.note(scope["method"], scope["path"], sandbox.id, 502)
            there = sandbox.id in self._fleet.sandboxes
            await JSONResponse(_closed(sandbox.id) if there else _not_found(sandbox.id), 502)(scope, receive, send)
            return
        self._fleet.note(scope["method"], scope["path"], sandbox.id, response.status_code)
        gone = asyncio.ensure_future(body.caller_gone())
        relay = asyncio.ensure_future(self._relay(response, scope["path"], send))
        try:
            await asyncio.wait({gone, relay}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (gone, relay):
                if not task.done():
                    task.cancel()
            await asyncio.gather(gone, relay, return_exceptions=True)
            await response.aclose()
        if not relay.cancelled():
            relay.result()

    async def _relay(self, response: httpx2.Response, path: str, send: Send) -> None:
        cut = next((one for one in self._fleet.cuts if one.left > 0 and one.path in path), None)
        if cut is not None:
            cut.left -= 1
        rows = [
            (name.lower(), value)
            for name, value in response.headers.raw
            if name.decode().lower() not in _OF_THE_CONNECTION
        ]
        await send({"type": "http.response.start", "status": response.status_code, "headers": rows})
        try:
            async for part in _until(response.aiter_raw(), cut):
                await send({"type": "http.response.body", "body": part, "more_body": True})
        except httpx2.TransportError as error:  # the machine ended in the middle
            raise StreamCut from error
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until(parts: AsyncIterator[bytes], cut: Cut | None) -> AsyncIterator[bytes]:
    left = None if cut is None else cut.after
    if cut is not None and cut.after == 0:
        await asyncio.sleep(cut.delay)
        raise StreamCut
    async for part in parts:
        if left is None:
            yield part
            continue
        if cut is not None and len(part) >= left:
            yield part[:left]
            await asyncio.sleep(cut.delay)
            raise StreamCut
        left -= len(part)
        yield part


class _Body:
    """A request's body, and after it the news that the caller went away."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive

    async def parts(self) -> AsyncIterator[bytes]:
        while True:
            message: Message = await self._receive()
            if message["type"] == "http.disconnect":
                raise StreamCut
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body"):
                return

    async def caller_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            continue
