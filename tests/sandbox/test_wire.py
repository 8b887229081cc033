from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import Cause, SandboxFault
from sandbox import Command, SandboxInfo, SandboxLimits, TreeLimits
from sandbox.docker.stream import Demultiplexer
from sandbox.supervisor.client import Wire
from sandbox.supervisor.inside import PROTOCOL, fields_of, frame
from sandbox.supervisor.session import Session, max_reply

LIMITS = SandboxLimits()
INFO = SandboxInfo(provider="test", version="1", image=None, toolbox="0", enforced={})
COMMAND = Command(argv=("x",), output_bytes=100)
TOKEN = "0123456789abcdef" * 2
HELLO = frame(b"H", 0, (PROTOCOL, TOKEN.encode(), 0))
Peer = Callable[[bytes, int, list[bytes]], bytes]


async def with_peer(answer: Peer, work: Callable[[Session], Awaitable[object]]) -> object:
    """Run `work` against a supervisor whose answers are made up by `answer`."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    loop = asyncio.get_running_loop()
    wire = Wire(max_reply(LIMITS))
    await loop.create_unix_connection(lambda: wire, sock=ours)

    async def peer() -> None:
        box = b""
        await loop.sock_sendall(theirs, HELLO)
        while data := await loop.sock_recv(theirs, 65536):
            box += data
            while len(box) >= 9 and len(box) >= 9 + int.from_bytes(box[5:9], "big"):
                end = 9 + int.from_bytes(box[5:9], "big")
                reply = answer(box[:1], int.from_bytes(box[1:5], "big"), fields_of(box[9:end]))
                box = box[end:]
                if not reply:
                    theirs.close()
                    return
                await loop.sock_sendall(theirs, reply)

    task = asyncio.create_task(peer())
    try:
        await wire.started()
        return await work(Session(wire, LIMITS, INFO))
    finally:
        wire.fail(SandboxFault(Cause.sandbox_lost, "over"))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        theirs.close()


def done(*fields: bytes | int) -> Peer:
    return lambda kind, number, asked: frame(b"D", number, fields)


async def test_an_honest_answer() -> None:
    result = await with_peer(done(3, 0, 1500, b"ab", b"c", 9, b"", b"", 0), lambda box: box.run(COMMAND))
    assert getattr(result, "exit_code") == 3  # noqa: B009
    assert getattr(result, "stdout").omitted == 6  # noqa: B009


NONSENSE: dict[str, Peer] = {
    "no frame": lambda kind, number, asked: b"hello, I am the supervisor\n",
    "an id nobody used": lambda kind, number, asked: frame(b"D", number + 77, (0,) * 9),
    "a second hello": lambda kind, number, asked: HELLO,
    "too few fields": done(0, 0, 1),
    "too many fields": done(*([0] * 10)),
    "no exit code": done(b"zero", 0, 1, b"", b"", 0, b"", b"", 0),
    "an exit code out of range": done(4096, 0, 1, b"", b"", 0, b"", b"", 0),
    "more output than asked for": done(0, 0, 1, b"x" * 101, b"", 101, b"", b"", 0),
    "a total below what came": done(0, 0, 1, b"xxxx", b"", 1, b"", b"", 0),
    "a total of many digits": done(0, 0, 1, b"", b"", b"9" * 40, b"", b"", 0),
    "a length of 4 GiB": lambda kind, number, asked: b"D" + number.to_bytes(4, "big") + b"\xff" * 4,
    "a field past its frame": lambda kind, number, asked: b"D" + number.to_bytes(4, "big") + b"\0\0\0\4\0\0\0\xff",
    "an error without a number": lambda kind, number, asked: frame(b"E", number, (b"bad", b"text")),
    "an error of one field": lambda kind, number, asked: frame(b"E", number, (1,)),
}


@pytest.mark.parametrize("how", NONSENSE)
async def test_nonsense_is_a_fault_of_the_protocol(how: str) -> None:
    with pytest.raises(SandboxFault) as fault:
        await with_peer(NONSENSE[how], lambda box: box.run(COMMAND))
    assert fault.value.cause is Cause.sandbox_protocol


async def test_the_end_of_the_stream_is_a_lost_sandbox() -> None:
    with pytest.raises(SandboxFault) as fault:
        await with_peer(lambda kind, number, asked: b"", lambda box: box.run(COMMAND))
    assert fault.value.cause is Cause.sandbox_lost


async def test_after_nonsense_every_call_fails() -> None:
    async def work(box: Session) -> list[Cause]:
        causes = []
        for _ in range(3):
            with pytest.raises(SandboxFault) as fault:
                await box.run(COMMAND)
            causes.append(fault.value.cause)
        return causes

    assert await with_peer(NONSENSE["no frame"], work) == [Cause.sandbox_protocol] * 3


async def test_more_of_a_file_than_asked_for() -> None:
    with pytest.raises(SandboxFault) as fault:
        await with_peer(done(5, b"x" * 5_000_000), lambda box: box.read("/job/a", max_bytes=10))
    assert fault.value.cause is Cause.sandbox_protocol


async def test_a_file_without_end_is_refused() -> None:
    answer: Peer = lambda kind, number, asked: frame(b"D", number, (5, b"x" * int(asked[2])))  # noqa: E731
    with pytest.raises(OSError, match="larger"):
        await with_peer(answer, lambda box: box.read("/job/a", max_bytes=3_000_000))


EVIL = [
    "../../escape",
    "/etc/cron.d/x",
    "a/../../b",
    "..",
    ".",
    "",
    "a\0b",
    "a/./b",
    "ok.txt",
    "ok.txt",
    "ok.txt/x",
]


async def test_a_list_of_evil_names_writes_nothing_outside(tmp_path: Path) -> None:
    rows: list[bytes | int] = [part for name in EVIL for part in (b"f", 1, name.encode())]

    def answer(kind: bytes, number: int, asked: list[bytes]) -> bytes:
        if kind == b"L":
            return frame(b"D", number, tuple(rows))
        return frame(b"D", number, (1, b"x" if asked[1] == b"0" else b""))

    target = tmp_path / "in" / "out"
    taken = await with_peer(answer, lambda box: box.download("/job/d", target, TreeLimits()))
    assert "ok.txt" in getattr(taken, "files")  # noqa: B009
    assert [name for _, _, names in os.walk(tmp_path) for name in names] == ["ok.txt"]
    assert os.listdir(tmp_path / "in" / "out") == ["ok.txt"]


async def test_a_list_longer_than_asked_for() -> None:
    rows = (b"f", 1, b"n") * 10_000
    with pytest.raises(SandboxFault) as fault:
        await with_peer(done(*rows), lambda box: box.download("/job/d", Path(), TreeLimits(max_files=1)))
    assert fault.value.cause is Cause.sandbox_protocol


async def test_file_errors_are_those_of_the_sandbox() -> None:
    answer: Peer = lambda kind, number, asked: frame(b"E", number, (2, b"No such file"))  # noqa: E731
    with pytest.raises(FileNotFoundError):
        await with_peer(answer, lambda box: box.read("/job/a", max_bytes=10))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=400))
def test_any_bytes_end_in_a_result_or_a_fault(noise: bytes) -> None:
    async def once() -> str:
        async def work(box: Session) -> str:
            task = asyncio.create_task(box.run(COMMAND))
            await asyncio.sleep(0.005)
            if not task.done():
                task.cancel()  # an incomplete frame: it would be waited for until its time is over
            (end,) = await asyncio.gather(task, return_exceptions=True)
            return type(end).__name__

        return str(await with_peer(lambda kind, number, asked: noise, work))

    assert asyncio.run(once()) in (
        "SandboxFault",
        "CancelledError",
        "CommandResult",
        "OSError",
        "FileNotFoundError",
    )


@given(st.binary(max_size=300))
def test_the_engine_s_stream_is_taken_apart_or_refused(noise: bytes) -> None:
    async def once() -> None:
        stream = Demultiplexer()
        stream.wire = Wire(1000)
        stream.data_received(noise)
        stream.connection_lost(None)
        assert len(stream.said()) <= 400

    asyncio.run(once())
    assert len(noise) <= 300


async def test_the_engine_s_stream_in_single_bytes() -> None:
    stream = Demultiplexer()
    stream.wire = Wire(1000)
    payload = b"".join((b"\2\0\0\0\0\0\0\5oops\n", b"\1\0\0\0", len(HELLO).to_bytes(4, "big"), HELLO))
    for at in range(len(payload)):
        stream.data_received(payload[at : at + 1])
    await stream.wire.started()
    assert stream.said() == "oops"
