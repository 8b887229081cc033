from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
from e2b import AsyncSandbox

from core import BadInput, SandboxFault
from sandbox import NetworkPolicy, ProviderOptions, Resource, SandboxSpec, TreeLimits, owner_of
from sandbox.e2b.provider import E2BProvider
from sandbox.e2b.rate import CreationGate, creation_gate
from tests.sandbox.e2b.world import held, made, own_cloud, sh, world
from tests.standins.e2b import api as standin_api
from tests.standins.e2b.cloud import E2BCloud

__all__ = ["made", "own_cloud", "world"]
LABELS = {"run": "r-1", "trial": "t-1"}


def network(mode: str, *domains: str) -> NetworkPolicy:
    return NetworkPolicy.model_validate({"mode": mode, "domains": domains})


async def test_every_machine_says_whose_it_is(made: E2BProvider, world: E2BCloud, tmp_path: Path) -> None:
    box = await made.open(SandboxSpec(workspace="w", labels=LABELS))
    (found,) = await made.resources()
    owner = owner_of(tmp_path / "state")
    assert found == Resource(
        provider="e2b",
        kind="sandbox",
        id=box.machine.sandbox_id,
        workspace="w",
        owner=owner,
        run="r-1",
        trial="t-1",
        lease=found.lease,
        running=True,
    )
    assert found.lease
    labels = {"app": "upbench", "owner": owner, "workspace": "w", "lease": found.lease}
    assert world.sandboxes[found.id].metadata == {**LABELS, **labels}
    await box.close()


async def test_before_anything_is_opened_there_is_no_owner(made: E2BProvider, tmp_path: Path) -> None:
    assert await made.resources() == ()
    assert not (tmp_path / "state").exists()


async def test_another_owner_s_is_never_touched(made: E2BProvider, world: E2BCloud, tmp_path: Path) -> None:
    other = E2BProvider(tmp_path / "other", ProviderOptions(e2b_creations_per_second=100))
    theirs = await other.open(SandboxSpec(workspace="w"))
    ours = await made.open(SandboxSpec(workspace="w"))
    await ours.close()
    (of_others,) = await other.resources()
    assert [one.id for one in await made.resources()] == [ours.machine.sandbox_id]
    with pytest.raises(BadInput, match="belongs to another owner"):
        await made.remove(of_others)
    await made.discard("w")
    assert set(world.sandboxes) == {theirs.machine.sandbox_id}
    assert await sh(theirs, "echo on") == "on\n"
    await theirs.close()


async def test_all_pages_are_read(made: E2BProvider, world: E2BCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standin_api, "PAGE", 2)
    boxes = await asyncio.gather(*(made.open(SandboxSpec(workspace=f"w{n}")) for n in range(5)))
    await asyncio.gather(*(box.close() for box in boxes))
    assert {one.workspace for one in await made.resources()} == {f"w{n}" for n in range(5)}


async def test_what_is_removed_is_gone_once_and_for_all(made: E2BProvider, world: E2BCloud) -> None:
    box = await made.open(SandboxSpec(workspace="w"))
    await box.close()
    (found,) = await made.resources()
    await made.remove(found)
    await made.remove(found)
    assert not world.sandboxes
    assert await made.resources() == ()


async def test_discarding_removes_all_machines_of_a_workspace(made: E2BProvider, world: E2BCloud) -> None:
    box = await made.open(SandboxSpec(workspace="w"))
    await box.close()
    metadata = world.sandboxes[box.machine.sandbox_id].metadata
    await AsyncSandbox.create("base", metadata=metadata)  # as a harness may leave that died at the wrong moment
    await AsyncSandbox.create("base", metadata={**metadata, "workspace": "another"})
    await made.discard("w")
    await made.discard("w")
    assert [one.metadata["workspace"] for one in world.sandboxes.values()] == ["another"]
    assert not list(made._book.workspaces())


