from __future__ import annotations

import asyncio
import os
import re
import stat
import sys
import tempfile
from pathlib import Path

import pytest

from sandbox import NetworkPolicy, SandboxLimits, SandboxSpec, unheard
from sandbox.network import dial, relay
from sandbox.network import gate as gate_module
from sandbox.network.gate import open_gate
from tests.sandbox.network.support import PUBLIC, Small, answering, ask, connect, opened, serving
from tests.support import lacking

ALLOW = NetworkPolicy(mode="allow", domains=("example.org", "*.example.org"))
OPEN = NetworkPolicy(mode="open")
PYTHON = re.compile(r"bytearray|\bb['\"]|\[Errno|\\\\x|['\"]>")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


async def test_no_gate_without_a_network(tmp_path: Path) -> None:
    assert await open_gate(SandboxSpec(workspace="w"), tmp_path / "g", unheard) is None
    assert not (tmp_path / "g").exists()


async def test_a_tunnel_carries_bytes_both_ways_and_is_told(tmp_path: Path) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data.upper())
        writer.close()

    small = Small({"example.org": ["10.0.0.1", PUBLIC]})
    async with serving(echo) as port, opened(tmp_path, ALLOW, small) as (gate, told):
        small.ports[PUBLIC, 443] = port
        reader, writer = await connect(gate)
        writer.write(b"CONNECT EXAMPLE.org.:443 HTTP/1.1\r\nHost: example.org\r\n\r\nearly ")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        writer.write(b"and late")
        writer.write_eof()
        assert await reader.read(-1) == b"EARLY AND LATE"
        writer.close()
    assert len(told) == 1
    event = told[0]
    assert (event.verdict, event.method, event.host, event.port) == ("allowed", "CONNECT", "example.org", 443)
    assert (event.address, event.up_bytes, event.down_bytes) == (PUBLIC, 14 + len("example.org"), 14)
    assert event.reason == ""


async def test_a_plain_request_goes_out_once_with_its_own_headers(tmp_path: Path) -> None:
    heard: list[bytes] = []
    small = Small({"example.org": [PUBLIC]})
    async with serving(answering(OK, heard)) as port, opened(tmp_path, ALLOW, small) as (gate, told):
        small.ports[PUBLIC, 80] = port
        said = await ask(
            gate,
            b"GET http://example.org/a?b=c HTTP/1.1\r\nHost: example.org\r\nProxy-Authorization: Basic eA==\r\n"
            b"Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nX-Kept: 2\r\n\r\n"
            b"GET http://second.example.org/ HTTP/1.1\r\nHost: second.example.org\r\n\r\n",
        )
    assert said.startswith(b"HTTP/1.1 200 OK\r\n")
    assert said.endswith(b"\r\n\r\nhello")
    assert b"connection: close" in said.lower()
    assert len(heard) == 1
    assert heard[0].startswith(b"GET /a?b=c HTTP/1.1\r\nHost: example.org\r\n")
    for gone in (b"proxy-", b"x-hop", b"keep-alive", b"second"):
        assert gone not in heard[0].lower()
    assert b"x-kept: 2" in heard[0].lower()
    assert [event.host for event in told] == ["example.org"]


async def test_a_redirect_comes_back_to_the_gate(tmp_path: Path) -> None:
    to_metadata = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    small = Small({"example.org": [PUBLIC]})
    async with serving(answering(to_metadata)) as port, opened(tmp_path, OPEN, small) as (gate, told):
        small.ports[PUBLIC, 80] = port
        said = await ask(gate, b"GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 302 ")
        assert b"http://169.254.169.254/" in said
        said = await ask(gate, b"GET http://169.254.169.254/ HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 403 169.254.169.254 is not on the public internet\r\n")
    assert [event.verdict for event in told] == ["allowed", "refused"]


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("other.org:443", "other.org:443 is not among the allowed domains"),
        ("example.org:22", "not among"),
        ("evilexample.org:443", "not among"),
        ("8.8.8.8:443", "not among"),
        ("example.org@other.org:443", "not a domain name"),
        ("private.example.org:443", "private.example.org is not on the public internet"),
        ("mixed6.example.org:443", "not on the public internet"),
    ],
)
async def test_what_is_not_allowed_is_refused_with_a_reason(tmp_path: Path, target: str, why: str) -> None:
    small = Small({"private.example.org": ["10.1.2.3"], "mixed6.example.org": ["::ffff:127.0.0.1", "fd00::1"]})
    async with opened(tmp_path, ALLOW, small) as (gate, told):
        said = await ask(gate, f"CONNECT {target} HTTP/1.1\r\nHost:\r\n\r\n".encode())
    assert why.encode() in said.split(b"\r\n")[0]
    assert said.split()[1] in (b"403", b"400")
    assert [event.verdict for event in told] == ["refused"]
    assert why in told[0].reason


