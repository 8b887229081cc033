from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core import Cause, SandboxFault
from sandbox import Command
from sandbox.supervisor.client import Wire
from sandbox.supervisor.frames import PROTOCOL, encode
from sandbox.supervisor.inside import frame
from sandbox.supervisor.program import PROGRAM, arguments
from tests.sandbox.supervised import MAX_REPLY, Inside, forsake, sh, until

LASTING = arguments(lease=60)
Start = Callable[..., Inside]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts supervisors that are ended with the test."""
    started: list[Inside] = []

    def begin(options: tuple[str, ...] = LASTING, **more: object) -> Inside:
        folder = tmp_path / f"inside-{len(started)}"
        folder.mkdir()
        started.append(Inside(folder, options, **more))  # type: ignore[arg-type]
        return started[-1]

    yield begin
    for one in started:
        one.end()


async def test_a_new_harness_finds_the_supervisor_and_what_runs_in_the_background(start: Start) -> None:
    inside = start()
    wire = await inside.connect()
    assert wire.background == 0
    await sh(wire, "while :; do echo x >> /job/beat; sleep 0.05; done & echo on", keep=True)
    token = wire.token
    forsake(wire)
    again = await inside.connect(token)
    assert (again.token, again.background) == (token, 1)
    first = await beats(again)
    assert await until(lambda: _more_than(again, first))
    assert (await sh(again, "echo mark works; sleep 99 & true")).stdout.text == "mark works\n"
    late = await sh(again, "sleep 99 & sleep 99", seconds=0.5)
    assert late.timed_out
    forsake(again)
    assert (await inside.connect(token)).background == 1


async def beats(wire: Wire) -> int:
    return int((await sh(wire, "stat -c %s /job/beat")).stdout.text)


async def _more_than(wire: Wire, size: int) -> bool:
    return await beats(wire) > size


async def test_commands_that_nobody_waits_for_are_ended_before_the_answer(start: Start) -> None:
    inside = start()
    wire = await inside.connect()
    waiting = [
        asyncio.create_task(sh(wire, f"(setsid sleep 77{n} &) ; touch /job/{n}; sleep 77{n}", keep=n == 1))
        for n in range(3)
    ]
    assert await until(lambda: _all_there(inside.job))
    forsake(wire)
    assert {type(one) for one in await asyncio.gather(*waiting, return_exceptions=True)} == {SandboxFault}
    again = await inside.connect(wire.token)
    assert again.background == 0
    assert (await sh(again, "pgrep -f 'sleep 77[0-9]' | grep -v $$ | wc -l")).stdout.text == "0\n"


async def _all_there(folder: Path) -> bool:
    return all((folder / str(n)).exists() for n in range(3))


CUTS = {
    "in a header": encode(b"W", 7, [b"/job/f", b"f", b"x" * 10])[:5],
    "in a body": encode(b"W", 7, [b"/job/f", b"f", b"x" * 1000])[:-400],
    "before a long body": encode(b"W", 7, [b"/job/f", b"f", b"x" * 9_000_000])[:300_000],
    "at a frame's end": encode(b"P", 7, []),
    "nowhere": b"",
    "after part of another sync": b"\nUPBENCH-SYNC 0123",
}


@pytest.mark.parametrize("wait", [0, 0.2])
@pytest.mark.parametrize("how", CUTS)
async def test_a_request_that_was_cut_is_dropped(start: Start, how: str, wait: float) -> None:
    inside = start()
    wire = await inside.connect()
    token = wire.token
    forsake(wire)
    await asyncio.get_running_loop().sock_sendall(inside.socket, CUTS[how])
    await asyncio.sleep(wait)
    again = await inside.connect(token)
    assert (await sh(again, "ls /job")).stdout.text == ""


async def test_answers_that_nobody_has_read_are_skipped(start: Start) -> None:
    inside = start()
    wire = await inside.connect()
    (inside.job / "large").write_bytes(b"y" * (8 << 20))
    token = wire.token
    forsake(wire)
    loop = asyncio.get_running_loop()
    for number in range(5, 9):  # far more than the stream holds: the supervisor sits on the rest
        await loop.sock_sendall(inside.socket, encode(b"G", number, [b"/job/large", 0, 8 << 20]))
    again = await inside.connect(token)
    assert (await sh(again, "echo on")).stdout.text == "on\n"
    assert len(await again.read_part(b"/job/large", 0, 100)) == 100


async def test_adopted_over_and_over(start: Start) -> None:
    inside = start()
    wire = await inside.connect()
    token = wire.token
    for number in range(5):
        asyncio.create_task(sh(wire, "sleep 50")).add_done_callback(lambda task: task.exception())
        await asyncio.sleep(0.05)
        forsake(wire)
        dead = Wire(MAX_REPLY, token=token)  # a harness that dies before it is answered
        await asyncio.get_running_loop().create_unix_connection(lambda dead=dead: dead, sock=inside.socket.dup())  # type: ignore[misc]
        forsake(dead)
        wire = await inside.connect(token)
        assert (await sh(wire, f"echo {number}")).stdout.text == f"{number}\n"


async def test_another_token_is_not_answered(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = start()
    forsake(await inside.connect())
    monkeypatch.setattr("sandbox.supervisor.client.SYNC_SECONDS", 0.5)
    with pytest.raises(SandboxFault) as fault:
        await inside.connect("0" * 32)
    assert fault.value.cause is Cause.sandbox_lost


async def test_what_is_no_token_is_refused_at_once() -> None:
    for token in ("", "0" * 31, "Z" * 32, "0" * 33):
        with pytest.raises(ValueError, match="token"):
            Wire(MAX_REPLY, token=token)


async def test_the_end_of_the_stream_ends_everything(start: Start) -> None:
    inside = start()
    wire = await inside.connect()
    await sh(wire, "while :; do echo x >> /job/beat; sleep 0.05; done & true", keep=True)
    forsake(wire)
    inside.socket.close()
    assert await until(lambda: _ended(inside))


async def _ended(inside: Inside) -> bool:
    return inside.process.poll() is not None


@pytest.mark.parametrize("first", [True, False])
async def test_silence_ends_everything_and_a_running_command_does_not_count(start: Start, first: bool) -> None:
    inside = start(arguments(lease=1.0), first=first)
    wire = await inside.connect()
    await sh(wire, "setsid sleep 500 & true", keep=True)
    waiting = asyncio.create_task(sh(wire, "while :; do echo x; sleep 0.05; done", seconds=60))
    with pytest.raises(SandboxFault) as fault:
        await asyncio.wait_for(waiting, 40)
    assert fault.value.cause is Cause.sandbox_lost
    assert await until(lambda: _ended(inside))


async def test_pings_keep_it_alive_until_the_wire_is_dead(start: Start) -> None:
    inside = start(arguments(lease=3.0))
    wire = await inside.connect()
    wire.keep_alive(0.2)
    result = await sh(wire, "sleep 4; echo lived")
    assert result.stdout.text == "lived\n"
    forsake(wire)
    await asyncio.sleep(0)
    assert wire._pulse is not None
    assert wire._pulse.cancelled() or wire._pulse.done()
    assert await until(lambda: _ended(inside))


async def test_a_harness_that_died_may_be_followed_within_the_lease(start: Start) -> None:
    inside = start(arguments(lease=4.0))
    wire = await inside.connect()
    token = wire.token
    forsake(wire)
    await asyncio.sleep(1)
    again = await inside.connect(token)
    again.keep_alive(0.2)
    assert (await again.run(Command(argv=("sleep", "4")), seconds=60, cap=10)).exit_code == 0


async def test_an_older_supervisor_is_named() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    wire = Wire(MAX_REPLY)
    await asyncio.get_running_loop().create_unix_connection(lambda: wire, sock=ours)
    theirs.sendall(frame(b"H", 0, (b"1",)))
    with pytest.raises(SandboxFault, match="another version") as fault:
        await wire.started()
    assert fault.value.cause is Cause.sandbox_start
    theirs.close()


async def test_a_supervisor_refuses_a_harness_of_another_version(start: Start) -> None:
    inside = start(("-I", "-S", "/opt/upbench/inside.pyc"))
    with pytest.raises(SandboxFault, match=f"speaks protocol {PROTOCOL}") as fault:
        await inside.connect()
    assert fault.value.cause is Cause.sandbox_start


async def test_it_does_not_start_outside_a_sandbox(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        "/usr/bin/python3", "-I", "-S", str(PROGRAM[0]), *arguments()[3:], stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert (process.returncode, b"in a sandbox only" in said) == (3, True)
