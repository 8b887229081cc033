"""`/files`: reading and writing whole files over HTTP."""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from tests.standins.e2b.envd.entries import METADATA, metadata_of
from tests.standins.e2b.envd.users import UnknownUser, User, user_named
from tests.standins.e2b.signatures import SignatureRefused, check

CHUNK = 1 << 18
GZIP = 31  # zlib's window bits that mean the gzip format
METADATA_HEADER = "x-metadata-"


def refusal(status: int, message: str) -> JSONResponse:
    """An error in envd's words."""
    return JSONResponse({"code": status, "message": message}, status)


class Files:
    """The endpoint; a request carries the sandbox's token, or its address is signed."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def read(self, request: Request) -> Response:
        """One file's bytes, compressed if the caller takes that."""
        user = self._user(request, "read")
        if isinstance(user, Response):
            return user
        return _answer(
            user.resolve(request.query_params.get("path", "")), request.headers.get("accept-encoding", "")
        )

    async def write(self, request: Request) -> Response:
        """One file as the body, or several as a form; folders above are made."""
        user = self._user(request, "write")
        if isinstance(user, Response):
            return user
        path = request.query_params.get("path")
        try:
            if request.headers.get("content-type", "").startswith("application/octet-stream"):
                if not path:
                    return refusal(400, "path is required")
                written = [await _write(user, path, _body(request))]
            else:
                written = await _write_form(user, path, request)
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            return refusal(507 if full else 400 if error.errno == errno.EISDIR else 500, str(error))
        except zlib.error as error:
            return refusal(400, f"error decompressing: {error}")
        return JSONResponse([_described(one, request) for one in written])

    def _user(self, request: Request, operation: str) -> User | Response:
        given = request.headers.get("x-access-token")
        if given is None:
            try:
                check(self._token, operation, request.query_params)
            except SignatureRefused as error:
                return refusal(401, str(error))
        elif given != self._token:
            return refusal(401, "access token present in header but does not match")
        try:
            return user_named(request.query_params.get("username", ""))
        except UnknownUser as error:
            return refusal(401, f"error looking up user '{error}'")


def _answer(path: str, accepted: str) -> Response:
    if not os.path.exists(path):
        return refusal(404, f"path '{path}' does not exist")
    if not os.path.isfile(path):
        kind = "a directory" if os.path.isdir(path) else "not a regular file"
        return refusal(400, f"path '{path}' is {kind}")
    media = "application/octet-stream"
    if "gzip" in accepted and "identity" not in accepted:
        return StreamingResponse(_packed(path), media_type=media, headers={"content-encoding": "gzip"})
    size = os.path.getsize(path)
    return StreamingResponse(_chunks(path, size), media_type=media, headers={"content-length": str(size)})


def _chunks(path: str, size: int) -> Iterator[bytes]:
    """Just `size` bytes: the length was promised, though the file may grow."""
    with open(path, "rb") as stream:
        while size and (data := stream.read(min(CHUNK, size))):
            size -= len(data)
            yield data


def _packed(path: str) -> Iterator[bytes]:
    packer = zlib.compressobj(1, wbits=GZIP)
    for data in _chunks(path, 1 << 62):
        yield packer.compress(data)
    yield packer.flush()


async def _body(request: Request) -> AsyncIterator[bytes]:
    if request.headers.get("content-encoding") != "gzip":
        async for data in request.stream():
            yield data
        return
    unpacker = zlib.decompressobj(GZIP)
    async for data in request.stream():
        yield unpacker.decompress(data)
    yield unpacker.flush()


@contextmanager
def _made(user: User, path: str) -> Iterator[BinaryIO]:
    user.make_folders(os.path.dirname(path))
    with open(path, "wb") as stream:
        user.own(path)
        yield stream


async def _write(user: User, path: str, data: AsyncIterator[bytes]) -> str:
    found = user.resolve(path)
    with _made(user, found) as stream:
        async for part in data:
            stream.write(part)
    return found


async def _write_form(user: User, path: str | None, request: Request) -> list[str]:
    written = []
    async with request.form(max_part_size=1 << 40) as form:
        for part in form.getlist("file"):
            if isinstance(part, str):
                continue
            written.append(await _write(user, path or part.filename or "", _parts(part.read)))
    return written


async def _parts(read: Callable[[int], Any]) -> AsyncIterator[bytes]:
    while data := await read(CHUNK):
        yield data


def _described(path: str, request: Request) -> dict[str, Any]:
    for name in metadata_of(path):
        os.removexattr(path, METADATA + name)
    for name, value in request.headers.items():
        if name.startswith(METADATA_HEADER):
            os.setxattr(path, METADATA + name.removeprefix(METADATA_HEADER), value.encode())
    found = metadata_of(path)
    described: dict[str, Any] = {"name": os.path.basename(path), "type": "file", "path": path}
    return {**described, "metadata": found} if found else described
