from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from pathlib import Path

import pytest
from e2b import AsyncSandbox, SandboxState

from core import Cause, SandboxFault
from sandbox import SandboxLimits, SandboxSpec, TreeLimits
from sandbox.e2b import box as box_module
from sandbox.e2b import cloud as cloud_module
from sandbox.e2b.box import E2BSandbox
from sandbox.e2b.provider import E2BProvider
from sandbox.supervisor import client
from tests.sandbox.e2b.world import held, made, own_cloud, sh, world
from tests.standins.e2b.cloud import E2BCloud

__all__ = ["made", "own_cloud", "world"]
ROOT = Path(__file__).parents[3]
SPEC = SandboxSpec(workspace="w")
BEAT = "(while :; do echo x >> /job/beat; sleep 0.05; done) & until [ -s /job/beat ]; do sleep 0.02; done"


async def lost(box: E2BSandbox, line: str = "true", *, seconds: float = 60.0) -> None:
    """A command that fails because the sandbox is lost."""
    with pytest.raises(SandboxFault) as fault:
        await sh(box, line, seconds=seconds)
    assert fault.value.cause is Cause.sandbox_lost


async def paused(name: str) -> None:
    """Wait until a sandbox is paused."""
    for _ in range(1200):
        if (await AsyncSandbox.get_info(name)).state is SandboxState.PAUSED:
            return
        await asyncio.sleep(0.05)
    pytest.fail("it is not paused")


async def beats_on(box: E2BSandbox, first: int) -> bool:
    """Whether what runs in the background makes the file longer than it was."""
    line = f"for i in $(seq 600); do [ $(stat -c %s /job/beat) -gt {first} ] && break; sleep 0.05; done"
    return int(await sh(box, f"{line}; stat -c %s /job/beat")) > first


