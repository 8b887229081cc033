"""The harness's end against a supervisor that lies, floods, trickles or is silent, over a socketpair."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from core import Cause, SandboxFault
from sandbox import Command, SandboxInfo, SandboxLimits, TreeLimits
from sandbox.supervisor import adoption, client
from sandbox.supervisor.client import Wire
from sandbox.supervisor.inside import PROTOCOL, frame
from sandbox.supervisor.session import Session, max_reply

LIMITS = SandboxLimits()
INFO = SandboxInfo(provider="test", version="1", image=None, toolbox="0", enforced={})
TOKEN = "0123456789abcdef" * 2
HELLO = frame(b"H", 0, (PROTOCOL, TOKEN.encode(), 0))
COMMAND = Command(argv=("x",), output_bytes=100)
RESULT = (0, 0, 1, b"", b"", 0, b"", b"", 0)
MIB = 1 << 20
ZEROS = bytes(MIB)


class Liar:
    """The other end of a wire."""

    def __init__(self, wire: Wire, end: socket.socket) -> None:
        self.wire, self._end = wire, end
        self.box = Session(wire, LIMITS, INFO)

    async def say(self, *data: bytes) -> None:
        """Send bytes; that they are no longer wanted is fine."""
        loop = asyncio.get_running_loop()
        try:
            for part in data:
                await loop.sock_sendall(self._end, part)
        except OSError:
            return
        await asyncio.sleep(0)

    async def fault(self, work: Awaitable[object]) -> Cause:
        """The cause with which `work` fails."""
        with pytest.raises(SandboxFault) as fault:
            await asyncio.wait_for(work, 60)
        return fault.value.cause


Lie = Callable[..., Awaitable[Liar]]


@pytest.fixture
async def lie(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lie]:
    """Makes wires to liars, who know what id they are asked with."""
    made: list[tuple[Wire, socket.socket]] = []

    async def make(token: str | None = None) -> Liar:
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        wire = Wire(max_reply(LIMITS), token=token)
        monkeypatch.setattr(wire, "_new_id", itertools.count(1).__next__)
        await asyncio.get_running_loop().create_unix_connection(lambda: wire, sock=ours)
        made.append((wire, theirs))
        return Liar(wire, theirs)

    yield make
    for wire, end in made:
        wire.fail(SandboxFault(Cause.sandbox_lost, "over"))
        end.close()


HELLOS: dict[str, tuple[bytes, Cause]] = {
    "an older protocol": (frame(b"H", 0, (b"1",)), Cause.sandbox_start),
    "a newer protocol": (frame(b"H", 0, (b"3", b"?", b"?", b"?")), Cause.sandbox_start),
    "no version": (frame(b"H", 0, ()), Cause.sandbox_start),
    "a version of many digits": (frame(b"H", 0, (b"2" * 40,)), Cause.sandbox_start),
    "no token": (frame(b"H", 0, (PROTOCOL, b"", 0)), Cause.sandbox_start),
    "a token of other letters": (frame(b"H", 0, (PROTOCOL, b"/" * 32, 0)), Cause.sandbox_start),
    "a token with a line": (frame(b"H", 0, (PROTOCOL, b"0" * 32 + b"\n", 0)), Cause.sandbox_start),
    "a negative count": (frame(b"H", 0, (PROTOCOL, TOKEN.encode(), -1)), Cause.sandbox_start),
    "a hello of 80 MB": (b"H" + bytes(4) + (80 * MIB).to_bytes(4, "big"), Cause.sandbox_start),
    "an id": (frame(b"H", 1, (PROTOCOL, TOKEN.encode(), 0)), Cause.sandbox_start),
    "an answer first": (frame(b"D", 1, RESULT) + HELLO, Cause.sandbox_start),
    "nothing but the end": (b"", Cause.sandbox_start),
}


@pytest.mark.parametrize("how", HELLOS)
async def test_hellos(lie: Lie, how: str) -> None:
    liar = await lie()
    said, cause = HELLOS[how]
    await liar.say(said)
    if not said:
        liar._end.close()
    assert await liar.fault(liar.wire.started()) is cause


async def test_an_answer_before_the_hello(lie: Lie) -> None:
    liar = await lie()
    asking = asyncio.create_task(liar.wire.ping())
    await asyncio.sleep(0.01)
    await liar.say(frame(b"D", 1, ()))
    assert await liar.fault(asking) is Cause.sandbox_protocol


async def test_what_comes_after_the_end_is_not_heard(lie: Lie) -> None:
    liar = await lie()
    await liar.say(HELLO)
    await liar.wire.started()
    asking = asyncio.create_task(liar.wire.ping())
    await asyncio.sleep(0)
    liar.wire.fail(SandboxFault(Cause.sandbox_lost, "the sandbox is closed"))
    liar.wire.data_received(frame(b"D", 1, ()) + b"\xff" * 100)
    assert await liar.fault(asking) is Cause.sandbox_lost
    assert await liar.fault(liar.wire.ping()) is Cause.sandbox_lost
    assert not liar.wire._reader._box


async def ready(lie: Lie) -> Liar:
    """A liar that has said hello."""
    liar = await lie()
    await liar.say(HELLO)
    await liar.wire.started()
    return liar


WORK: dict[str, Callable[[Session], Awaitable[object]]] = {
    "run": lambda box: box.run(COMMAND),
    "read": lambda box: box.read("/job/a", max_bytes=1000),
    "write": lambda box: box.write("/job/a", b"x"),
    "list": lambda box: box.download("/job/deliverables", Path("none"), TreeLimits()),
}
GIGANTIC: dict[str, bytes] = {
    "a frame of 80 MB": b"D\0\0\0\1" + (80 * MIB).to_bytes(4, "big"),
    "a frame of 30 MB": b"D\0\0\0\1" + (30 * MIB).to_bytes(4, "big"),
    "an error of 1 MB": b"E\0\0\0\1" + MIB.to_bytes(4, "big"),
}


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("how", GIGANTIC)
async def test_gigantic_answers_are_refused_by_their_head(
    lie: Lie, how: str, work: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    liar = await ready(lie)
    asking = asyncio.ensure_future(WORK[work](liar.box))
    await asyncio.sleep(0.01)
    tracemalloc.start()
    await liar.say(GIGANTIC[how], *([ZEROS] * 8))
    assert await liar.fault(asking) is Cause.sandbox_protocol
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * MIB


async def test_a_list_without_end(lie: Lie, tmp_path: Path) -> None:
    liar = await ready(lie)
    asking = asyncio.create_task(liar.box.download("/job/d", tmp_path / "out", TreeLimits()))
    await asyncio.sleep(0.01)
    row = b"".join(len(part).to_bytes(4, "big") + part for part in (b"f", b"1", b"n" * 100))
    await liar.say(b"D\0\0\0\1" + (8 * MIB).to_bytes(4, "big"), (row * 80_000)[: 8 * MIB])
    assert await liar.fault(asking) is Cause.sandbox_protocol


async def test_names_that_no_host_must_see(lie: Lie, tmp_path: Path) -> None:
    names = [
        b"\xff\xfe",
        b"a\0b",
        b"..",
        b"../x",
        b"/etc/x",
        b"a//b",
        b"a" * 300,
        b"\xc3\xa9",
        b"a\nb",
        b"-rf",
        b"ok",
    ]
    liar = await ready(lie)
    target = tmp_path / "in" / "out"
    asking = asyncio.create_task(liar.box.download("/job/d", target, TreeLimits()))
    await asyncio.sleep(0.01)
    rows = [part for name in names for part in (b"f", b"3", name)]
    rows += [b"?", b"1", b"unknown kind", b"f", b"9" * 18, b"huge"]
    await liar.say(frame(b"D", 1, tuple(rows)))
    for number in range(2, 60):
        await liar.say(frame(b"D", number, (3, b"abc" if number % 2 == 0 else b"")))
        await asyncio.sleep(0.005)
        if asking.done():
            break
    taken = (await asyncio.gather(asking, return_exceptions=True))[0]
    written = [os.path.join(folder, name) for folder, _, names in os.walk(tmp_path) for name in names]
    assert all(path.startswith(f"{target}/") for path in written)
    assert isinstance(taken, SandboxFault) or f"{target}/ok" in written


@pytest.mark.parametrize("size", ["-1", "1e9", "99999999999999999999", "", "0x10", "\uff11"])
async def test_sizes_that_are_none(lie: Lie, tmp_path: Path, size: str) -> None:
    liar = await ready(lie)
    asking = asyncio.create_task(liar.box.download("/job/d", tmp_path / "out", TreeLimits()))
    await asyncio.sleep(0.01)
    await liar.say(frame(b"D", 1, (b"f", size.encode(), b"n")))
    assert await liar.fault(asking) is Cause.sandbox_protocol


async def test_a_slow_trickle_ends_by_the_clock(lie: Lie, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FILE_SECONDS", 0.5)
    liar = await ready(lie)
    asking = asyncio.create_task(liar.box.read("/job/a", max_bytes=1000))
    answer = frame(b"D", 1, (5, b"x" * 900))
    for at in range(0, 500):
        if asking.done():
            break
        await liar.say(answer[at : at + 1])
        await asyncio.sleep(0.01)
    assert await liar.fault(asking) is Cause.sandbox_lost


async def test_silence_ends_by_the_clock(lie: Lie, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "GRACE_SECONDS", 0.2)
    liar = await ready(lie)
    command = COMMAND.model_copy(update={"timeout_seconds": 0.2})
    assert await liar.fault(liar.box.run(command)) is Cause.sandbox_lost


async def test_silence_to_pings_ends_what_waits(lie: Lie, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PING_SECONDS", 0.2)
    liar = await ready(lie)
    liar.wire.keep_alive(0.05)
    assert await liar.fault(liar.box.run(COMMAND)) is Cause.sandbox_lost
    await asyncio.sleep(0)
    assert liar.wire._pulse is not None
    assert liar.wire._pulse.done()


async def test_errors_to_pings_end_nothing_but_the_pings(lie: Lie) -> None:
    liar = await ready(lie)
    liar.wire.keep_alive(0.01)
    await asyncio.sleep(0.05)
    await liar.say(frame(b"E", 1, (5, b"no")))
    asking = asyncio.create_task(liar.box.run(COMMAND))
    await asyncio.sleep(0.03)
    for number in range(2, 5):
        if number in liar.wire._waiting:
            await liar.say(frame(b"D", number, RESULT))
    assert (await asking).exit_code == 0


async def test_a_reader_that_never_reads_holds_requests_back(lie: Lie) -> None:
    liar = await ready(lie)
    asking = [asyncio.create_task(liar.box.write(f"/job/{n}", bytes(MIB))) for n in range(40)]
    await asyncio.sleep(0.2)
    transport = liar.wire._transport
    assert transport is not None
    assert transport.get_write_buffer_size() < 4 * MIB
    liar.wire.fail(SandboxFault(Cause.sandbox_lost, "over"))
    assert {type(one) for one in await asyncio.gather(*asking, return_exceptions=True)} == {SandboxFault}


async def test_an_answer_to_what_was_given_up_is_bounded_and_dropped(lie: Lie) -> None:
    liar = await ready(lie)
    asking = asyncio.create_task(liar.box.run(COMMAND))
    await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await liar.say(frame(b"D", 1, RESULT))
    again = asyncio.create_task(liar.box.run(COMMAND))
    await asyncio.sleep(0.01)
    await liar.say(frame(b"D", 2, RESULT))
    assert (await again).exit_code == 0
    given_up = asyncio.create_task(liar.box.run(COMMAND))
    await asyncio.sleep(0.01)
    given_up.cancel()
    await liar.say(b"D\0\0\0\3" + (30 * MIB).to_bytes(4, "big"))
    assert await liar.fault(liar.wire.ping()) is Cause.sandbox_protocol


async def test_a_flood_before_the_answer_of_an_adopted_supervisor(
    lie: Lie, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adoption, "MAX_SKIPPED", 4 * MIB)
    liar = await lie(TOKEN)
    tracemalloc.start()
    flooding = asyncio.ensure_future(liar.say(*([ZEROS] * 6)))
    assert await liar.fault(liar.wire.started()) is Cause.sandbox_lost
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    await flooding
    assert peak < 3 * MIB


ANSWERS = {
    "without a nonce": adoption.HERE + TOKEN.encode(),
    "with another nonce": adoption.HERE + TOKEN.encode() + b"0" * 32,
    "the request itself": adoption.SYNC + TOKEN.encode() + b"0" * 32,
}


@pytest.mark.parametrize("how", ANSWERS)
async def test_answers_to_another_connection_are_skipped(
    lie: Lie, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SYNC_SECONDS", 0.3)
    liar = await lie(TOKEN)
    await liar.say(ANSWERS[how], HELLO)
    assert await liar.fault(liar.wire.started()) is Cause.sandbox_lost


async def test_the_answer_in_single_bytes_after_much_else(lie: Lie) -> None:
    liar = await lie(TOKEN)
    asked = await asyncio.get_running_loop().sock_recv(liar._end, 1000)
    assert asked.startswith(adoption.SYNC + TOKEN.encode())
    answer = adoption.HERE + asked.removeprefix(adoption.SYNC) + frame(b"H", 0, (PROTOCOL, TOKEN.encode(), 3))
    for byte in adoption.HERE + TOKEN.encode() + b"\xff" + answer:
        await liar.say(bytes([byte]))
    await liar.wire.started()
    assert (liar.wire.token, liar.wire.background) == (TOKEN, 3)
