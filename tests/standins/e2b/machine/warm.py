"""Serves every kind of request once, so that all that is imported late is imported before a machine is entered.

Inside a machine nothing is left to import from: neither this repository nor the packages it stands on.
"""

from __future__ import annotations

import asyncio
import encodings.idna  # noqa: F401
import json
import pwd
import struct
import tempfile
from pathlib import Path

import uvicorn

from tests.standins.e2b.envd.app import Envd, configured

TOKEN = "warm"


def _request(method: str, path: str, body: bytes, *headers: str) -> bytes:
    rows = [f"{method} {path} HTTP/1.1", "host: envd", "connection: close", f"x-access-token: {TOKEN}"]
    rows += [f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(rows).encode() + body


def _requests(user: str, file: Path) -> list[bytes]:
    rpc = ("content-type: application/json", "connect-protocol-version: 1", "authorization: Basic cm9vdDo=")
    stream = ("content-type: application/connect+json", *rpc[1:])
    start = json.dumps({"process": {"cmd": "/bin/true", "cwd": "/"}}).encode()
    form = b'--b\r\ncontent-disposition: form-data; name="file"; filename="x"\r\n\r\nx\r\n--b--\r\n'
    address = f"/files?path={file}&username={user}"
    return [
        _request("GET", "/health", b""),
        _request("GET", "/metrics", b""),
        _request("POST", "/process.Process/List", b"{}", *rpc),
        _request("POST", "/process.Process/CloseStdin", b'{"process": {"pid": 1}}', *rpc),
        _request("POST", "/filesystem.Filesystem/Stat", b'{"path": "/"}', *rpc),
        _request("POST", "/process.Process/Start", struct.pack(">BI", 0, len(start)) + start, *stream),
        _request("POST", address, form, "content-type: multipart/form-data; boundary=b"),
        _request("POST", address, b"x", "content-type: application/octet-stream"),
        _request("GET", address, b"", "accept-encoding: gzip"),
        _request("GET", address, b""),
    ]


async def _ask(path: str, request: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(request)
    await reader.read()
    writer.close()
    await writer.wait_closed()


async def _serve(folder: Path) -> None:
    import socket

    path = str(folder / "s")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        server = uvicorn.Server(configured(Envd(TOKEN, {})))
        task = asyncio.create_task(server.serve(sockets=[listening]))
        for request in _requests(pwd.getpwuid(0).pw_name, folder / "f"):
            await _ask(path, request)
        server.should_exit = True
        await task


def warm() -> None:
    """Serve and forget."""
    with tempfile.TemporaryDirectory(prefix="e2b-") as folder:
        asyncio.run(_serve(Path(folder)))
