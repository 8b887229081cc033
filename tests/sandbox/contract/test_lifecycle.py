from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from e2b import AsyncSandbox
from e2b import Sandbox as E2B

from core import Cause, SandboxFault
from sandbox import Command, Sandbox, SandboxProvider, SandboxSpec, TreeLimits
from tests.sandbox.contract.helpers import Openings, deep, sh

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.asyncio(loop_scope="session")


def kill_from_outside(box: Sandbox) -> None:
    """End the supervisor as a crash of the machine would."""
    container = getattr(box, "container", None)
    if container:
        subprocess.run(["docker", "kill", container], check=True, capture_output=True)
    elif isinstance(machine := getattr(box, "machine", None), AsyncSandbox):
        E2B.connect(machine.sandbox_id).commands.kill(box.stream.pid)  # type: ignore[attr-defined]
    else:
        os.kill(box.process.first, signal.SIGKILL)  # type: ignore[attr-defined]


async def test_the_workspace_outlives_its_sandbox(openings: Openings) -> None:
    spec = SandboxSpec(workspace=openings.key())
    box = await openings(spec)
    await sh(
        box, "echo kept > /job/note; echo gone > /tmp/note; mkdir -p deliverables/a; echo d > deliverables/a/d"
    )
    await box.close()
    again = await openings(spec)
    assert (await sh(again, "cat /job/note deliverables/a/d; ls -A /tmp")).stdout.text == "kept\nd\n"
    assert (await sh(again, "echo more >> /job/note && rm -r deliverables/a && echo ok")).stdout.text == "ok\n"


async def test_closing_twice_is_fine_and_closed_is_closed(openings: Openings) -> None:
    box = await openings()
    await box.close()
    await box.close()
    with pytest.raises(SandboxFault):
        await box.run(Command(argv=("true",)))


async def test_closing_ends_background_processes(openings: Openings) -> None:
    spec = SandboxSpec(workspace=openings.key())
    box = await openings(spec)
    await sh(
        box,
        "(env -i setsid bash -c 'while :; do echo x >> /job/beat; sleep 0.05; done' &) & "
        "until [ -s /job/beat ]; do sleep 0.02; done",
        keep=True,
    )
    await box.close()
    again = await openings(spec)
    first = (await sh(again, "stat -c %s /job/beat")).stdout.text
    await asyncio.sleep(0.3)
    assert (await sh(again, "stat -c %s /job/beat")).stdout.text == first
    assert int(first) > 0


async def test_closing_ends_a_waiting_command(openings: Openings) -> None:
    box = await openings()
    waiting = asyncio.create_task(sh(box, "sleep 60", seconds=90))
    await asyncio.sleep(0.3)
    await box.close()
    with pytest.raises(SandboxFault):
        await waiting


async def test_a_supervisor_killed_from_outside(openings: Openings, made: SandboxProvider, tmp_path: Path) -> None:
    spec = SandboxSpec(workspace=openings.key())
    box = await openings(spec)
    await sh(box, "echo work > deliverables/work.txt")
    waiting = asyncio.create_task(sh(box, "sleep 60", seconds=90))
    await asyncio.sleep(0.3)
    await asyncio.to_thread(kill_from_outside, box)
    with pytest.raises(SandboxFault) as fault:
        await waiting
    assert fault.value.cause is Cause.sandbox_lost
    with pytest.raises(SandboxFault):
        await box.read("/job/deliverables/work.txt", max_bytes=100)
    await box.close()
    taken = await made.collect(spec.workspace, tmp_path / "out", TreeLimits())
    assert taken.files == ("work.txt",)
    again = await openings(spec)
    assert (await sh(again, "cat deliverables/work.txt")).stdout.text == "work\n"


async def test_an_agent_that_kills_everything_it_can(openings: Openings) -> None:
    spec = SandboxSpec(workspace=openings.key())
    box = await openings(spec)
    await sh(box, "echo work > deliverables/work.txt")
    line = "for i in 1 2 3; do kill -9 -1; for p in /proc/[0-9]*; do kill -9 ${p#/proc/}; done; done"
    with_fault = False
    try:
        await sh(box, line, seconds=10)
        await sh(box, "true")
    except SandboxFault as fault:
        with_fault = fault.cause is Cause.sandbox_lost
        await box.close()
        box = await openings(spec)
    assert with_fault or (await sh(box, "echo on")).stdout.text == "on\n"
    assert (await sh(box, "cat deliverables/work.txt")).stdout.text == "work\n"


