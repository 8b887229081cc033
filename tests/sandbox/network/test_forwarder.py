"""The program inside, run here as a plain process on a port of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox import Command, CommandResult, NetworkPolicy
from sandbox.network import forwarder
from sandbox.network import gate as gate_module
from sandbox.network.gate import Gate
from sandbox.protocol import Output
from tests.sandbox.network.support import PUBLIC, Small, opened, serving
from tests.support import free_port

OPEN = NetworkPolicy(mode="open")


def serving_pid(port: int) -> int:
    """The process that listens on `port`."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[-2:-1] == [str(port).encode()] and b"forwarder" in b"".join(words)[:6000]:
            return int(folder.name)
    return 0


def ticks(pid: int) -> int:
    """Hundredths of a second of processor time that a process has used."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(words[11]) + int(words[12])


class Host:
    """Runs the command here instead of in a sandbox, with the folder and the port of the test."""

    def __init__(self, gate: Gate, port: int) -> None:
        self.gate, self.port, self.runs = gate, port, 0

    async def run(self, command: Command) -> CommandResult:
        assert command.keep_background
        self.runs += 1
        words = [sys.executable, *command.argv[1:-2], str(self.gate.folder), str(self.port)]
        process = await asyncio.create_subprocess_exec(*words, stderr=asyncio.subprocess.DEVNULL)
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        return CommandResult(exit_code=code, timed_out=False, seconds=0, stdout=Output(), stderr=Output())


async def tunnel(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    return reader, writer


@pytest.fixture
async def far() -> AsyncIterator[Small]:
    """A server that sends back what it gets, in capitals, until it got all."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data.upper())
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    small = Small({"example.org": [PUBLIC]})
    async with serving(echo) as port:
        small.ports[PUBLIC, 443] = port
        yield small


async def test_bytes_pass_whole_both_ways_and_an_end_is_passed_on(tmp_path: Path, far: Small) -> None:
    async with opened(tmp_path, OPEN, far) as (gate, told):
        port = free_port()
        await gate.serve_inside(Host(gate, port))

        async def one(number: int) -> bool:
            reader, writer = await tunnel(port)
            data = bytes([97 + number % 26]) * 700_000

            async def send() -> None:
                writer.write(data)
                await writer.drain()
                writer.write_eof()

            _, said = await asyncio.gather(send(), reader.read(-1))
            writer.close()
            return said == data.upper()

        assert all(await asyncio.gather(*(one(number) for number in range(20))))
    sent = 700_000 + len("example.org")  # a name that is looked up counts as sent
    assert [(event.up_bytes, event.down_bytes) for event in told] == [(sent, 700_000)] * 20


async def test_one_that_does_not_read_holds_up_nobody(tmp_path: Path, far: Small) -> None:
    async with opened(tmp_path, OPEN, far) as (gate, _):
        port = free_port()
        await gate.serve_inside(Host(gate, port))
        _, lazy = await tunnel(port)
        lazy.write(bytes(8 << 20))
        await asyncio.sleep(0.2)
        reader, writer = await tunnel(port)
        writer.write(b"quick")
        async with asyncio.timeout(60):
            assert await reader.readexactly(5) == b"QUICK"
        pid = serving_pid(port)
        used = ticks(pid)
        await asyncio.sleep(0.5)
        assert ticks(pid) - used < 10, "it does not spin"
        lazy.transport.abort()
        writer.close()


async def test_a_refusal_reaches_a_program_that_sends_much(tmp_path: Path, far: Small) -> None:
    async with opened(tmp_path, OPEN, far) as (gate, _):
        port = free_port()
        await gate.serve_inside(Host(gate, port))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST http://10.0.0.1/ HTTP/1.1\r\nHost: 10.0.0.1\r\nContent-Length: 200000\r\n\r\n")
        writer.write(bytes(200_000))
        said = await reader.read(-1)
        assert said.startswith(b"HTTP/1.1 403 10.0.0.1 is not on the public internet\r\n")
        writer.close()


async def test_it_is_started_again_and_ends_with_the_gate(
    tmp_path: Path, far: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_module, "RESTART_SECONDS", 0.1)
    port = free_port()
    async with opened(tmp_path, OPEN, far) as (gate, _):
        host = Host(gate, port)
        await gate.serve_inside(host)
        first = serving_pid(port)
        assert first
        os.kill(first, signal.SIGKILL)
        for _ in range(100):
            try:
                _, writer = await tunnel(port)
            except ConnectionError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                break
        second = serving_pid(port)
        assert second not in (0, first)
        assert host.runs == 2
    for _ in range(100):
        if serving_pid(port) == 0:
            break
        await asyncio.sleep(0.05)
    assert serving_pid(port) == 0


async def test_a_taken_port_is_the_agents_own_doing(tmp_path: Path, far: Small) -> None:
    port = free_port()
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        async with opened(tmp_path, OPEN, far) as (gate, _):
            host = Host(gate, port)
            begun = time.monotonic()
            await gate.serve_inside(host)
            assert time.monotonic() - begun >= forwarder.RETRY_SECONDS
            squatter.close()
            for _ in range(100):  # once the port is free it is taken after all
                if host.runs > 1 and serving_pid(port):
                    break
                await asyncio.sleep(0.05)
            assert host.runs > 1
