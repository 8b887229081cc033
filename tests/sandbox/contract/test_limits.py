from __future__ import annotations

import time

import pytest

from sandbox import Command, SandboxLimits, SandboxSpec
from tests.sandbox.contract.helpers import Openings, sh

pytestmark = pytest.mark.asyncio(loop_scope="session")

MIB = 1 << 20


async def test_wall_time_has_an_upper_bound_of_the_sandbox(openings: Openings) -> None:
    limits = SandboxLimits(command_seconds=0.5)
    box = await openings(SandboxSpec(workspace=openings.key(), limits=limits))
    started = time.monotonic()
    result = await box.run(Command(argv=("sleep", "60"), timeout_seconds=50))
    assert result.timed_out
    assert time.monotonic() - started < 45


async def test_memory(openings: Openings) -> None:
    limits = SandboxLimits(memory_bytes=128 * MIB)
    box = await openings(SandboxSpec(workspace=openings.key(), limits=limits))
    assert (await box.run(Command(argv=("python3", "-S", "-c", "b'x' * (20 << 20)")))).exit_code == 0
    greedy = await box.run(Command(argv=("python3", "-S", "-c", "x = bytearray(400 << 20); print(len(x))")))
    assert greedy.exit_code != 0
    assert greedy.stdout.text == ""
    assert (await sh(box, "echo alive")).stdout.text == "alive\n"


async def test_memory_of_many_processes_together(openings: Openings) -> None:
    limits = SandboxLimits(memory_bytes=128 * MIB)
    box = await openings(SandboxSpec(workspace=openings.key(), limits=limits))
    if (
        box.info.enforced["memory"] != "cgroup"
    ):  # each process alone is bound there, as the test before this one shows
        assert box.info.enforced["memory"] == "rlimit"
        return
    code = "import time; x = bytearray(60 << 20); time.sleep(1.5); print('held')"
    result = await sh(box, f'for i in 1 2 3 4 5 6; do python3 -S -c "{code}" & done; wait')
    assert result.stdout.text.count("held") < 6
    assert (await sh(box, "echo alive")).stdout.text == "alive\n"


async def test_processes(openings: Openings) -> None:
    limits = SandboxLimits(processes=20)
    box = await openings(SandboxSpec(workspace=openings.key(), limits=limits))
    code = (
        "import os, time\nn = 0\nfor _ in range(100):\n    try:\n        if os.fork() == 0:\n"
        "            time.sleep(20)\n            os._exit(0)\n        n += 1\n    except OSError:\n        break\n"
        "print(n, flush=True)\nos._exit(0)"
    )
    result = await box.run(Command(argv=("python3", "-S", "-c", code), timeout_seconds=60))
    assert 5 <= int(result.stdout.text) <= 24
    assert (await sh(box, "echo alive")).stdout.text == "alive\n"


async def test_a_fork_bomb_is_ended(openings: Openings) -> None:
    limits = SandboxLimits(processes=40)
    box = await openings(SandboxSpec(workspace=openings.key(), limits=limits))
    result = await sh(box, "f() { f | f & }; f; sleep 60", seconds=1.5)
    assert result.seconds < 30
    assert (await sh(box, "echo alive")).stdout.text == "alive\n"


async def test_file_size(openings: Openings) -> None:
    limits = SandboxLimits(file_bytes=MIB)
    box = await openings(SandboxSpec(workspace=openings.key(), limits=limits))
    result = await sh(box, "head -c 5000000 /dev/zero > /job/big; stat -c %s /job/big")
    assert result.stdout.text.strip() == str(MIB)
    with pytest.raises(OSError, match="large"):
        await box.write("/job/big2", b"x" * (2 * MIB))
    spilled = await box.run(Command(argv=("head", "-c", "3000000", "/dev/zero"), spill="/job/spill"))
    assert (spilled.exit_code, spilled.stdout.total) == (0, 3_000_000)


async def test_scratch_is_bounded(openings: Openings) -> None:
    limits = SandboxLimits(workspace_bytes=8 * MIB)
    box = await openings(SandboxSpec(workspace=openings.key(), limits=limits))
    result = await sh(box, "head -c 20000000 /dev/zero > /tmp/big; stat -c %s /tmp/big")
    assert int(result.stdout.text) <= 8 * MIB


async def test_output(openings: Openings) -> None:
    limits = SandboxLimits(output_bytes=1000)
    box = await openings(SandboxSpec(workspace=openings.key(), limits=limits))
    command = Command(argv=("bash", "-c", "seq 100000; seq 100000 >&2"), output_bytes=50_000)
    result = await box.run(command)
    assert len(result.stdout.head) + len(result.stdout.tail) == 1000
    assert len(result.stderr.head) + len(result.stderr.tail) == 1000


async def test_no_core_files(openings: Openings) -> None:
    box = await openings()
    result = await sh(box, "ulimit -c; (kill -11 $BASHPID); ls /job")
    assert result.stdout.text.split() == ["0", "deliverables", "inputs"]