async def test_an_agent_that_answers_in_the_supervisor_s_place(openings: Openings) -> None:
    box = await openings()
    code = (
        "import os\n"
        "for p in os.listdir('/proc'):\n    for fd in ('0', '1'):\n        try:\n"
        "            f = os.open(f'/proc/{p}/fd/{fd}', os.O_WRONLY | os.O_NONBLOCK)\n"
        "            os.write(f, b'nonsense' * 100)\n"
        "        except OSError: pass\n"
    )
    said = ""
    try:
        await box.run(Command(argv=("python3", "-S", "-c", code), timeout_seconds=10))
        said = (await sh(box, "echo on")).stdout.text
    except SandboxFault as fault:
        said = fault.cause.value
    assert said in ("on\n", "sandbox_protocol", "sandbox_lost")


HARNESS = """
import asyncio, sys
from pathlib import Path
from sandbox import Command, SandboxSpec, provider

async def main():
    box = await provider(sys.argv[1], Path(sys.argv[2])).open(SandboxSpec(workspace="orphan"))
    line = "(env -i setsid bash -c 'while :; do echo x >> /job/beat; sleep 0.05; done' &) & "
    line += "until [ -s /job/beat ]; do sleep 0.02; done"
    await box.run(Command(argv=("bash", "-c", line), keep_background=True))
    print("ready", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_the_sandbox_of_a_killed_harness_is_adopted_or_dead(made: SandboxProvider, tmp_path: Path) -> None:
    state = made._state if hasattr(made, "_state") else made._workspaces.parent  # type: ignore[attr-defined]
    harness = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HARNESS, made.name, str(state), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert harness.stdout is not None
    assert await harness.stdout.readline() == b"ready\n"
    harness.kill()
    await harness.wait()
    await asyncio.sleep(1.5)
    box = await made.open(SandboxSpec(workspace="orphan"))
    try:
        if box.info.adopted:  # with what ran in the background, which the one who adopted it can end
            assert (await sh(box, "cat /proc/*/cmdline | tr '\\0' ' '")).stdout.text.count("while :") == 1
            await box.close()
            box = await made.open(SandboxSpec(workspace="orphan"))
        first = (await sh(box, "stat -c %s /job/beat")).stdout.text
        await asyncio.sleep(0.4)
        assert (await sh(box, "stat -c %s /job/beat")).stdout.text == first
        assert int(first) > 0
    finally:
        await box.close()
        await made.discard("orphan")


async def test_collecting_a_closed_sandbox(openings: Openings, made: SandboxProvider, tmp_path: Path) -> None:
    spec = SandboxSpec(workspace=openings.key())
    box = await openings(spec)
    await sh(box, "cd deliverables; mkdir d; echo 1 > d/a; ln -s /etc/passwd l; echo outside > /job/other")
    await box.close()
    taken = await made.collect(spec.workspace, tmp_path / "out", TreeLimits())
    assert taken.files == ("d/a",)
    assert [row.path for row in taken.left_out] == ["l"]


async def test_discarding_removes_the_workspace(openings: Openings, made: SandboxProvider, tmp_path: Path) -> None:
    spec = SandboxSpec(workspace=openings.key())
    box = await openings(spec)
    await sh(box, "echo x > note; mkdir -p a/b; chmod 0 a")
    await box.run(deep(3000))
    await box.close()
    await made.discard(spec.workspace)
    await made.discard(spec.workspace)
    with pytest.raises(FileNotFoundError):
        await made.collect(spec.workspace, tmp_path / "out", TreeLimits())
    again = await openings(spec)
    assert (await sh(again, "ls -A /job")).stdout.text == "deliverables\ninputs\n"


async def test_a_workspace_with_its_folders_replaced_opens_again(openings: Openings, tmp_path: Path) -> None:
    spec = SandboxSpec(workspace=openings.key(), inputs=tmp_path)
    (tmp_path / "brief.txt").write_text("brief")
    box = await openings(spec)
    await sh(box, "rm -rf deliverables; ln -s /etc deliverables; ln -s / out")
    await box.close()
    again = await openings(spec)
    assert (await sh(again, "cat /job/inputs/brief.txt")).stdout.text == "brief"


async def test_many_sandboxes_at_once(openings: Openings) -> None:
    boxes = await asyncio.gather(*(openings() for _ in range(4)))
    results = await asyncio.gather(*(sh(box, f"echo {number}") for number, box in enumerate(boxes)))
    assert [result.stdout.text for result in results] == ["0\n", "1\n", "2\n", "3\n"]