async def test_an_address_is_checked_again_after_connecting(tmp_path: Path) -> None:
    small = Small({"example.org": [PUBLIC], "own.example.org": ["93.184.216.35"]})
    small.lies = {PUBLIC: "169.254.169.254", "93.184.216.35": "10.0.0.7"}
    async with serving(answering(OK)) as port, opened(tmp_path, ALLOW, small) as (gate, told):
        small.ports = {(PUBLIC, 443): port, ("93.184.216.35", 443): port}
        for host in ("example.org", "own.example.org"):
            said = await ask(gate, f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
            assert said.startswith(b"HTTP/1.1 403 ")
    assert [event.verdict for event in told] == ["refused", "refused"]
    assert told[0].address == "169.254.169.254"


async def test_a_name_is_resolved_once(tmp_path: Path) -> None:
    small = Small({"example.org": [PUBLIC]})
    async with serving(answering(OK)) as port, opened(tmp_path, ALLOW, small) as (gate, _):
        small.ports[PUBLIC, 80] = port
        await ask(gate, b"GET http://example.org/ HTTP/1.0\r\n\r\n")
    assert small.resolved == ["example.org"]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET http://example.org/ HTTP/1.1\r\nHost: other.org\r\n\r\n",
        b"GET http://example.org/ HTTP/1.1\r\nHost: example.org:8080\r\n\r\n",
        b"GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\nHost: example.org\r\n\r\n",
        b"GET http://example.org/ HTTP/1.1\r\n\r\n",
        b"POST http://example.org/ HTTP/1.1\r\nHost: example.org\r\nContent-Length: 1\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST http://example.org/ HTTP/1.1\r\nHost: example.org\r\nContent-Length: 1\r\n"
        b"Content-Length: 2\r\n\r\nab",
        b"POST http://example.org/ HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: xchunked\r\n\r\n",
        b"POST http://example.org/ HTTP/1.1\r\nHost: example.org\r\nContent-Length: +1\r\n\r\na",
        b"GET http://user:pw@example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n",
        b"GET https://example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n",
        b"GET file:///etc/passwd HTTP/1.1\r\nHost: example.org\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
        b"GET http://example.org\\@other.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n",
        b"CONNECT example.org HTTP/1.1\r\nHost: example.org\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\nContent-Length: 3\r\n\r\nabc",
        b"CONNECT example.org:0 HTTP/1.1\r\nHost: example.org\r\n\r\n",
        b"CONNECT example.org:65536 HTTP/1.1\r\nHost: example.org\r\n\r\n",
        b"GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\nA: b\r\n c\0: d\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100) + b"\r\n\r\n",
        b"GET http://example.org/" + b"a" * 40_000,
    ],
)
async def test_what_can_be_read_in_two_ways_is_refused(tmp_path: Path, request_: bytes) -> None:
    small = Small({"example.org": [PUBLIC]})
    heard: list[bytes] = []
    async with serving(answering(OK, heard)) as port, opened(tmp_path, OPEN, small) as (gate, told):
        small.ports = {(PUBLIC, 80): port, (PUBLIC, 443): port}
        said = await ask(gate, request_)
    assert said.split()[1] in (b"400", b"431", b"501"), said
    assert heard == []
    assert [event.verdict for event in told] == ["refused"]
    assert not PYTHON.search(told[0].reason)
    assert told[0].reason.encode() == said.split(b"\r\n")[0].split(b" ", 2)[2]


