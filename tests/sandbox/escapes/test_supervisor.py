"""The supervisor attacked from its own sandbox: the sandbox may be lost, with a cause; nothing else is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator

import pytest

from core import Cause, SandboxFault
from sandbox import Command, Sandbox, SandboxSpec
from sandbox.supervisor import client
from tests.sandbox.escapes.attempt import escape, held
from tests.sandbox.escapes.scene import INSIDE, MIB, TOOLS, Scene
from tests.sandbox.escapes.test_bombs import own_memory

pytestmark = pytest.mark.asyncio(loop_scope="session")

FAMILY = "supervisor"
LOSS = (Cause.sandbox_lost, Cause.sandbox_protocol)
APART = held("a process that its user cannot open", runsc="the wire")
OTHER_USER = "another user's process"
NO_SIGNAL = "first process takes no signal"


async def attacked(scene: Scene, name: str, *, seconds: float = 20, **facts: object) -> None:
    """Attack, go on, and open the workspace again: what lies in it is still there."""
    spec = SandboxSpec(workspace=scene.key())
    box = await scene.again(spec)
    await box.upload(INSIDE, f"{TOOLS}/inside")
    await box.write("/job/deliverables/kept.txt", b"kept")
    argv = ("python3", "-S", "-m", "inside", f"supervisor:{name}")
    told = json.dumps(scene.witness.facts(scene.param) | facts)
    command = Command(argv=argv, cwd=TOOLS, env={"FACTS": told}, timeout_seconds=seconds)
    started = time.monotonic()
    with lost_with_a_cause():
        scene.said(await box.run(command))
    with lost_with_a_cause(), contextlib.suppress(AssertionError, OSError):
        await work(scene, box)  # its own sandbox may be of no use any more
    assert time.monotonic() - started < seconds + 50, "the harness was kept waiting"
    await box.close()
    again = await scene.again(spec)
    await work(scene, again)
    assert await again.read("/job/deliverables/kept.txt", max_bytes=10) == b"kept"


@contextlib.contextmanager
def lost_with_a_cause() -> Iterator[None]:
    """A lost sandbox is fine here; any other fault is none that an agent may cause."""
    try:
        yield
    except SandboxFault as fault:
        if fault.cause not in LOSS:
            raise


async def work(scene: Scene, box: Sandbox) -> None:
    """An honest command and an honest file."""
    assert (await scene.sh(box, "echo honest", seconds=5)).stdout.text == "honest\n"
    await box.write("/job/note", b"n")
    assert await box.read("/job/note", max_bytes=10) == b"n"


@escape(
    FAMILY,
    "killed",
    "Kills every process number and all at once (kill -1).",
    held(NO_SIGNAL, runsc="the wire", e2b=OTHER_USER),
)
async def test_kill(scene: Scene) -> None:
    await attacked(scene, "kill")


@escape(
    FAMILY,
    "stopped supervisor",
    "Stops every other process, to outlive its deadline.",
    held(NO_SIGNAL, runsc="the harness's own deadline"),
)
async def test_stop(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "GRACE_SECONDS", 3.0)
    await attacked(scene, "stop", seconds=2, last=60)


@escape(
    FAMILY,
    "impersonated",
    "Writes answers to its streams, reads its requests away, takes its descriptors.",
    {**APART, "e2b": OTHER_USER},
)
async def test_speak(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "GRACE_SECONDS", 3.0)
    await attacked(scene, "speak", seconds=5)


@escape(FAMILY, "memory overwritten", "Writes over the supervisor's memory and traces it.", APART)
async def test_memory(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "GRACE_SECONDS", 3.0)
    await attacked(scene, "memory", seconds=5)


@escape(FAMILY, "errors flooded", "Pours hundreds of megabytes into its standard error.", APART)
async def test_flood(scene: Scene) -> None:
    before = own_memory()
    await attacked(scene, "flood")
    assert own_memory() - before < 200 * MIB


@escape(
    FAMILY,
    "limits lowered",
    "Sets the supervisor's limits so low that it can open and start nothing, or is ended.",
    held("seccomp", runsc="the wire"),
)
async def test_limits(scene: Scene) -> None:
    await attacked(scene, "limits")


@escape(
    FAMILY,
    "replies drowned",
    "A hundred commands at once write all they can.",
    held("supervisor, the wire"),
)
async def test_drowned(scene: Scene) -> None:
    box = await scene.open()
    before = own_memory()
    count = 20 if scene.by_gvisor else 100
    lines = (scene.sh(box, "head -c 3000000 /dev/urandom", seconds=60) for _ in range(count))
    results = await asyncio.gather(*lines)
    assert all(result.stdout.total == 3_000_000 for result in results)
    assert own_memory() - before < 300 * MIB
    await work(scene, box)


@escape(
    FAMILY,
    "spill into the wire",
    "Names the supervisor's own streams and a device as the file for its output.",
    held("regular files only"),
)
async def test_spill(scene: Scene) -> None:
    box = await scene.open()
    for path in ("/proc/1/fd/1", "/proc/self/fd/1", "/dev/stdout", "/dev/full", "/job/inputs/x", "/opt/upbench/x"):
        command = Command(argv=("echo", "lie"), spill=path, timeout_seconds=10)
        with contextlib.suppress(ValueError):
            assert (await box.run(command)).exit_code == 126, path
    await work(scene, box)
