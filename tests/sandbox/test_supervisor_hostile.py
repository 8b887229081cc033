"""An agent that works against its own supervisor: what it gains is at most the end of its own sandbox."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from core import Cause, SandboxFault
from sandbox import Command, Sandbox, SandboxLimits, SandboxSpec, provider
from sandbox.supervisor.client import Wire
from sandbox.supervisor.frames import PROTOCOL, encode
from sandbox.supervisor.inside import frame
from sandbox.supervisor.program import arguments
from tests.sandbox.contract.helpers import sh as line
from tests.sandbox.supervised import Inside, forsake, sh, until
from tests.support import lacking

PROCESSES = 40
BOMB = "f() { f | f & }; f; sleep 60"
# Finds the supervisor from inside, and prints its process id.
FIND = (
    "for p in /proc/[0-9]*; do case $(tr '\\0' ' ' < $p/cmdline 2>/dev/null) in "
    "*opt/upbench/inside.pyc*) case $(cat $p/comm) in python3*) echo ${p#/proc/};; esac;; esac; done"
)


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """A sandbox of bubblewrap with few processes."""
    made = provider("bwrap", tmp_path)
    if problem := made.problem():
        lacking("bwrap", problem[0])
    opened = await made.open(SandboxSpec(workspace="w", limits=SandboxLimits(processes=PROCESSES)))
    yield opened
    await opened.close()


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Inside]:
    """A supervisor that shares its user with its commands and can be traced by them, below an init."""
    found = Inside(tmp_path, arguments(lease=60))
    yield found
    found.end()


async def test_a_fork_bomb_alone(box: Sandbox) -> None:
    result = await line(box, BOMB, seconds=1.5)
    assert result.timed_out
    assert result.seconds < 60
    assert (await line(box, "ls -d /proc/[0-9]* | wc -l; echo on")).stdout.text.endswith("on\n")


async def test_a_fork_bomb_beside_a_command_that_stays(box: Sandbox) -> None:
    assert (await line(box, "mkfifo /tmp/begun /tmp/go")).exit_code == 0
    stays = "echo > /tmp/begun; read line < /tmp/go; echo $line"
    other = asyncio.create_task(line(box, stays, seconds=300))
    assert (await line(box, "cat /tmp/begun")).exit_code == 0
    bomb = asyncio.create_task(line(box, BOMB, seconds=1.5))
    await asyncio.sleep(0.8)
    more = await asyncio.gather(*(box.run(Command(argv=("/bin/true",))) for _ in range(20)))
    assert {result.exit_code for result in more} <= {0, 126, 127}
    refused = [result for result in more if result.exit_code]
    assert all(os.strerror(errno.EAGAIN) in result.stderr.text for result in refused)
    result = await bomb
    assert result.timed_out
    assert result.seconds < 60
    assert (await box.run(Command(argv=("pgrep", "-c", "bash")))).stdout.text == "1\n"
    assert (await line(box, "echo lived > /tmp/go")).exit_code == 0
    assert (await other).stdout.text == "lived\n"


async def test_a_bomb_of_background_processes_is_swept_with_the_next_command(box: Sandbox) -> None:
    await line(box, "sleep 300 & true", keep=True)
    result = await line(box, "for i in $(seq 100); do (setsid sleep 99 &) ; done; true", seconds=2)
    assert result.seconds < 60
    assert (await line(box, "pgrep -c sleep")).stdout.text == "1\n"


async def test_commands_are_killed_for_want_of_memory_before_the_supervisor(inside: Inside) -> None:
    wire = await inside.connect()
    result = await sh(wire, "cat /proc/self/oom_score_adj")
    assert result.stdout.text == "500\n"
    async with asyncio.timeout(60):
        await wire.ping()
    own = f"/proc/{supervisor_of(inside)}/oom_score_adj"
    assert await asyncio.to_thread(lambda: Path(own).read_text()) == (await asyncio.to_thread(ours))


def ours() -> str:
    """The score of this process."""
    return Path("/proc/self/oom_score_adj").read_text()


async def test_a_mark_that_was_lowered_saves_nobody(box: Sandbox) -> None:
    await line(box, "sleep 300 & true", keep=True)
    for lower in ("prlimit --rss=0:0", "prlimit --rss=1:1", "prlimit --rss=1000000:1000000"):
        await line(box, f"({lower} setsid sleep 99 &) ; sleep 0.2")
    assert (await line(box, "pgrep -c sleep")).stdout.text == "1\n"
    higher = await line(box, "prlimit --pid $$ --rss=unlimited:unlimited")
    assert higher.exit_code != 0


async def test_output_without_end_costs_no_memory(inside: Inside) -> None:
    wire = await inside.connect()
    await sh(wire, "true")
    before = resident(inside)
    results = await asyncio.gather(*(sh(wire, "yes | cat >&2 & yes", seconds=1.5, cap=65536) for _ in range(4)))
    assert all(result.timed_out and result.stdout.total > 1 << 20 for result in results)
    assert {len(result.stdout.head) + len(result.stdout.tail) for result in results} == {65536}
    assert resident(inside) - before < 16 << 10


def supervisor_of(inside: Inside) -> int:
    """Its process id on the host."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().split(b"\0")
            parents = re.findall(r"^NSpid:\s+(.*)$", (path / "status").read_text(), re.MULTILINE)
        except OSError:
            continue
        if b"/opt/upbench/inside.pyc" in words and b"bwrap" not in words[0] and parents:
            above = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            lineage = {above, int(Path(f"/proc/{above}/stat").read_text().rpartition(")")[2].split()[1])}
            if inside.process.pid in lineage:
                return int(path.name)
    raise AssertionError("no supervisor")


