from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from core import BadInput, Cause, MissingTool, SandboxFault
from sandbox import NetworkPolicy, ProviderOptions, SandboxSpec, provider, toolbox_path
from sandbox.e2b import cloud
from sandbox.e2b.pack import toolbox_folder
from sandbox.e2b.provider import E2BProvider
from sandbox.e2b.templates import own_template
from tests.sandbox.e2b.world import held, made, own_cloud, sh, world
from tests.standins.e2b.cloud import E2BCloud
from tests.standins.e2b.records import Limits, Template

__all__ = ["made", "own_cloud", "world"]
SPEC = SandboxSpec(workspace="w")


async def refused(made: E2BProvider, spec: SandboxSpec = SPEC) -> SandboxFault:
    """The fault of an opening, which leaves nothing behind."""
    with pytest.raises(SandboxFault) as fault:
        await made.open(spec)
    assert not held(made, spec.workspace)
    return fault.value


def test_without_a_key_it_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("E2B_API_KEY", raising=False)
    assert provider("e2b", tmp_path).problem() == ("E2B_API_KEY is not set", "export E2B_API_KEY=...")


@pytest.mark.parametrize("key", ["e2b_5\n5", " e2b_55", "e2b_55\r", "e2b_5\u00e95", "e2b_5\x7f"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("E2B_API_KEY", key)
    problem = provider("e2b", tmp_path).problem()
    assert problem is not None
    assert "no key has" in problem[0]
    assert key.strip() not in " ".join(problem)


def test_the_sdk_s_debug_mode_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2B_API_KEY", "e2b_x")
    monkeypatch.setenv("E2B_DEBUG", "True")
    problem = provider("e2b", tmp_path).problem()
    assert problem is not None
    assert problem[1] == "unset E2B_DEBUG"


async def test_without_a_key_nothing_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("E2B_API_KEY", raising=False)
    with pytest.raises(MissingTool, match="E2B_API_KEY"):
        await provider("e2b", tmp_path).open(SPEC)
    assert not os.listdir(tmp_path)


async def test_a_wrong_key(made: E2BProvider, world: E2BCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2B_API_KEY", "e2b_" + "0" * 40)
    assert (await refused(made)).cause is Cause.sandbox_unauthorised
    with pytest.raises(SandboxFault) as fault:
        await made.discard("w")
    assert fault.value.cause is Cause.sandbox_unauthorised


def test_a_key_is_checked(world: E2BCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = provider("e2b", tmp_path)
    monkeypatch.setattr(cloud, "_accepted", set())
    monkeypatch.setattr(cloud, "KEY_SECONDS", 0.5)
    monkeypatch.setenv("E2B_API_URL", "http://127.0.0.1:1")
    said = made.problem()
    assert said is not None
    assert "does not accept" not in said[0]
    monkeypatch.undo()
    monkeypatch.setenv("E2B_API_KEY", "e2b_" + "0" * 40)
    assert made.problem() == ("E2B does not accept the key", "export E2B_API_KEY=... with a key of your E2B team")
    monkeypatch.undo()


async def test_an_accepted_key_is_not_asked_about_again(world: E2BCloud, tmp_path: Path) -> None:
    made = provider("e2b", tmp_path)
    assert made.problem() is None, "also while an event loop runs"
    seen = len(world.requests)
    assert made.problem() is None
    assert len(world.requests) == seen


def test_a_key_check_does_not_wait_for_ever(
    world: E2BCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.slow(api=30)
    monkeypatch.setattr(cloud, "_accepted", set())
    monkeypatch.setattr(cloud, "KEY_SECONDS", 0.5)
    started = time.monotonic()
    assert provider("e2b", tmp_path).problem() is not None
    assert time.monotonic() - started < 20


async def test_a_rate_limit_is_waited_for(made: E2BProvider, world: E2BCloud) -> None:
    world.fail_creates(1, 429, "slow down", retry_after=1)
    started = time.monotonic()
    box = await made.open(SPEC)
    assert time.monotonic() - started >= 1
    assert await sh(box, "echo on") == "on\n"
    await box.close()


async def test_a_rate_limit_that_stays_is_a_cause(
    made: E2BProvider, world: E2BCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud, "CREATE_SECONDS", 2.0)
    monkeypatch.setattr(cloud, "RATE_SECONDS", 3.0)
    world.fail_creates(1000, 429, "slow down")
    started = time.monotonic()
    assert (await refused(made)).cause is Cause.sandbox_rate_limited
    assert time.monotonic() - started > 1, "it was waited for"


async def test_room_in_the_account_is_waited_for(
    made: E2BProvider, world: E2BCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.limit(Limits(concurrent=1))
    first = await made.open(SPEC)
    monkeypatch.setattr(cloud, "RATE_SECONDS", 0.0)
    assert (await refused(made, SandboxSpec(workspace="second"))).cause is Cause.sandbox_rate_limited
    monkeypatch.undo()
    monkeypatch.setattr(cloud, "FIRST_PAUSE", 0.2)
    opening = asyncio.create_task(made.open(SandboxSpec(workspace="second")))
    await asyncio.sleep(0.5)
    assert not opening.done()
    await first.close()
    await made.discard(SPEC.workspace)
    second = await opening
    assert await sh(second, "echo on") == "on\n"
    await second.close()


@pytest.mark.parametrize("status", [500, 503])
async def test_a_creation_that_fails(
    made: E2BProvider, world: E2BCloud, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(cloud, "CREATE_SECONDS", 1.0)
    world.fail_creates(1000, status)
    assert (await refused(made)).cause is Cause.sandbox_start
    assert not world.sandboxes


async def test_a_busy_cloud_is_asked_again(made: E2BProvider, world: E2BCloud) -> None:
    world.fail_creates(2, 503)
    box = await made.open(SPEC)
    assert len(world.sandboxes) == 1
    await box.close()


async def test_a_template_that_is_not_there_is_named(tmp_path: Path, world: E2BCloud) -> None:
    made = E2BProvider(tmp_path, ProviderOptions(e2b_template="nobody-s", e2b_creations_per_second=100))
    fault = await refused(made)
    assert fault.cause is Cause.sandbox_start
    assert "`nobody-s`" in fault.detail
    assert "e2b_template" in fault.detail


async def test_an_api_that_is_not_there(
    made: E2BProvider, world: E2BCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("E2B_API_URL", "http://127.0.0.1:9")
    started = time.monotonic()
    assert (await refused(made)).cause is Cause.sandbox_start
    assert time.monotonic() - started < 80


async def test_ports_are_refused(made: E2BProvider, world: E2BCloud) -> None:
    policy = NetworkPolicy.model_validate({"mode": "allow", "domains": ["a.example:8443", "b.example"]})
    assert "a.example:8443" in str(made.refuses(policy))
    with pytest.raises(BadInput, match="port"):
        await made.open(SandboxSpec(workspace="w", network=policy))
    assert not world.sandboxes


def small_toolbox(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed toolbox that is quickly sent."""
    monkeypatch.setenv("UPBENCH_CACHE", str(folder))
    package = toolbox_path() / "small_one"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("WHERE = __file__\n")


async def test_what_a_template_lacks_is_sent(
    world: E2BCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_toolbox(tmp_path, monkeypatch)
    made = E2BProvider(tmp_path, ProviderOptions(e2b_template="base", e2b_creations_per_second=100))
    starts = [seen.path for seen in world.requests].count("/process.Process/Start")
    for workspace in ("one", "two"):
        box = await made.open(SandboxSpec(workspace=workspace))
        assert await sh(box, "python3 -c 'import small_one; print(small_one.WHERE)'") == (
            "/opt/toolbox/small_one/__init__.py\n"
        )
        assert await sh(box, "touch /opt/toolbox/x || echo read-only") == "read-only\n"
        await box.close()
    # Three supervisors and two unpackings to learn what is lacking; then two unpackings and a supervisor.
    assert [seen.path for seen in world.requests].count("/process.Process/Start") - starts == 8


async def test_without_a_template_of_ours_the_plain_one_is_used(
    world: E2BCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_toolbox(tmp_path, monkeypatch)
    ours = world._fleet.templates.pop(own_template())
    try:
        made = E2BProvider(tmp_path, ProviderOptions(e2b_creations_per_second=100))
        boxes = await asyncio.gather(*(made.open(SandboxSpec(workspace=f"w{n}")) for n in range(3)))
        assert {box.info.image for box in boxes} == {"base"}
        await asyncio.gather(*(box.close() for box in boxes))
        assert len(world.sandboxes) == 3
    finally:
        world.register(ours)


async def test_without_a_toolbox_anywhere_the_mend_is_said(
    world: E2BCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPBENCH_CACHE", str(tmp_path))
    made = E2BProvider(tmp_path, ProviderOptions(e2b_template="base", e2b_creations_per_second=100))
    fault = await refused(made)
    assert fault.cause is Cause.sandbox_start
    assert "upbench toolbox install" in fault.detail
    assert not world.sandboxes


async def test_another_python_is_said(world: E2BCloud, tmp_path: Path) -> None:
    (tmp_path / "python3").write_text("#!/bin/sh\necho 3.9\n")
    (tmp_path / "python3").chmod(0o755)
    shown = {toolbox_folder(): toolbox_path(), "/usr/bin/python3": tmp_path / "python3"}
    world.register(Template("old", shown=shown))
    made = E2BProvider(tmp_path / "s", ProviderOptions(e2b_template="old", e2b_creations_per_second=100))
    fault = await refused(made)
    assert fault.cause is Cause.sandbox_start
    assert "Python 3.9" in fault.detail
    assert not world.sandboxes


@pytest.mark.parametrize("after", [0.05, 0.6])
async def test_a_cancelled_opening_leaves_nothing(made: E2BProvider, world: E2BCloud, after: float) -> None:
    world.slow(api=0.3, sandbox=0.1)
    opening = asyncio.create_task(made.open(SPEC))
    await asyncio.sleep(after)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert not world.sandboxes
    assert not held(made, "w")


async def test_creations_keep_to_the_rate(tmp_path: Path, world: E2BCloud) -> None:
    made = E2BProvider(tmp_path, ProviderOptions(e2b_creations_per_second=2))
    started = time.monotonic()
    boxes = await asyncio.gather(*(made.open(SandboxSpec(workspace=f"w{n}")) for n in range(4)))
    assert time.monotonic() - started >= 1.5
    await asyncio.gather(*(box.close() for box in boxes))
