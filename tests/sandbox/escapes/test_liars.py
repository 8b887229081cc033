"""A supervisor that was taken over answers what it likes. Whatever the provider, it must not be believed."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from core import Cause, SandboxFault
from sandbox import Command, SandboxInfo, SandboxLimits, TreeLimits
from sandbox.supervisor import client
from sandbox.supervisor.client import Wire
from sandbox.supervisor.inside import PROTOCOL, fields_of, frame
from sandbox.supervisor.session import Session, max_reply
from tests.sandbox.escapes.attempt import Test, on_the_harness
from tests.sandbox.escapes.test_bombs import own_memory

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIMITS = SandboxLimits()
INFO = SandboxInfo(provider="test", version="1", image=None, toolbox="0", enforced={})
COMMAND = Command(argv=("x",), output_bytes=1000, timeout_seconds=1)
HELLO = frame(b"H", 0, (PROTOCOL, b"0123456789abcdef" * 2, 0))
Lie = Callable[[bytes, int, list[bytes]], Iterator[bytes]]
Work = Callable[[Session], Awaitable[object]]
MIB = 1 << 20


def done(
    number: int, *, code: object = 0, late: object = 0, micros: object = 1, out: bytes = b"", total: int = 0
) -> bytes:
    """An answer to a command."""
    fields = [str(one).encode() for one in (code, late, micros)]
    return frame(b"D", number, (*fields, out, b"", total or len(out), b"", b"", 0))


def liar(name: str, tries: str) -> Callable[[Test], Test]:
    """Make an attempt of a test; nothing of it depends on a provider."""
    return on_the_harness("lies", name, tries, "the wire's bounds")


async def told(lie: Lie, work: Work, *, hello: bytes = HELLO) -> object:
    """Run `work` against a supervisor that answers each request with the parts that `lie` gives."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    loop = asyncio.get_running_loop()
    wire = Wire(max_reply(LIMITS))
    await loop.create_unix_connection(lambda: wire, sock=ours)

    async def peer() -> None:
        box = b""
        await loop.sock_sendall(theirs, hello)
        while data := await loop.sock_recv(theirs, 65536):
            box += data
            while len(box) >= 9 and len(box) >= 9 + int.from_bytes(box[5:9], "big"):
                end = 9 + int.from_bytes(box[5:9], "big")
                for part in lie(box[:1], int.from_bytes(box[1:5], "big"), fields_of(box[9:end])):
                    await loop.sock_sendall(theirs, part)
                    await asyncio.sleep(0)
                box = box[end:]

    task = asyncio.create_task(peer())
    before = own_memory()
    try:
        await wire.started()
        return await asyncio.wait_for(work(Session(wire, LIMITS, INFO)), 30)
    finally:
        assert own_memory() - before < 300 * MIB, "the harness was filled up"
        wire.fail(SandboxFault(Cause.sandbox_lost, "over"))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        theirs.close()


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def run(session: Session) -> Awaitable[object]:
    """A command."""
    return session.run(COMMAND)


async def nonsense(
    lie: Lie, work: Work = run, *, cause: Cause = Cause.sandbox_protocol, hello: bytes = HELLO
) -> None:
    """The lie is recognised for what it is."""
    with pytest.raises(SandboxFault) as caught:
        await told(lie, work, hello=hello)
    assert caught.value.cause is cause, caught.value


@liar("giant reply", "Announces a reply of four gigabytes and sends and sends.")
async def test_giant() -> None:
    def lie(_kind: bytes, number: int, _fields: list[bytes]) -> Iterator[bytes]:
        yield b"D" + number.to_bytes(4, "big") + b"\xff\xff\xff\xff"
        for _ in range(2000):
            yield b"x" * (256 << 10)

    await nonsense(lie)


