from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core import Cause, SandboxFault
from sandbox import Command, SandboxInfo, SandboxLimits
from sandbox.supervisor.client import Wire
from sandbox.supervisor.inside import PROTOCOL, frame
from sandbox.supervisor.program import arguments
from sandbox.supervisor.session import Session, max_reply
from sandbox.supervisor.text import HIGH, PIECE, TextLink
from tests.sandbox.supervised import MAX_REPLY, Inside, forsake, sh, until

TOKEN = b"0123456789abcdef" * 2
HELLO = frame(b"H", 0, (PROTOCOL, TOKEN, 0))
LIMITS = SandboxLimits()
INFO = SandboxInfo(provider="test", version="1", image=None, toolbox="0", enforced={})


def line(data: bytes) -> str:
    return base64.b64encode(data).decode() + "\n"


class Carrier:
    """Carries text to and from a real supervisor, in pieces of any length."""

    def __init__(self, inside: Inside, most: int = 70_000) -> None:
        self._socket = inside.socket.dup()
        self._random, self._most = random.Random(7), most
        self.sending = 0
        self.link: TextLink | None = None
        self._reader: asyncio.Task[None] | None = None

    async def connect(self, token: str | None = None) -> Wire:
        wire = Wire(max_reply(LIMITS), token=token)
        self.link = TextLink(wire, self._send)
        self._reader = asyncio.create_task(self._read())
        await wire.started()
        return wire

    async def _send(self, text: str) -> None:
        assert self.sending == 0, "one at a time"
        self.sending += 1
        await asyncio.get_running_loop().sock_sendall(self._socket, text.encode())
        self.sending -= 1

    async def _read(self) -> None:
        assert self.link
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(self._socket, self._random.randint(1, self._most)):
            self.link.feed(data.decode())
        self.link.lost()

    async def end(self) -> None:
        assert self._reader
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        self._socket.close()


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Inside]:
    """A supervisor that speaks text."""
    found = Inside(tmp_path, arguments(lease=60, text=True))
    yield found
    found.end()


async def test_commands_and_files_in_text(inside: Inside) -> None:
    carrier = Carrier(inside)
    wire = await carrier.connect()
    box = Session(wire, LIMITS, INFO)
    data = random.Random(1).randbytes(3_000_001)
    await box.write("/job/a/b", data)
    assert await box.read("/job/a/b", max_bytes=4_000_000) == data
    assert (inside.job / "a" / "b").read_bytes() == data
    said = await box.run(Command(argv=("wc", "-c"), stdin=data * 3))
    assert said.stdout.text == "9000003\n"
    results = await asyncio.gather(*(sh(wire, f"echo {n}") for n in range(20)))
    assert [one.stdout.text for one in results] == [f"{n}\n" for n in range(20)]
    with pytest.raises(FileNotFoundError):
        await box.read("/job/none", max_bytes=5)
    forsake(wire)
    await carrier.end()


async def test_single_characters(inside: Inside) -> None:
    carrier = Carrier(inside, most=1)
    wire = await carrier.connect()
    assert (await sh(wire, "printf '%0300d' 7")).stdout.total == 300
    forsake(wire)
    await carrier.end()


@pytest.mark.parametrize("cut", [0, 1, 7, 400_001])
async def test_adopted_after_a_line_that_was_cut(inside: Inside, cut: int) -> None:
    carrier = Carrier(inside)
    wire = await carrier.connect()
    await sh(wire, "sleep 300 & true", keep=True)
    (inside.job / "large").write_bytes(b"z" * 3_000_000)
    forsake(wire)
    await carrier.end()
    loop = asyncio.get_running_loop()
    unread = frame(b"G", 5, (b"/job/large", 0, 3_000_000))  # its answer is cut as well
    await loop.sock_sendall(inside.socket, line(unread).encode())
    await asyncio.sleep(0.2)
    await loop.sock_recv(inside.socket, 1001)
    long = line(frame(b"W", 6, (b"/job/f", b"f", b"x" * 600_000))).encode()
    await loop.sock_sendall(inside.socket, long[:cut])
    again = Carrier(inside)
    found = await again.connect(wire.token)
    assert found.background == 1
    assert (await sh(found, "ls /job")).stdout.text == "large\n"
    forsake(found)
    await again.end()