def resident(inside: Inside) -> int:
    """KiB of memory that the supervisor holds."""
    status = Path(f"/proc/{supervisor_of(inside)}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found
    return int(found[1])


async def test_a_command_that_closes_its_streams(inside: Inside) -> None:
    wire = await inside.connect()
    result = await sh(wire, "exec <&- >&- 2>&-; sleep 0.4; exit 7")
    assert (result.exit_code, result.stdout.total) == (7, 0)
    assert result.seconds > 0.35
    fed = await wire.run(
        Command(argv=("bash", "-c", "exec <&-; sleep 0.1"), stdin=b"x" * 5_000_000), seconds=9, cap=9
    )
    assert fed.exit_code == 0


@pytest.mark.parametrize("files", [64, 256])
async def test_few_open_files(tmp_path: Path, files: int) -> None:
    inside = Inside(tmp_path, arguments(lease=60), setup=f"ulimit -n {files}")
    try:
        wire = await inside.connect()
        assert (await sh(wire, "ulimit -n")).stdout.text == f"{files}\n"
        kept = [await sh(wire, "sleep 300 & echo on", keep=True) for _ in range(files)]
        refused = [result for result in kept if result.exit_code == 126]
        assert refused
        assert all("Too many" in result.stderr.text for result in refused)
        assert kept[5].stdout.text == "on\n"
        await wire.ask(b"W", [b"/job/f", b"f", b"data"])
        assert await wire.read_part(b"/job/f", 0, 10) == b"data"
        assert (await sh(wire, "pkill sleep")).exit_code == 126
        token = wire.token
        forsake(wire)
        again = await inside.connect(token)
        assert again.background == files - len(refused)
        os.kill(supervisor_of(inside), 0)
        assert len(os.listdir(f"/proc/{supervisor_of(inside)}/fd")) <= files
    finally:
        inside.end()


async def test_files_are_closed_again(inside: Inside) -> None:
    wire = await inside.connect()
    await sh(wire, "true")
    before = len(os.listdir(f"/proc/{supervisor_of(inside)}/fd"))
    for _ in range(30):
        await asyncio.gather(
            sh(wire, "(sleep 0.02; sleep 9) & sleep 0.01"),
            sh(wire, "sleep 5", seconds=0.03),
            sh(wire, "no such program"),
            wire.run(Command(argv=("cat",), stdin=b"x" * 99, spill="/job/spill"), seconds=5, cap=5),
            wire.run(Command(argv=("cat",), cwd="/none"), seconds=5, cap=5),
        )
        with pytest.raises(OSError, match="No such"):
            await wire.read_part(b"/job/none", 0, 1)
    assert len(os.listdir(f"/proc/{supervisor_of(inside)}/fd")) == before


async def test_limits_that_the_agent_sets_on_its_supervisor(inside: Inside) -> None:
    wire = await inside.connect()
    await sh(wire, "sleep 300 & true", keep=True)  # so that processes must be told apart
    waiting = asyncio.create_task(sh(wire, "setsid sleep 400 & sleep 400", seconds=2))
    done = await sh(wire, f"for p in $({FIND}); do prlimit -p $p --nofile=0:0 --locks=5:5; done; echo set")
    assert done.stdout.text == "set\n"
    assert (await waiting).exit_code == -9  # they cannot be told apart any more: all are ended
    assert (await sh(wire, "true")).exit_code == 126
    with pytest.raises(OSError, match="Too many open files"):
        await wire.read_part(b"/job/f", 0, 1)
    assert not [name for name in processes_inside(inside) if name == "sleep"]


def processes_inside(inside: Inside) -> list[str]:
    """The names of the living processes in its namespace."""
    wanted = os.readlink(f"/proc/{supervisor_of(inside)}/ns/pid")
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(path / "ns" / "pid") == wanted and ") Z" not in (path / "stat").read_text():
                found.append((path / "comm").read_text().strip())
        except OSError:
            continue
    return found


async def test_signals_do_not_end_it_nor_reach_its_commands_changed(inside: Inside) -> None:
    wire = await inside.connect()
    harmless = [n for n in range(1, 65) if n not in (signal.SIGKILL, signal.SIGSTOP, 32, 33)]
    await sh(wire, f"for p in $({FIND}); do for s in {' '.join(map(str, harmless))}; do kill -$s $p; done; done")
    assert (await sh(wire, "echo on")).stdout.text == "on\n"
    ignored = await sh(wire, "grep -E 'SigIgn|SigBlk' /proc/self/status")
    of_libc = 3 << 31  # 32 and 33, which the C library's posix_spawn always ignores
    assert {int(row.split()[1], 16) & ~of_libc for row in ignored.stdout.text.splitlines()} == {0}


async def test_a_stopped_supervisor_is_missed(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.supervisor.client.PING_SECONDS", 0.5)
    wire = await inside.connect()
    wire.keep_alive(0.2)
    with pytest.raises(SandboxFault) as fault:
        await sh(wire, f"kill -STOP $({FIND}); sleep 60", seconds=60)
    assert fault.value.cause is Cause.sandbox_lost


async def test_a_killed_supervisor_takes_everything_with_it(inside: Inside) -> None:
    wire = await inside.connect()
    with pytest.raises(SandboxFault) as fault:
        await sh(wire, f"setsid sleep 300 & kill -9 $({FIND}); sleep 60", seconds=60)
    assert fault.value.cause is Cause.sandbox_lost

    async def ended() -> bool:
        return inside.process.poll() is not None

    assert await until(ended)


# Opens what belongs to its supervisor, and takes its end of the wire to write an answer in its place.
THIEF = """
import ctypes, os, sys
pid = next(int(p) for p in os.listdir('/proc') if p.isdigit() and int(p) > 1 and int(p) != os.getpid()
           and b'/opt/upbench/inside.pyc' in open(f'/proc/{p}/cmdline', 'rb').read())
got = []
for name in ('mem', 'environ', 'maps', 'fd', 'cwd'):
    try:
        os.readlink(f'/proc/{pid}/fd/1') if name == 'fd' else os.open(f'/proc/{pid}/{name}', os.O_RDONLY)
        got.append(name)
    except OSError:
        pass
libc = ctypes.CDLL(None, use_errno=True)
if libc.ptrace(16, pid, 0, 0) == 0:
    got.append('ptrace')
    os.waitpid(pid, 0x40000000)
    libc.ptrace(17, pid, 0, 0)
handle = libc.syscall(438, libc.syscall(434, pid, 0), 1, 0)
if handle >= 0:
    got.append('wire')
    os.write(handle, bytes.fromhex(sys.argv[1]))
os.write(1, ' '.join(got).encode())
"""


async def steal(inside: Inside, forged: bytes) -> str:
    """What a thief gets, or the cause with which its sandbox ends."""
    wire = await inside.connect()
    await sh(wire, "true")
    command = Command(argv=("python3", "-I", "-S", "-c", THIEF, forged.hex()))
    try:
        result = await wire.run(command, seconds=20, cap=4096)
        await asyncio.sleep(0.5)  # for the real answer, where a forged one was believed
        return f"{result.stdout.text} {result.exit_code} {(await sh(wire, 'echo on')).stdout.text}"
    except SandboxFault as fault:
        return fault.cause.value


async def test_an_interpreter_that_cannot_be_read_hides_its_supervisor(tmp_path: Path) -> None:
    inside = Inside(tmp_path, arguments(lease=60), hidden=True)
    try:
        assert await steal(inside, b"nonsense") == " 0 on\n"
    finally:
        inside.end()


FORGED = {
    "nonsense": (b"nonsense", "sandbox_protocol"),
    "a hello": (frame(b"H", 0, (PROTOCOL, b"0" * 32, 0)), "sandbox_protocol"),
    "an answer to no question": (frame(b"D", 77, ()), "sandbox_protocol"),
    "too much": (b"D\0\0\0\2" + b"\xff" * 4, "sandbox_protocol"),
    "its own result, and then the real one": (
        frame(b"D", 2, (7, 0, 1, b"lie", b"", 3, b"", b"", 0)),
        "sandbox_protocol",
    ),
}


@pytest.mark.parametrize("how", FORGED)
async def test_a_thief_of_the_wire_ends_its_own_sandbox(inside: Inside, how: str) -> None:
    forged, cause = FORGED[how]
    assert await steal(inside, forged) == cause


MALFORMED = {
    "a run without fields": encode(b"R", 9, []),
    "a run without numbers": encode(b"R", 9, [b"a"] * 9),
    "a field past its frame": b"R" + bytes([0, 0, 0, 9, 0, 0, 0, 4]) + b"\xff" * 4,
    "an unknown kind": encode(b"?", 9, []),
    "a write without fields": encode(b"W", 9, []),
    "a list of a negative number": encode(b"L", 9, [b"/job", b"-1", b"-1"]),
    "a read of a negative length": encode(b"G", 9, [b"/etc/passwd", b"-1", b"-1"]),
    "an empty program": encode(b"R", 9, [b"5", 0, 5, b"/job", b"", 1, b"", b""]),
    "a NUL in a program": encode(b"R", 9, [b"5", 0, 5, b"/job", b"", 1, b"a\0b", b""]),
    "no program": encode(b"R", 9, [b"5", 0, 5, b"/job", b"", 0, b""]),
}


@pytest.mark.parametrize("how", MALFORMED)
async def test_requests_that_no_harness_sends(inside: Inside, how: str) -> None:
    wire = await inside.connect()
    token = wire.token
    forsake(wire)
    await asyncio.get_running_loop().sock_sendall(inside.socket, MALFORMED[how])
    await asyncio.sleep(0.1)
    again: Wire = await inside.connect(token)
    assert (await sh(again, "echo on")).stdout.text == "on\n"
