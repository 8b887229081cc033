"""With a network allowed: the gate is the only way out, and leads nowhere but where the policy says."""

from __future__ import annotations

import contextlib
import json

import pytest

from core import BadInput, SandboxFault
from sandbox import Network, NetworkEvent, NetworkPolicy, Sandbox, SandboxSpec
from tests.sandbox.escapes.attempt import escape, held
from tests.sandbox.escapes.scene import INSIDE, TOOLS, Scene

pytestmark = pytest.mark.asyncio(loop_scope="session")

FAMILY = "gate"
OPEN = NetworkPolicy(mode=Network.open)
ALLOW = NetworkPolicy(mode=Network.allow, domains=("example.org",))
GATE = held("gate")


async def gated(scene: Scene, policy: NetworkPolicy, lines: list[NetworkEvent]) -> Sandbox | None:
    """A sandbox under a policy; None where the provider refuses what it cannot enforce."""
    spec = SandboxSpec(workspace=scene.key(), network=policy)
    if scene.made.refuses(policy):
        with pytest.raises(BadInput):
            await scene.made.open(spec)
        return None
    box = await scene.again(spec, audit=lines.append)
    await box.upload(INSIDE, f"{TOOLS}/inside")
    return box


@escape(
    FAMILY,
    "around the gate",
    "With `open`: connects to addresses and asks name servers itself.",
    held("network namespace"),
)
async def test_around(scene: Scene) -> None:
    lines: list[NetworkEvent] = []
    box = await gated(scene, OPEN, lines)
    if box is None:
        return
    for name in (
        "network:host_loopback",
        "network:metadata",
        "network:names",
        "network:raw_sockets",
        "network:abstract_sockets",
    ):
        scene.refused(await scene.inside(name, box))
    assert lines == []


@escape(
    FAMILY,
    "private addresses",
    "Asks it for the host's services and for metadata addresses, however they are written.",
    GATE,
)
async def test_private(scene: Scene) -> None:
    for policy in (OPEN, ALLOW):
        lines: list[NetworkEvent] = []
        box = await gated(scene, policy, lines)
        if box is None:
            return
        report = await scene.inside("gate:private", box)
        scene.refused(report)
        assert lines
        assert {line.verdict for line in lines} <= {"refused", "failed"}, "audited"
        await box.close()


@escape(
    FAMILY, "walking around the list", "Names, ports, users, headers and smuggled lines that look allowed.", GATE
)
async def test_walk_around(scene: Scene) -> None:
    lines: list[NetworkEvent] = []
    box = await gated(scene, ALLOW, lines)
    if box is None:
        return
    report = await scene.inside("gate:walk_around", box)
    scene.refused(report)
    assert not [line for line in lines if line.verdict == "allowed"], json.dumps([str(line) for line in lines])


@escape(FAMILY, "flooding the gate", "Hundreds of silent connections, garbage, endless headers.", GATE)
async def test_flood(scene: Scene) -> None:
    lines: list[NetworkEvent] = []
    box = await gated(scene, ALLOW, lines)
    if box is None:
        return
    await scene.inside("gate:flood", box)
    assert len(lines) < 2000
    report = await scene.inside("gate:walk_around", box)
    scene.refused(report)  # it still answers, and still refuses


@escape(
    FAMILY,
    "the gate's files",
    "Replaces the gate's socket, or looks for another sandbox's.",
    held("read-only mount"),
)
async def test_files(scene: Scene) -> None:
    box = await gated(scene, ALLOW, [])
    if box is None:
        return
    scene.refused(await scene.inside("gate:its_files", box))


@escape(
    FAMILY,
    "the gate's program",
    "Kills the program that leads to the gate, and listens in its place.",
    held("it serves this sandbox alone"),
)
async def test_forwarder(scene: Scene) -> None:
    box = await gated(scene, ALLOW, [])
    if box is None:
        return
    with contextlib.suppress(SandboxFault):
        await scene.inside("gate:forwarder", box)
        assert (await scene.sh(box, "echo on")).stdout.text == "on\n"