@pytest.mark.parametrize(
    ("answer", "status"),
    [(b"", 502), (b"SSH-2.0-x\r\n", 502), (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 200)],
)
async def test_a_server_that_answers_nonsense(tmp_path: Path, answer: bytes, status: int) -> None:
    small = Small({"example.org": [PUBLIC]})
    async with serving(answering(answer)) as port, opened(tmp_path, OPEN, small) as (gate, told):
        small.ports[PUBLIC, 80] = port
        said = await ask(gate, b"GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n")
        assert int(said.split()[1]) == status
        said = await ask(gate, b"CONNECT nowhere.org:443 HTTP/1.1\r\nHost: nowhere.org\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 502 nowhere.org cannot be resolved\r\n")
        small.names["dead.org"] = [PUBLIC]
        said = await ask(gate, b"CONNECT dead.org:443 HTTP/1.1\r\nHost: dead.org\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 502 dead.org:443 cannot be reached: Connection refused\r\n")
    assert [event.verdict for event in told] == ["failed"] * 3


async def test_caps_cut_in_the_middle_and_hold_for_the_whole_sandbox(tmp_path: Path) -> None:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(bytes(10_000))
                await writer.drain()
        except ConnectionError:
            writer.close()

    small = Small({"example.org": [PUBLIC]})
    limits = SandboxLimits(network_down_bytes=100_000, network_up_bytes=1000)
    request = b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n"
    async with serving(pour) as port, opened(tmp_path, ALLOW, small, limits) as (gate, told):
        small.ports[PUBLIC, 443] = port
        reader, writer = await connect(gate)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        got = 0
        try:
            while data := await reader.read(65536):
                got += len(data)
        except ConnectionError:
            pass
        writer.close()
        assert head.startswith(b"HTTP/1.1 200")
        assert got == 100_000
        said = await ask(gate, request)
        assert said.startswith(b"HTTP/1.1 403 this sandbox may receive 100000 bytes, and has\r\n")
    assert [(event.verdict, event.down_bytes) for event in told] == [("allowed", 100_000), ("refused", 0)]
    assert told[0].reason == "cut: this sandbox may receive 100000 bytes, and has"


