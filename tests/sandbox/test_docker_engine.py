from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import Cause, SandboxFault
from sandbox import Command, SandboxSpec, TreeLimits, image_tag, provider
from sandbox.docker import engine as engines
from sandbox.docker.provider import DockerProvider
from tests.sandbox.contract.helpers import sh
from tests.sandbox.own_engine import OwnEngine
from tests.sandbox.readiness import need


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnEngine]:
    need(provider("docker", tmp_path_factory.mktemp("state")), "docker")
    found = OwnEngine()
    found.start()
    try:
        found.load(image_tag())
        yield found
    finally:
        found.end()


@pytest.fixture
def made(own: OwnEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DockerProvider:
    monkeypatch.setenv("DOCKER_HOST", own.host)
    found = provider("docker", tmp_path / "state")
    assert isinstance(found, DockerProvider)
    assert found.problem() is None
    return found


async def reaped(made: DockerProvider) -> None:
    """Everything of this owner can be removed, as the reaper does it: looking again until nothing is left."""
    for _ in range(240):
        for row in await made.resources():
            await made.remove(row)
        if not await made.resources():
            break
        await asyncio.sleep(0.5)  # an engine that was killed still lists for a moment what it is removing
    assert await made.resources() == ()


async def test_an_engine_killed_while_a_command_runs(own: OwnEngine, made: DockerProvider, tmp_path: Path) -> None:
    other = provider("bwrap", tmp_path / "other")
    need(other, "bwrap")
    beside = await other.open(SandboxSpec(workspace="beside"))
    besides = asyncio.create_task(sh(beside, "sleep 4; echo untouched"))
    box = await made.open(SandboxSpec(workspace="one"))
    await sh(box, "echo work > deliverables/a")
    waiting = asyncio.create_task(box.run(Command(argv=("sleep", "300"), timeout_seconds=300)))
    await asyncio.sleep(0.5)
    began = time.monotonic()
    await asyncio.to_thread(own.signal, signal.SIGKILL)
    with pytest.raises(SandboxFault) as fault:
        await waiting
    assert fault.value.cause is Cause.sandbox_lost
    with pytest.raises(SandboxFault) as fault:
        await box.read("/job/deliverables/a", max_bytes=10)
    assert fault.value.cause is Cause.sandbox_lost
    await box.close()
    for work in (made.open(SandboxSpec(workspace="one")), made.collect("one", tmp_path / "out", TreeLimits())):
        with pytest.raises(SandboxFault) as fault:
            await work
        assert fault.value.cause in (Cause.sandbox_start, Cause.sandbox_lost)
    assert time.monotonic() - began < 200
    assert (await besides).stdout.text == "untouched\n"
    await beside.close()
    await other.discard("beside")
    await asyncio.to_thread(own.start)
    assert (await made.collect("one", tmp_path / "out", TreeLimits())).files == ("a",)
    again = await made.open(SandboxSpec(workspace="one"))
    assert (await sh(again, "cat deliverables/a; pgrep sleep")).stdout.text == "work\n"
    await again.close()
    await reaped(made)


async def test_an_engine_killed_while_sandboxes_are_opened(own: OwnEngine, made: DockerProvider) -> None:
    specs = [SandboxSpec(workspace=f"w{number}") for number in range(6)]
    opening = [asyncio.create_task(made.open(spec)) for spec in specs]
    for _ in range(1000):
        if await asyncio.to_thread(lambda: engines.engine().api.containers(all=True)):
            break
        await asyncio.sleep(0.01)
    began = time.monotonic()
    await asyncio.to_thread(own.signal, signal.SIGKILL)
    results = await asyncio.gather(*opening, return_exceptions=True)
    assert time.monotonic() - began < 200
    faults = [result for result in results if isinstance(result, BaseException)]
    assert faults
    assert all(isinstance(fault, SandboxFault) and fault.cause is Cause.sandbox_start for fault in faults), faults
    for box in results:
        if not isinstance(box, BaseException):
            await box.close()
    await asyncio.to_thread(own.start)
    opened = await asyncio.gather(*(made.open(spec) for spec in specs))  # every lease was let go
    assert [(await sh(box, "echo on")).stdout.text for box in opened] == ["on\n"] * 6
    await asyncio.gather(*(box.close() for box in opened))
    await reaped(made)


async def test_an_engine_that_does_not_answer(
    own: OwnEngine, made: DockerProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = await made.open(SandboxSpec(workspace="one"))
    monkeypatch.setattr(engines.engine().api, "timeout", 2)
    own.signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(SandboxFault) as fault:
            await made.open(SandboxSpec(workspace="two"))
        assert fault.value.cause is Cause.sandbox_start
        await box.close()
        with pytest.raises(SandboxFault):
            await made.resources()
        assert time.monotonic() - began < 100
    finally:
        own.signal(signal.SIGCONT)
    monkeypatch.undo()
    monkeypatch.setenv("DOCKER_HOST", own.host)
    again = await made.open(SandboxSpec(workspace="one"))
    assert (await sh(again, "echo on")).stdout.text == "on\n"
    await again.close()
    await reaped(made)


async def test_a_full_disk_is_said_as_such(own: OwnEngine, made: DockerProvider) -> None:
    box = await made.open(SandboxSpec(workspace="one"))
    full = own.root / "data" / "full"
    with full.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(b"x" * (1 << 20))
        except OSError:
            pass
        try:
            while True:
                stream.write(b"x")
        except OSError:
            pass
    try:
        with pytest.raises(SandboxFault) as fault:
            await made.open(SandboxSpec(workspace="two"))
        assert fault.value.cause is Cause.disk_full
        assert (await sh(box, "echo alive")).stdout.text == "alive\n"
    finally:
        full.unlink()
    two = await made.open(SandboxSpec(workspace="two"))
    for one in (box, two):
        assert (await sh(one, "echo on")).stdout.text == "on\n"
        await one.close()
    await reaped(made)
