from __future__ import annotations

import asyncio
import socket
import struct
from pathlib import Path

import pytest

from sandbox import NetworkPolicy
from tests.sandbox.network.support import PUBLIC, Small, answering, ask, opened, serving

OPEN = NetworkPolicy(mode="open")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (b"CONNECT \xff\x00 HTTP/1.1\r\n\r\n", "this is no correct HTTP request"),
        (b"GET http://example.org/" + b"a" * 40_000, "the request's head is larger than 32 KiB"),
        (
            b"POST http://example.org/ HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: gzip\r\n\r\n",
            "chunked is the only transfer encoding that is taken",
        ),
    ],
)
async def test_what_is_no_request_is_told_in_plain_words(tmp_path: Path, request_: bytes, reason: str) -> None:
    async with opened(tmp_path, OPEN, Small()) as (gate, told):
        said = await ask(gate, request_)
    assert said.split(b"\r\n")[0].endswith(reason.encode())
    assert [event.reason for event in told] == [reason]


async def test_what_breaks_off_is_told_in_plain_words(tmp_path: Path) -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        link = writer.get_extra_info("socket")
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    small = Small({"example.org": [PUBLIC]})
    head = b"POST http://example.org/ HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with (
        serving(answering(OK)) as ok,
        serving(reset) as resets,
        opened(tmp_path, OPEN, small) as (gate, told),
    ):
        small.ports = {(PUBLIC, 80): ok, (PUBLIC, 443): resets}
        await ask(gate, head + b"\x16\x03 no length\r\n")
        await ask(gate, b"CONNECT example.org:443 HTTP/1.1\r\nHost:\r\n\r\nhello\r\n\r\n")
    assert [event.reason for event in told] == [
        "broken off: what came is no correct HTTP",
        "broken off: Connection reset by peer",
    ]