async def test_an_open_sandbox_is_kept_alive(
    made: E2BProvider, world: E2BCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(box_module, "KEEP_SECONDS", 0.2)
    box = await made.open(SPEC)
    name = box.machine.sandbox_id
    await box.machine.set_timeout(20)
    short = world.sandboxes[name].ends
    async with asyncio.timeout(60):
        while world.sandboxes[name].ends <= short:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert world.sandboxes[name].state == "running"
    await box.close()
    assert box._keeper.done()


async def test_a_sandbox_is_closed_although_a_call_keeps_its_cancellation_to_itself(
    made: E2BProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    calling = asyncio.Event()

    async def live_for(_name: str, _seconds: float) -> None:
        calling.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)

    monkeypatch.setattr(box_module, "KEEP_SECONDS", 0.01)
    box = await made.open(SPEC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cloud_module, "live_for", live_for)
        async with asyncio.timeout(60):
            await calling.wait()
            box._keeper.cancel()
            await asyncio.wait([box._keeper])
    assert box._keeper.done()
    await box.close()


async def test_keeping_alive_outlasts_an_api_that_is_down(
    made: E2BProvider, world: E2BCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(box_module, "KEEP_SECONDS", 0.2)
    monkeypatch.setattr(box_module, "RETRY_SECONDS", 0.2)
    box = await made.open(SPEC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("E2B_API_URL", "http://127.0.0.1:9")
        await asyncio.sleep(1)
        assert await sh(box, "echo on") == "on\n"
    before = len(world.requests)
    async with asyncio.timeout(60):
        while not any(seen.path.endswith("/timeout") for seen in world.requests[before:]):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    await box.close()


async def test_a_closed_workspace_is_paused_and_opens_again(
    made: E2BProvider, world: E2BCloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(box_module, "CLOSED_SECONDS", 1)
    box = await made.open(SPEC)
    await sh(box, "echo kept > /job/note; echo gone > /tmp/note; echo d > deliverables/d")
    await box.close()
    await paused(box.machine.sandbox_id)
    assert [one.running for one in await made.resources()] == [False]
    assert (await made.collect("w", tmp_path / "out", TreeLimits())).files == ("d",)
    await paused(box.machine.sandbox_id)
    again = await made.open(SPEC)
    assert await sh(again, "cat /job/note; ls -A /tmp") == "kept\n"
    assert not again.info.adopted
    await again.close()
    assert len(world.sandboxes) == 1


async def test_a_sandbox_whose_time_ran_out_is_woken(made: E2BProvider, world: E2BCloud) -> None:
    box = await made.open(SPEC)
    await sh(box, BEAT, keep=True)
    await sh(box, "echo here > /tmp/note")
    await AsyncSandbox.pause(box.machine.sandbox_id)
    world.drop_streams(box.machine.sandbox_id)  # as the edge does some time after a pause
    await asyncio.sleep(0.3)
    first = int(await sh(box, "cat /tmp/note >&2; stat -c %s /job/beat"))
    assert world.sandboxes[box.machine.sandbox_id].state == "running"
    assert await beats_on(box, first)
    await box.close()


async def test_a_broken_connection_is_mended(made: E2BProvider, world: E2BCloud) -> None:
    box = await made.open(SPEC)
    await sh(box, BEAT, keep=True)
    await sh(box, "echo here > /tmp/note")
    for _ in range(3):
        assert world.drop_streams(box.machine.sandbox_id)
        await asyncio.sleep(0.3)
        assert await asyncio.gather(*(sh(box, "cat /tmp/note") for _ in range(4))) == ["here\n"] * 4
    first = int(await sh(box, "stat -c %s /job/beat"))
    assert await beats_on(box, first)
    await box.close()


async def test_a_request_whose_sending_fails_is_lost_and_the_next_is_not(
    made: E2BProvider, world: E2BCloud
) -> None:
    box = await made.open(SPEC)
    for _ in range(2):
        world.cut("/process.Process/SendInput")
        await lost(
            box, "sleep 20"
        )  # what is over at once may be answered before its sending is known to have failed
        assert await sh(box, "echo on") == "on\n"
    await box.close()


async def test_a_mending_that_is_cancelled_is_tried_again(made: E2BProvider, world: E2BCloud) -> None:
    box = await made.open(SPEC)
    world.drop_streams(box.machine.sandbox_id)
    await asyncio.sleep(0.3)
    world.slow(api=1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(sh(box, "echo never"), 0.3)
    world.slow()
    assert await sh(box, "echo on") == "on\n"
    await box.close()


async def test_closing_while_it_is_mended_ends_both(made: E2BProvider, world: E2BCloud) -> None:
    box = await made.open(SPEC)
    world.drop_streams(box.machine.sandbox_id)
    await asyncio.sleep(0.3)
    world.slow(api=0.5)
    mending = asyncio.create_task(lost(box))
    await asyncio.sleep(0.1)
    await box.close()
    await mending
    assert not held(made, "w")


async def test_what_was_under_way_is_lost_with_the_connection(made: E2BProvider, world: E2BCloud) -> None:
    box = await made.open(SPEC)
    waiting = asyncio.create_task(lost(box, "sleep 7801; echo no > /job/no", seconds=600))
    await asyncio.sleep(0.5)
    world.drop_streams(box.machine.sandbox_id)
    await asyncio.wait_for(waiting, 60)
    assert await sh(box, "cat /proc/*/cmdline | tr '\\0' ' ' | grep -c 'sleep [7]801'; ls /job") == (
        "0\ndeliverables\ninputs\n"
    )
    await box.close()


async def test_a_sandbox_that_is_gone(made: E2BProvider, world: E2BCloud, tmp_path: Path) -> None:
    box = await made.open(SPEC)
    await sh(box, "echo work > deliverables/work")
    waiting = asyncio.create_task(lost(box, "sleep 600", seconds=600))
    await asyncio.sleep(0.3)
    world.kill(box.machine.sandbox_id)
    await asyncio.wait_for(waiting, 60)
    await lost(box)
    await lost(box)
    await asyncio.wait_for(box.close(), 60)
    assert not held(made, "w")
    # Whoever goes on with this workspace is told once that it is empty now.
    with pytest.raises(SandboxFault) as fault:
        await made.open(SPEC)
    assert fault.value.cause is Cause.sandbox_lost
    again = await made.open(SPEC)
    assert await sh(again, "ls deliverables") == ""
    await again.close()


async def test_what_is_gone_cannot_be_collected(made: E2BProvider, world: E2BCloud, tmp_path: Path) -> None:
    box = await made.open(SPEC)
    await box.close()
    world.kill(box.machine.sandbox_id)
    with pytest.raises((SandboxFault, FileNotFoundError)):
        await made.collect("w", tmp_path / "out", TreeLimits())
    with pytest.raises(FileNotFoundError):
        await made.collect("w", tmp_path / "out", TreeLimits())
    await made.discard("w")
    assert not list(made._book.workspaces())


async def test_a_sandbox_that_hangs_is_lost(
    made: E2BProvider, world: E2BCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PING_SECONDS", 1.0)
    monkeypatch.setattr(client, "SYNC_SECONDS", 1.0)
    monkeypatch.setattr(box_module, "PING_EVERY", 0.5)
    monkeypatch.setattr(box_module, "KILL_SECONDS", 1.0)
    box = await made.open(SPEC)
    world.freeze(box.machine.sandbox_id)
    started = time.monotonic()
    await lost(box, "sleep 600", seconds=600)
    await asyncio.wait_for(box.close(), 60)
    assert time.monotonic() - started < 300
    world.thaw(box.machine.sandbox_id)
    again = await made.open(SPEC)
    assert await sh(again, "echo on") == "on\n"
    await again.close()


async def test_closing_while_the_api_is_down_ends(made: E2BProvider, world: E2BCloud) -> None:
    box = await made.open(SPEC)
    await sh(box, BEAT, keep=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("E2B_API_URL", "http://127.0.0.1:9")
        world.cut("/process.Process/", count=50)
        await asyncio.wait_for(box.close(), 120)
    world.calm()
    assert not held(made, "w")
    again = await made.open(SPEC)
    first = await sh(again, "stat -c %s /job/beat")
    await asyncio.sleep(0.3)
    assert await sh(again, "stat -c %s /job/beat") == first
    await again.close()


@pytest.mark.parametrize("line", ["head -c 20000000 /dev/zero > big", "mkdir d; cd d; seq 1000 | xargs touch"])
async def test_a_workspace_that_grows_too_large_ends_the_sandbox(
    made: E2BProvider, world: E2BCloud, tmp_path: Path, line: str
) -> None:
    limits = SandboxLimits(workspace_bytes=8 << 20, workspace_files=500)
    box = await made.open(SandboxSpec(workspace="w", limits=limits))
    await sh(box, "echo work > deliverables/work")
    for attempt in (f"{line}; sleep 60", "true"):
        with pytest.raises(SandboxFault) as fault:
            await sh(box, attempt, seconds=30)
        assert fault.value.cause is Cause.workspace_full
        assert "outgrown" in fault.value.detail
    await box.close()
    assert (await made.collect("w", tmp_path / "out", TreeLimits())).files == ("work",)


HARNESS = """
import asyncio, sys
from pathlib import Path
from sandbox import Command, SandboxSpec, provider

async def main():
    box = await provider("e2b", Path(sys.argv[1])).open(SandboxSpec(workspace="w"))
    line = "echo here > /tmp/note; (while :; do echo x >> /job/beat; sleep 0.05; done) & "
    line += "until [ -s /job/beat ]; do sleep 0.02; done"
    await box.run(Command(argv=("bash", "-c", line), keep_background=True))
    asyncio.create_task(box.run(Command(argv=("sleep", "7802"))))
    await asyncio.sleep(0.3)
    print("ready", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def killed_harness(made: E2BProvider) -> None:
    """A process with an open sandbox dies; another one must not wait for it."""
    state = str(made._state)
    command = (sys.executable, "-c", HARNESS, state)
    harness = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
    assert harness.stdout is not None
    assert await harness.stdout.readline() == b"ready\n"
    harness.kill()
    await harness.wait()


async def test_a_living_sandbox_is_adopted(made: E2BProvider, world: E2BCloud) -> None:
    await killed_harness(made)
    box = await made.open(SPEC)
    assert box.info.adopted
    assert await sh(box, "cat /tmp/note") == "here\n"
    assert await sh(box, "cat /proc/*/cmdline | tr '\\0' ' ' | grep -c 'sleep [7]802'") == "0\n"
    first = int(await sh(box, "stat -c %s /job/beat"))
    assert await beats_on(box, first)
    await box.close()
    assert len(world.sandboxes) == 1


async def test_a_sandbox_that_was_paused_meanwhile_is_adopted(made: E2BProvider, world: E2BCloud) -> None:
    await killed_harness(made)
    (name,) = world.sandboxes
    await AsyncSandbox.pause(name)
    box = await made.open(SPEC)
    assert box.info.adopted
    assert await sh(box, "cat /tmp/note") == "here\n"
    await box.close()


async def test_a_sandbox_of_another_spec_is_replaced(made: E2BProvider, world: E2BCloud) -> None:
    await killed_harness(made)
    box = await made.open(SandboxSpec(workspace="w", limits=SandboxLimits(processes=50)))
    assert not box.info.adopted
    first = await sh(box, "ls /tmp; stat -c %s /job/beat")
    await asyncio.sleep(0.3)
    assert await sh(box, "ls /tmp; stat -c %s /job/beat") == first
    await box.close()
    assert len(world.sandboxes) == 1


async def test_a_sandbox_that_was_never_noted_is_found(made: E2BProvider, world: E2BCloud) -> None:
    box = await made.open(SPEC)
    await sh(box, "echo kept > note")
    await box.close()
    lease = made._book.take("w")
    lease.write({"asked": True})
    lease.release()
    again = await made.open(SPEC)
    assert await sh(again, "cat note") == "kept\n"
    assert again.machine.sandbox_id == box.machine.sandbox_id
    await again.close()
    assert len(world.sandboxes) == 1


async def test_a_held_workspace_is_refused(made: E2BProvider) -> None:
    box = await made.open(SPEC)
    with pytest.raises(SandboxFault) as fault:
        await made.open(SPEC)
    assert fault.value.cause is Cause.sandbox_start
    assert await sh(box, "echo on") == "on\n"
    await box.close()