@liar("largest allowed reply", "Sends a reply as large as any may be, to a small request.")
async def test_largest() -> None:
    def lie(_kind: bytes, number: int, _fields: list[bytes]) -> Iterator[bytes]:
        size = max_reply(LIMITS) - 8
        yield b"D" + number.to_bytes(4, "big") + (size + 4).to_bytes(4, "big") + size.to_bytes(4, "big")
        for _ in range(size // MIB + 1):
            yield b"x" * MIB

    await nonsense(lie)


@liar("no frames at all", "Sends noise for ever.")
async def test_noise() -> None:
    def lie(_kind: bytes, _number: int, _fields: list[bytes]) -> Iterator[bytes]:
        for _ in range(200):
            yield os.urandom(65536)

    await nonsense(lie)


@liar("answers unasked", "Answers what nobody asked, a thousand times.")
async def test_unasked() -> None:
    await nonsense(lambda kind, number, fields: (done(number + n) for n in range(1, 1000)))


@liar("answers twice", "Answers each request twice, the second time otherwise.")
async def test_twice() -> None:
    async def work(session: Session) -> object:
        await session.run(COMMAND)
        return await session.run(COMMAND)

    await nonsense(lambda kind, number, fields: iter((done(number), done(number, code=1))), work)


@liar("more output than asked", "Sends a megabyte of output where a kilobyte was asked for.")
async def test_output() -> None:
    await nonsense(lambda kind, number, fields: iter((done(number, out=b"x" * MIB),)))


@liar("empty claims", "Says that there was more output than a number can hold.")
async def test_totals() -> None:
    for total in (-5, 1 << 70):
        await nonsense(lambda kind, number, fields, total=total: iter((done(number, total=total),)))  # type: ignore[misc]


@liar("numbers without end", "Sends numbers of a million digits, words, signs, and digits of other scripts.")
async def test_numbers() -> None:
    for code in ("9" * 500, "1e3", "--1", "", "+1", "\u0661", "0x10", "1_0", " 1", "-", "256", "-200", "9" * 19):
        await nonsense(lambda kind, number, fields, code=code: iter((done(number, code=code),)))  # type: ignore[misc]


@liar("fields that lie", "Fields that run past their frame, too few, too many, none.")
async def test_fields() -> None:
    def frames(number: int) -> list[bytes]:
        head = b"D" + number.to_bytes(4, "big")
        past = struct.pack(">I", 4) + b"\xff\xff\xff\xff"
        return [head + past, head + bytes(4), frame(b"D", number, (0,) * 8), frame(b"D", number, (0,) * 10)]

    for at in range(4):
        await nonsense(lambda kind, number, fields, at=at: iter((frames(number)[at],)))  # type: ignore[misc]


@liar("a hundred thousand fields", "Sends a list of nothing but empty rows, as many as fit.")
async def test_rows(tmp_path: Path) -> None:
    rows = frame(b"D", 1, (b"f", 0, b"") * 300_000)

    async def work(session: Session) -> object:
        return await session.download("/job/deliverables", tmp_path, TreeLimits(max_files=10))

    await nonsense(lambda kind, number, fields: iter((rows[:1] + number.to_bytes(4, "big") + rows[5:],)), work)


@liar(
    "names that lead out", "Lists deliverables named with `..`, absolute, doubled, empty, and as folders of files."
)
async def test_names(tmp_path: Path) -> None:
    names = [
        b"../out",
        b"/tmp/escape-abs",
        b"a/../../out",
        b"",
        b".",
        b"a",
        b"a",
        b"a/b",
        b"a\0b",
        b"./c",
        b"d//e",
    ]
    names += [b"..", b"x/..", b"\\\\host\\share", b"f/" * 500 + b"g", b"\xff"]
    target = tmp_path / "target"

    def lie(kind: bytes, number: int, fields: list[bytes]) -> Iterator[bytes]:
        if kind == b"L":
            yield frame(b"D", number, tuple(x for name in names for x in (b"f", 4, name)))
        else:
            yield frame(b"D", number, (4, b"evil" if int(fields[1]) == 0 else b""))

    found = await told(lie, lambda session: session.download("/job/deliverables", target, TreeLimits()))
    assert _files(target) <= {"a", "a/b"}, f"deeper than was asked for, or elsewhere: {str(found)[:200]}"
    assert os.listdir(tmp_path) == ["target"]
    assert "escape-abs" not in os.listdir("/tmp")


@liar("file without end", "Says that a file has ten bytes and never stops sending it.")
async def test_endless(tmp_path: Path) -> None:
    def lie(kind: bytes, number: int, fields: list[bytes]) -> Iterator[bytes]:
        if kind == b"L":
            yield frame(b"D", number, (b"f", 10, b"endless"))
        else:
            yield frame(b"D", number, (10, b"x" * int(fields[2])))

    limits = TreeLimits(max_file_bytes=8 * MIB, max_total_bytes=8 * MIB)
    await told(lie, lambda session: session.download("/job/deliverables", tmp_path / "t", limits))
    assert all(os.stat(tmp_path / "t" / name).st_size <= 8 * MIB for name in _files(tmp_path / "t"))
    with pytest.raises(OSError, match="larger"):
        await told(lie, lambda session: session.read("/job/x", max_bytes=MIB))


@liar("more of a file than asked", "Sends more of a file than was asked for.")
async def test_more() -> None:
    def lie(_kind: bytes, number: int, fields: list[bytes]) -> Iterator[bytes]:
        yield frame(b"D", number, (1, b"x" * (int(fields[2]) + 1)))

    await nonsense(lie, lambda session: session.read("/job/x", max_bytes=1000))


@liar("errors of no system", "Reports errors with numbers and texts that no system has.")
async def test_errors() -> None:
    for fields in ((10**12, b"x"), (-1, b"x"), (2,), (2, b"x", b"y"), (b"", b"x")):
        await nonsense(
            lambda kind, number, asked, fields=fields: iter((frame(b"E", number, fields),)),  # type: ignore[misc]
            lambda session: session.read("/job/x", max_bytes=10),
        )
    with pytest.raises(OSError) as caught:  # noqa: PT011
        await told(
            lambda kind, number, asked: iter((frame(b"E", number, (2, b"\x1b[2J" + b"x" * 900)),)),
            lambda session: session.read("/job/x", max_bytes=10),
        )
    assert len(str(caught.value)) < 300


@liar("false hello", "Greets with nonsense, with another version, without end.")
async def test_hello() -> None:
    for hello in (
        b"\0" * 100,
        frame(b"H", 0, (b"99",)),
        frame(b"H", 0, (b"x" * 5000,)),
        frame(b"H", 7, (PROTOCOL,)),
    ):
        await nonsense(lambda kind, number, fields: iter(()), hello=hello, cause=Cause.sandbox_start)


@liar("silence", "Never answers a command.")
async def test_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "GRACE_SECONDS", 1.0)
    started = time.monotonic()
    await nonsense(lambda kind, number, fields: iter(()), cause=Cause.sandbox_lost)
    assert time.monotonic() - started < 40


@liar("slow drip", "Sends its answer byte by byte, past every deadline.")
async def test_drip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "GRACE_SECONDS", 1.0)

    def lie(_kind: bytes, number: int, _fields: list[bytes]) -> Iterator[bytes]:
        for byte in done(number, out=b"x" * 1000):
            time.sleep(0.01)
            yield bytes((byte,))

    started = time.monotonic()
    with pytest.raises(SandboxFault):
        await told(lie, run)
    assert time.monotonic() - started < 80


@liar("false times", "Says that a command took a million years, or that one which took a second took none.")
async def test_times() -> None:
    from sandbox import CommandResult

    def slow(micros: int) -> Lie:
        def lie(_kind: bytes, number: int, _fields: list[bytes]) -> Iterator[bytes]:
            time.sleep(0.3)
            yield done(number, micros=micros)

        return lie

    started = time.monotonic()
    long = await told(slow(1 << 61), run)
    taken = time.monotonic() - started
    assert isinstance(long, CommandResult)
    assert long.seconds <= taken + 0.5, "no longer than the harness itself has waited"