async def test_an_unknown_workspace_cannot_be_collected(
    made: E2BProvider, world: E2BCloud, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        await made.collect("never", tmp_path / "out", TreeLimits())
    assert not world.sandboxes
    assert not held(made, "never")
    assert not list(made._book.workspaces())


async def test_discarding_when_the_api_is_down_is_a_fault(
    made: E2BProvider, world: E2BCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = await made.open(SandboxSpec(workspace="w"))
    await box.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("E2B_API_URL", "http://127.0.0.1:9")
        for name in ("w", "never"):
            with pytest.raises(SandboxFault):
                await made.discard(name)
    assert list(made._book.workspaces()) == ["w"]
    assert not held(made, "w")
    await made.discard("w")
    assert not world.sandboxes


POLICIES = {
    "none": (network("none"), {"allow_public_traffic": False}, False, "namespace"),
    "allow": (
        network("allow", "example.org", "*.example.com"),
        {
            "allow_out": ["*.example.com", "example.org"],
            "deny_out": ["0.0.0.0/0"],
            "allow_public_traffic": False,
        },
        None,
        "provider",
    ),
    "open": (
        network("open"),
        {
            "deny_out": ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"],
            "allow_public_traffic": False,
        },
        None,
        "provider",
    ),
}


def rules(found: object) -> dict[str, object]:
    """Network rules as the SDK's caller writes them."""
    assert isinstance(found, dict)
    spelt = {"allowOut": "allow_out", "denyOut": "deny_out", "allowPublicTraffic": "allow_public_traffic"}
    return {spelt[name]: value for name, value in found.items()}


@pytest.mark.parametrize("mode", POLICIES)
async def test_a_policy_is_e2b_s_own_rules(made: E2BProvider, world: E2BCloud, mode: str) -> None:
    policy, wanted, internet, enforced = POLICIES[mode]
    assert made.refuses(policy) is None
    box = await made.open(SandboxSpec(workspace="w", network=policy))
    asked = world.sandboxes[box.machine.sandbox_id].asked
    assert rules(asked["network"]) == wanted
    assert asked.get("allow_internet_access") is internet
    assert box.info.enforced["network"] == enforced
    await box.close()


async def test_another_policy_is_set_when_a_workspace_opens_again(made: E2BProvider, world: E2BCloud) -> None:
    for mode in ("none", "allow", "open", "none"):
        policy, wanted, internet, _ = POLICIES[mode]
        box = await made.open(SandboxSpec(workspace="w", network=policy))
        now = world.sandboxes[box.machine.sandbox_id]
        assert now.asked.get("allow_internet_access") is internet or mode != "none"
        assert {**rules(now.network), "allow_public_traffic": False} == wanted
        await box.close()


async def test_with_a_network_names_are_looked_up_where_the_machine_does(
    made: E2BProvider, world: E2BCloud
) -> None:
    box = await made.open(SandboxSpec(workspace="w", network=network("open")))
    assert await sh(box, "cat /etc/resolv.conf") == "nameserver 8.8.8.8\n"
    await box.close()


async def test_the_machine_itself_is_out_of_reach(made: E2BProvider) -> None:
    box = await made.open(SandboxSpec(workspace="w"))
    assert await sh(box, "ls /run /sys /var/lib/upbench 2>&1 | grep -c upbench") == "1\n"
    assert await sh(box, "sudo -n id -u; su -c id 2>/dev/null; grep NoNewPrivs /proc/self/status") == (
        "NoNewPrivs:\t1\n"
    )
    assert await sh(box, "grep -E 'CapBnd|CapPrm' /proc/self/status | cut -f2") == "0000000000000000\n" * 2
    assert await sh(box, "env | grep -c E2B_; ls /dev | tr '\\n' ' '") == (
        "0\nfd full null ptmx pts random shm stderr stdin stdout tty urandom zero "
    )
    code = "import socket; socket.create_connection(('127.0.0.1', 49983), 1)"
    assert await sh(box, f'python3 -c "{code}" 2>/dev/null || echo refused') == "refused\n"
    await box.close()


async def test_nothing_of_the_host_is_sent_that_a_link_leads_to(made: E2BProvider, tmp_path: Path) -> None:
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    (tmp_path / "secret").write_text("of the host")
    (inputs / "brief").write_text("the brief")
    (inputs / "out").symlink_to(tmp_path / "secret")
    (inputs / "in").symlink_to("brief")
    os.mkfifo(inputs / "pipe")
    box = await made.open(SandboxSpec(workspace="w", inputs=inputs))
    assert await sh(box, "cd inputs; ls; cat out 2>/dev/null; cat in") == "brief\nin\nout\nthe brief"
    await box.close()


async def test_inputs_are_sent_once_and_again_when_they_change(
    made: E2BProvider, world: E2BCloud, tmp_path: Path
) -> None:
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    (inputs / "brief").write_text("the brief")
    spec = SandboxSpec(workspace="w", inputs=inputs)
    sent = []
    for text in ("the brief", "the brief", "another one"):
        if text == "another one":
            (inputs / "brief").write_text(text)
        before = len(world.requests)
        box = await made.open(spec)
        assert await sh(box, "cat inputs/brief") == text
        await box.close()
        sent.append(sum(seen.path == "/files" for seen in world.requests[before:]))
    assert sent == [2, 0, 1]  # the program as well, at first


async def test_nobody_but_the_agent_is_in_there(made: E2BProvider) -> None:
    box = await made.open(SandboxSpec(workspace="w"))
    line = "for p in /proc/[0-9]*; do [ $(stat -c %u $p) = 1000 ] || echo ${p#/proc/}; done"
    assert await sh(box, line) == "1\n"  # or every command would be waited for
    started = time.monotonic()
    for _ in range(5):
        await sh(box, "true")
    assert time.monotonic() - started < 40
    await box.close()


async def test_limits_are_told_as_they_are_enforced(made: E2BProvider) -> None:
    box = await made.open(SandboxSpec(workspace="w"))
    assert await sh(box, "ulimit -c; ulimit -n; ulimit -u; ulimit -f") == f"0\n4096\n257\n{1 << 20}\n"
    assert {box.info.enforced[name] for name in ("processes", "file", "open_files", "memory")} == {"rlimit"}
    await box.close()


async def test_turns_are_given_in_order_and_at_the_rate() -> None:
    gate, order = CreationGate(), []

    async def one(number: int) -> None:
        await gate.turn(20)
        order.append((number, time.monotonic()))

    started = time.monotonic()
    await asyncio.gather(*(one(number) for number in range(6)))
    assert [number for number, _ in order] == list(range(6))
    assert all(at - started >= number / 20 - 0.001 for number, at in order)


async def test_an_account_has_one_gate() -> None:
    assert creation_gate("a", "k") is creation_gate("a", "k")
    assert creation_gate("a", "k") is not creation_gate("a", "l")