async def nowhere(text: str) -> None:
    """Sends nothing."""


NONSENSE = {
    "no base64": "hello, I am the supervisor\n",
    "a line cut": line(HELLO)[:-6] + "\n",
    "padding inside": "QQ==QQ==\n",
    "not ASCII": "Qé==\n",
    "a NUL": "QQ\0=\n",
    "a frame over two lines": line(HELLO[:9]) + line(HELLO[9:]),
    "an empty answer": line(frame(b"D", 1, ())),
    "4 GiB": line(b"H\0\0\0\0\xff\xff\xff\xff" + b"x" * 100),
}


@pytest.mark.parametrize("how", NONSENSE)
@pytest.mark.parametrize("size", [1, 3, 10_000])
async def test_nonsense_in_text(how: str, size: int) -> None:
    wire = Wire(MAX_REPLY)
    link = TextLink(wire, nowhere)
    text = NONSENSE[how]
    for at in range(0, len(text), size):
        link.feed(text[at : at + size])
    with pytest.raises(SandboxFault) as fault:
        await wire.ask(b"W", [])
    assert fault.value.cause is Cause.sandbox_protocol


async def test_a_line_without_an_end_is_not_held() -> None:
    wire = Wire(MAX_REPLY)
    link = TextLink(wire, nowhere)
    link.feed(line(HELLO))
    await wire.started()
    asking = asyncio.create_task(wire.ask(b"M", [b"/job/x"]))
    await asyncio.sleep(0)
    link.feed("RAAAAAE")  # D, id 1, and then a length of many
    for _ in range(1000):
        link.feed("/" * 10_000)
    with pytest.raises(SandboxFault) as fault:
        await asking
    assert fault.value.cause is Cause.sandbox_protocol
    assert wire.between or len(wire._reader._box) < 20_000


async def test_what_cannot_be_sent_is_held_back_and_stays_in_order() -> None:
    gate, sent = asyncio.Event(), list[str]()

    async def send(text: str) -> None:
        await gate.wait()
        assert link._size < HIGH + 2_000_000
        sent.append(text)

    wire = Wire(MAX_REPLY)
    link = TextLink(wire, send)
    link.feed(line(HELLO))
    asking = [asyncio.create_task(wire.ask(b"W", [b"/job/x", b"f", bytes([n]) * 900_000])) for n in range(30)]
    await asyncio.sleep(0.05)
    assert link._size < HIGH + 2_000_000
    gate.set()

    async def all_sent() -> bool:
        return len(wire._waiting) == 30 and not link._size

    assert await until(all_sent)
    assert max(map(len, sent)) <= PIECE
    lines = "".join(sent).splitlines()
    assert len(lines) == 30
    assert [base64.b64decode(one)[-1] for one in lines] == list(range(30))
    wire.fail(SandboxFault(Cause.sandbox_lost, "over"))
    assert {type(one) for one in await asyncio.gather(*asking, return_exceptions=True)} == {SandboxFault}


FAILURES: list[Callable[[], Exception]] = [
    lambda: ConnectionResetError("reset"),
    lambda: SandboxFault(Cause.sandbox_lost, "gone"),
]


@pytest.mark.parametrize("make", FAILURES)
async def test_what_fails_to_be_sent_ends_the_wire(make: Callable[[], Exception]) -> None:
    async def send(text: str) -> None:
        raise make()

    wire = Wire(MAX_REPLY)
    link = TextLink(wire, send)
    link.feed(line(HELLO))
    with pytest.raises(SandboxFault) as fault:
        await wire.ask(b"M", [b"/job/x"])
    assert fault.value.cause is Cause.sandbox_lost
    assert link.is_closing()