async def test_what_is_sent_has_a_cap(tmp_path: Path) -> None:
    heard = bytearray()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                heard.extend(data)
        except ConnectionError:
            pass
        writer.close()

    small = Small({"example.org": [PUBLIC]})
    limits = SandboxLimits(network_up_bytes=5000)
    async with serving(take) as port, opened(tmp_path, ALLOW, small, limits) as (gate, told):
        small.ports[PUBLIC, 443] = port
        said = await ask(gate, b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n" + bytes(20_000))
        assert said.endswith(b"established\r\n\r\n")
        await asyncio.sleep(0.05)
    assert len(heard) <= 5000
    assert told[0].up_bytes == 5000
    assert "may send 5000 bytes" in told[0].reason


async def test_names_that_are_looked_up_count_as_sent(tmp_path: Path) -> None:
    small = Small()
    limits = SandboxLimits(network_up_bytes=50)
    async with opened(tmp_path, ALLOW, small, limits) as (gate, told):
        for name in ("a" * 18, "b" * 18, "c" * 18):
            await ask(gate, f"CONNECT {name}.example.org:443 HTTP/1.1\r\nHost:\r\n\r\n".encode())
        await ask(gate, b"CONNECT other.org:443 HTTP/1.1\r\nHost:\r\n\r\n")  # looked up by nobody
    assert small.resolved == [f"{'a' * 18}.example.org"]
    assert [(event.verdict, event.up_bytes) for event in told] == [
        ("failed", 30),
        ("refused", 20),
        ("refused", 0),
        ("refused", 0),
    ]
    assert told[1].reason == told[2].reason == "this sandbox may send 50 bytes, and has"


async def test_silence_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    monkeypatch.setattr(relay, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr("sandbox.network.exchange.HEAD_SECONDS", 0.2)
    small = Small({"example.org": [PUBLIC]})
    async with serving(silent) as port, opened(tmp_path, ALLOW, small) as (gate, told):
        small.ports[PUBLIC, 443] = port
        said = await ask(gate, b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n")
        assert said.endswith(b"established\r\n\r\n")
        assert (await ask(gate, b"CONNECT exam")).startswith(b"HTTP/1.1 408 ")
    assert [event.verdict for event in told] == ["allowed", "refused"]
    assert "nothing moved" in told[0].reason


async def test_so_many_connections_at_one_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_module, "MAX_CONNECTIONS", 3)
    async with opened(tmp_path, ALLOW, Small()) as (gate, told):
        waiting = [await connect(gate) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert (await ask(gate, b"")).startswith(b"HTTP/1.1 503 more than 3 connections")
        for _, writer in waiting:
            writer.close()
        await asyncio.sleep(0.05)
        assert (await ask(gate, b"GET x HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
    assert len(told) == 2


async def test_a_flood_of_refusals_is_a_few_lines(tmp_path: Path) -> None:
    async with opened(tmp_path, ALLOW, Small()) as (gate, told):
        for _ in range(450):
            await ask(gate, b"CONNECT other.org:443 HTTP/1.1\r\nHost: other.org\r\n\r\n")
    assert len(told) == 201
    assert told[-1].reason.startswith("the last of 250 connections that have no line of their own: ")


async def test_closing_ends_everything(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    small = Small({"example.org": [PUBLIC]})

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    async with serving(hold) as port:
        async with opened(tmp_path, ALLOW, small) as (gate, told):
            small.ports[PUBLIC, 443] = port
            reader, writer = await connect(gate)
            writer.write(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            await connect(gate)
        await gate.close()
        assert not gate.folder.exists()
        assert [event.reason for event in told] == ["cut: the sandbox was closed"]
        await asyncio.sleep(0.05)
    assert asyncio.all_tasks() - before == set()


async def test_a_path_of_any_length_and_a_folder_for_us_alone(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / ("longer" * 30)
    spec = SandboxSpec(workspace="w" * 100, network=OPEN)
    gates = [await open_gate(spec, folder / "gates" / spec.workspace, unheard) for _ in range(2)]
    gate = gates[1]
    assert gate is not None
    assert stat.S_IMODE((folder / "gates").stat().st_mode) == 0o700
    assert stat.S_IMODE(gate.folder.stat().st_mode) == 0o755
    assert stat.S_IMODE((gate.folder / "gate").stat().st_mode) == 0o666
    handle = os.open(gate.folder, os.O_PATH)
    reader, writer = await asyncio.open_unix_connection(f"/proc/self/fd/{handle}/gate")
    os.close(handle)
    writer.write(b"GET / HTTP/1.1\r\nHost: a.org\r\n\r\n")
    assert b"this is a proxy" in await reader.read(-1)
    writer.close()
    for one in gates:
        assert one is not None
        await one.close()


def test_no_other_user_of_the_host_can_use_it() -> None:
    """Whoever could enter the folder could use the network of the sandbox."""
    if os.geteuid() != 0:
        lacking("root", "another user is played")

    async def main(folder: Path) -> tuple[str, str]:
        folder.chmod(0o755)  # noqa: ASYNC240
        async with opened(folder, OPEN, Small()) as (gate, _):
            code = (
                "import socket, sys, os; os.setuid(int(sys.argv[2])); s = socket.socket(socket.AF_UNIX);"
                " s.connect(sys.argv[1]); print('in')"
            )
            said = []
            for user in ("0", "12345"):
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-c", code, str(gate.folder / "gate"), user),
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                )
                said.append((await process.communicate())[0].decode().strip().splitlines()[-1])
            return said[0], said[1]

    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = asyncio.run(main(Path(folder)))
    assert ours == "in"
    assert theirs.startswith("PermissionError")


async def test_a_lookup_that_hangs_holds_up_no_other_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hanging(Small):
        async def resolve(self, name: str, port: int) -> list[str]:
            asked.append(name)
            await asyncio.sleep(3600)
            return []

    monkeypatch.setattr(dial, "RESOLVE_SECONDS", 0.1)
    asked: list[str] = []
    request = b"CONNECT slow.example.org:443 HTTP/1.1\r\nHost: slow.example.org\r\n\r\n"
    async with opened(tmp_path, OPEN, Hanging()) as (gate, told):
        said = await asyncio.gather(*(ask(gate, request) for _ in range(8)))
    assert all(one.startswith(b"HTTP/1.1 504 no resolver answered for slow.example.org") for one in said)
    assert len(asked) == dial.MAX_RESOLVING
    assert [event.verdict for event in told] == ["failed"] * 8


async def test_a_new_gate_in_the_old_folder(tmp_path: Path) -> None:
    """A sandbox that outlived its harness still shows the folder: it must stay the same one."""
    spec = SandboxSpec(workspace="w", network=OPEN)
    folder = tmp_path / "gates" / "w"
    dead = await open_gate(spec, folder, unheard, outside=Small())
    assert dead is not None
    before = folder.stat().st_ino
    async with opened(tmp_path, OPEN, Small()) as (gate, _):
        assert gate.folder == folder
        assert folder.stat().st_ino == before
        assert (await ask(gate, b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
    await dead.close()
