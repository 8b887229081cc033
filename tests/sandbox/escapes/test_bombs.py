"""Taking more of the machine than is given: processes, memory, disk, descriptors, output, processor."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from core import Cause, SandboxFault
from sandbox import Command, Sandbox, SandboxLimits
from tests.sandbox.escapes.attempt import escape, held
from tests.sandbox.escapes.scene import MIB, TOOLS, Scene

pytestmark = pytest.mark.asyncio(loop_scope="session")

FAMILY = "bombs"
SMALL = SandboxLimits(memory_bytes=256 * MIB, processes=40, command_seconds=60)
CGROUP = "cgroup"


@contextlib.asynccontextmanager
async def metered(*, memory: int = 3000 * MIB, disk: int = 3000 * MIB) -> AsyncIterator[None]:
    """Within the block the host loses no more memory and disk than this (others work on it as well)."""
    lowest, begun, done = _free(), _free(), asyncio.Event()

    async def watch() -> None:
        nonlocal lowest
        while not done.is_set():
            now = _free()
            lowest = (min(lowest[0], now[0]), min(lowest[1], now[1]))
            await asyncio.sleep(0.1)

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        done.set()
        await task
    assert begun[0] - lowest[0] < memory, "the host's memory was taken"
    assert begun[1] - lowest[1] < disk, "the host's disk was taken"


def _free() -> tuple[int, int]:
    with open("/proc/meminfo") as stream:
        rows = dict(line.split(":") for line in stream)
    disk = os.statvfs("/tmp")
    return int(rows["MemAvailable"].split()[0]) * 1024, disk.f_bavail * disk.f_frsize


def own_memory() -> int:
    """Bytes that the harness itself has in memory."""
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGESIZE")


async def bomb(scene: Scene, box: Sandbox, name: str, *, seconds: float = 60, **facts: object) -> tuple[str, str]:
    """Run a bomb to its end or its deadline: what it said it got, and what it wrote on its way."""
    argv = ("python3", "-S", "-m", "inside", f"bombs:{name}")
    env = {"FACTS": json.dumps(facts)}
    result = await box.run(Command(argv=argv, cwd=TOOLS, env=env, timeout_seconds=seconds))
    scene.said(result)
    got = json.loads(result.stdout.text)["seen"][0] if result.exit_code == 0 else ""
    return got, result.stderr.text


@contextlib.contextmanager
def may_be_lost() -> Iterator[None]:
    """A sandbox that takes too much may be lost altogether; any other fault is one."""
    try:
        yield
    except SandboxFault as fault:
        if fault.cause not in (Cause.sandbox_lost, Cause.workspace_full):
            raise


async def lives(scene: Scene, box: Sandbox) -> None:
    """The sandbox itself goes on, or is lost with a cause; it never hangs."""
    with may_be_lost():
        assert (await scene.sh(box, "echo alive", seconds=20)).stdout.text == "alive\n"


@escape(FAMILY, "many processes", "Starts 400 processes that stay.", held(CGROUP, runsc="supervisor, rlimit"))
async def test_many_processes(scene: Scene) -> None:
    box = await scene.open(SMALL)
    async with metered():
        got, _ = await bomb(scene, box, "forks", most=400)
    assert got, "it did not come to its end"
    assert 5 <= int(got) <= SMALL.processes + 4
    await lives(scene, box)


@escape(FAMILY, "fork bomb", "A shell function that starts itself twice, for ever.", held(CGROUP, runsc="rlimit"))
async def test_fork_bomb(scene: Scene) -> None:
    box = await scene.open(SMALL)
    async with metered():
        result = await scene.sh(box, "f() { f | f & }; f; sleep 60", seconds=1.5)
    assert result.seconds < 100
    await lives(scene, box)
    left = await scene.sh(box, "ls -d /proc/[0-9]* | wc -l")
    assert int(left.stdout.text) < 14


@escape(FAMILY, "thread bomb", "Starts 400 threads that stay.", held(CGROUP, runsc="rlimit"))
async def test_thread_bomb(scene: Scene) -> None:
    box = await scene.open(SMALL)
    got, _ = await bomb(scene, box, "threads", most=400)
    assert got, "it did not come to its end"
    assert 5 <= int(got) <= SMALL.processes + 4
    await lives(scene, box)


@escape(
    FAMILY, "zombie flood", "Starts 400 processes that end and are never waited for.", held(CGROUP, runsc="rlimit")
)
async def test_zombies(scene: Scene) -> None:
    box = await scene.open(SMALL)
    got, _ = await bomb(scene, box, "zombies", most=400)
    assert got, "it did not come to its end"
    assert 5 <= int(got) <= SMALL.processes + 4
    await lives(scene, box)
    left = await scene.sh(box, "ls -d /proc/[0-9]* | wc -l")
    assert int(left.stdout.text) < 14, "zombies are reaped"


@escape(FAMILY, "memory bomb", "Touches 1.2 GiB where 256 MiB are given.", held(CGROUP))
async def test_memory(scene: Scene) -> None:
    box = await scene.open(SMALL)
    got, way = "", "16"
    async with metered():
        with may_be_lost():
            got, way = await bomb(scene, box, "memory", most=1200)
    assert got == "", "it got all of it"
    assert 10 < max(int(word) for word in way.split() if word.isdigit()) <= 300
    await lives(scene, box)


@escape(
    FAMILY, "memory of no process", "Fills unnamed memory files, pipes and sockets with 1.2 GiB.", held(CGROUP)
)
async def test_memory_files(scene: Scene) -> None:
    box = await scene.open(SMALL)
    got, way = "", "16"
    async with metered():
        with may_be_lost():
            got, way = await bomb(scene, box, "memory_files", most=1200)
    assert got == "", "it got all of it"
    assert 10 < max(int(word) for word in way.split() if word.isdigit()) <= 300
    await lives(scene, box)


@escape(FAMILY, "scratch bomb", "Fills /tmp and /dev/shm, which are memory.", held("size of the tmpfs, cgroup"))
async def test_scratch(scene: Scene) -> None:
    limits = SMALL.model_copy(update={"workspace_bytes": 48 * MIB, "memory_bytes": 512 * MIB})
    box = await scene.open(limits)
    for at in ("/tmp/x", "/dev/shm/x"):
        async with metered():
            got, _ = await bomb(scene, box, "folder", at=at, most=800)
            await scene.sh(box, f"rm -rf {at}")
        assert got, "it did not come to its end"
        assert int(got) <= 65 * MIB, at
    await lives(scene, box)


@escape(FAMILY, "page cache", "Writes and reads back files larger than its memory.", held(CGROUP))
async def test_page_cache(scene: Scene) -> None:
    box = await scene.open(SMALL.model_copy(update={"memory_bytes": 128 * MIB}))
    line = "for i in 1 2 3; do head -c 150000000 /dev/zero > /job/big; cat /job/big | wc -c; done; rm /job/big"
    async with metered(memory=2000 * MIB):
        result = await scene.sh(box, line, seconds=60)
    assert result.stdout.text.split() == ["150000000"] * 3
    await lives(scene, box)


@escape(
    FAMILY, "disk bomb", "Writes 1 GiB to /job where 64 MiB are given, then waits.", held("watched from outside")
)
async def test_disk(scene: Scene) -> None:
    box = await scene.open(SMALL.model_copy(update={"workspace_bytes": 64 * MIB}))
    started = time.monotonic()
    async with metered():
        with pytest.raises(SandboxFault) as caught:
            await bomb(scene, box, "folder", at="/job/x", most=1000, wait=40)
    assert caught.value.cause is Cause.workspace_full
    assert time.monotonic() - started < 100


@escape(
    FAMILY, "inode bomb", "Makes 20,000 files where 1,000 are given, then waits.", held("watched from outside")
)
async def test_inodes(scene: Scene) -> None:
    box = await scene.open(SMALL.model_copy(update={"workspace_files": 1000}))
    with pytest.raises(SandboxFault) as caught:
        await bomb(scene, box, "inodes", at="/job/x", most=20_000, wait=40)
    assert caught.value.cause is Cause.workspace_full


@escape(FAMILY, "descriptor bomb", "Opens 10,000 files in each of ten processes.", held("rlimit"))
async def test_descriptors(scene: Scene) -> None:
    box = await scene.open(SMALL.model_copy(update={"open_files": 128}))
    results = await asyncio.gather(*(bomb(scene, box, "descriptors", most=10_000) for _ in range(10)))
    assert all(0 < int(got) <= 128 for got, _ in results)
    await lives(scene, box)


@escape(FAMILY, "giant files", "Makes files that claim to be terabytes, sparse and allocated.", held("rlimit"))
async def test_giant(scene: Scene) -> None:
    box = await scene.open(SMALL.model_copy(update={"file_bytes": 16 * MIB}))
    async with metered():
        scene.refused(await scene.inside("bombs:giant", box))


@escape(
    FAMILY,
    "output bomb",
    "Writes gigabytes to both streams without one line end.",
    held("supervisor", e2b="supervisor"),
)
async def test_output(scene: Scene) -> None:
    box = await scene.open(SMALL)
    before = own_memory()
    line = "(head -c 3000000000 /dev/zero >&2 &); head -c 3000000000 /dev/zero"
    async with metered(memory=1500 * MIB):
        result = await scene.sh(box, line, seconds=4)
    for stream in (result.stdout, result.stderr):
        assert stream.total > 10 * MIB
        assert len(stream.head) + len(stream.tail) <= SMALL.output_bytes
    assert own_memory() - before < 200 * MIB
    await lives(scene, box)


@escape(
    FAMILY,
    "endless trickle",
    "Writes a byte now and then, for ever, past its deadline.",
    held("supervisor", e2b="supervisor"),
)
async def test_trickle(scene: Scene) -> None:
    box = await scene.shared.box("shared")
    started = time.monotonic()
    result = await scene.sh(box, "trap '' TERM; while :; do printf .; sleep 0.05; done", seconds=1)
    assert result.timed_out
    assert time.monotonic() - started < 200


@escape(
    FAMILY, "spill bomb", "Lets the supervisor write its output to a file, past the size of files.", held("rlimit")
)
async def test_spill(scene: Scene) -> None:
    box = await scene.open(SMALL.model_copy(update={"file_bytes": 8 * MIB}))
    command = Command(argv=("head", "-c", "300000000", "/dev/zero"), spill="/job/spill", timeout_seconds=30)
    result = scene.said(await box.run(command))
    assert result.stdout.total == 300_000_000
    size = await scene.sh(box, "stat -c %s /job/spill")
    assert int(size.stdout.text) <= 8 * MIB
    await lives(scene, box)


@escape(FAMILY, "processor", "Keeps every core busy with a dozen processes.", held("cgroup"))
async def test_processor(scene: Scene) -> None:
    box = await scene.open(SMALL.model_copy(update={"cpus": 0.5}))
    running = asyncio.create_task(bomb(scene, box, "processor", last=30))
    await asyncio.sleep(1)
    await scene.unharmed()  # the neighbour answers meanwhile
    await box.close()
    with pytest.raises(SandboxFault):
        await running
