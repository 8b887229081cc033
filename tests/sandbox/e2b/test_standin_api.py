"""The control plane, through the real SDK."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from e2b import (
    ApiParams,
    AsyncSandbox,
    AuthenticationException,
    NotFoundException,
    RateLimitException,
    SandboxException,
    SandboxInfo,
    SandboxNetworkOpts,
    SandboxNotFoundException,
    SandboxQuery,
    SandboxState,
    TimeoutException,
)

from tests.standins.e2b import E2BCloud, Limits, Template

GONE = (SandboxNotFoundException, TimeoutException)


async def until(wanted: Callable[[], bool], seconds: float = 5.0) -> bool:
    for _ in range(round(seconds / 0.02)):
        if wanted():
            break
        await asyncio.sleep(0.02)
    return wanted()


async def listed(cloud: E2BCloud, query: SandboxQuery, limit: int | None = None) -> list[list[SandboxInfo]]:
    pages = AsyncSandbox.list(query=query, limit=limit, **cloud.options)
    found = []
    while pages.has_next:
        found.append(await pages.next_items())
    return found


async def test_what_is_told_of_a_sandbox(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(
        timeout=120, metadata={"app": "a test"}, allow_internet_access=False, **e2b_cloud.options
    )
    info = await box.get_info()
    assert (info.sandbox_id, info.template_id, info.state) == (box.sandbox_id, "base", SandboxState.RUNNING)
    assert info.metadata == {"app": "a test"}
    assert info.allow_internet_access is False
    assert 118 < (info.end_at - info.started_at).total_seconds() < 122
    assert (info.cpu_count, info.memory_mb) == (2, 1024)
    assert info.lifecycle is not None
    assert await box.is_running()


async def test_a_wrong_key(e2b_cloud: E2BCloud) -> None:
    options = e2b_cloud.options | ApiParams(api_key="e2b_" + "0" * 40)
    with pytest.raises(AuthenticationException):
        await AsyncSandbox.create(**options)
    with pytest.raises(AuthenticationException):
        await AsyncSandbox.list(**options).next_items()
    assert not e2b_cloud.sandboxes


async def test_a_template_that_is_not_there(e2b_cloud: E2BCloud) -> None:
    with pytest.raises(SandboxException, match="'missing' not found") as raised:
        await AsyncSandbox.create("missing", **e2b_cloud.options)
    assert raised.value.status_code == 404


async def test_templates_hold_folders_users_and_variables(e2b_cloud: E2BCloud, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "tool").write_text("#!/bin/sh\necho worked\n")
    (tools / "tool").chmod(0o755)
    template = Template(
        "tooled", shown={"/opt/tools": tools}, users={"user": 1000, "agent": 1001}, envs={"TOOLS": "/opt/tools"}
    )
    e2b_cloud.register(template)
    box = await AsyncSandbox.create("tooled", **e2b_cloud.options)
    assert (await box.commands.run("id -u; $TOOLS/tool", user="agent")).stdout == "1001\nworked\n"
    result = await box.commands.run("touch /opt/tools/x || echo refused; touch /opt/other", user="root")
    assert result.stdout == "refused\n"
    assert [one.name for one in tools.iterdir()] == ["tool"]


async def test_the_base_template_has_no_tools_of_ours(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(**e2b_cloud.options)
    assert (await box.commands.run("ls -A /opt; ls -A /home/user; ls -d /job || true")).stdout == ""


async def test_variables_of_a_sandbox(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(envs={"A": "1", "B": "2"}, **e2b_cloud.options)
    assert (await box.commands.run("echo $A $B $E2B_SANDBOX", envs={"B": "3"})).stdout == "1 3 true\n"


async def test_killed_is_gone(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(**e2b_cloud.options)
    assert await box.kill()
    assert not await box.kill()
    assert not await box.is_running()
    with pytest.raises(SandboxNotFoundException):
        await box.get_info()
    with pytest.raises(SandboxNotFoundException):
        await box.set_timeout(10)
    for work in (box.commands.run("true"), box.files.read("/etc/passwd"), box.files.list("/")):
        with pytest.raises(GONE):
            await work


async def test_a_command_that_runs_when_its_sandbox_is_killed(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(**e2b_cloud.options)
    running = await box.commands.run("sleep 60", background=True)
    await box.kill()
    with pytest.raises(TimeoutException):
        await running.wait()


async def test_lists_by_metadata_and_state_and_template(e2b_cloud: E2BCloud) -> None:
    made = [
        await AsyncSandbox.create(metadata={"run": run, "odd one": "a&b=c %"}, **e2b_cloud.options)
        for run in ("r1", "r1", "r2")
    ]
    ids = [box.sandbox_id for box in made]
    await made[0].pause()

    async def found(**query: object) -> set[str]:
        pages = await listed(e2b_cloud, SandboxQuery(**query))  # type: ignore[arg-type]
        return {row.sandbox_id for page in pages for row in page}

    assert await found(metadata={"run": "r1"}) == set(ids[:2])
    assert await found(metadata={"run": "r1"}, state=[SandboxState.RUNNING]) == {ids[1]}
    assert await found(state=[SandboxState.PAUSED]) == {ids[0]}
    assert await found(metadata={"odd one": "a&b=c %"}) == set(ids)
    assert await found(metadata={"run": "r3"}) == set()
    assert await found(template="base") >= set(ids)
    assert await found(template="another") == set()


async def test_lists_come_in_pages(e2b_cloud: E2BCloud) -> None:
    made = [await AsyncSandbox.create(metadata={"many": "yes"}, **e2b_cloud.options) for _ in range(5)]
    pages = await listed(e2b_cloud, SandboxQuery(metadata={"many": "yes"}), limit=2)
    assert [len(page) for page in pages] == [2, 2, 1]
    newest_first = [row.sandbox_id for page in pages for row in page]
    assert newest_first == [box.sandbox_id for box in reversed(made)]


async def test_the_end_of_its_time(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(timeout=1, **e2b_cloud.options)
    assert await until(lambda: box.sandbox_id not in e2b_cloud.sandboxes)
    with pytest.raises(GONE):
        await box.commands.run("true")


async def test_time_can_be_made_longer_and_shorter(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(timeout=30, **e2b_cloud.options)
    before = (await box.get_info()).end_at
    await box.set_timeout(300)
    assert ((await box.get_info()).end_at - before).total_seconds() > 200
    assert (await box.commands.run("echo here")).stdout == "here\n"
    await box.set_timeout(0)
    assert await until(lambda: box.sandbox_id not in e2b_cloud.sandboxes)


async def until_it_ticks(box: AsyncSandbox, times: int) -> int:
    """Wait until its clock was read so often; how often it was."""
    line = f"until [ $(wc -l < /tmp/clock) -ge {times} ]; do sleep 0.05; done; wc -l < /tmp/clock"
    return int((await box.commands.run(line)).stdout)


async def test_paused_and_resumed(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(timeout=60, **e2b_cloud.options)
    clock = "nohup sh -c 'while :; do date +%s%N >> /tmp/clock; sleep 0.05; done' > /dev/null 2>&1 &"
    await box.commands.run(clock)
    assert await until_it_ticks(box, 5) < 100
    assert await box.pause()
    assert not await box.pause()
    assert (await box.get_info()).state == SandboxState.PAUSED
    with pytest.raises(GONE):
        await box.commands.run("true")
    await asyncio.sleep(1)
    again = await AsyncSandbox.connect(box.sandbox_id, **e2b_cloud.options)
    await until_it_ticks(again, await until_it_ticks(again, 5) + 4)
    moments = [int(row) for row in (await again.files.read("/tmp/clock")).split()]
    assert len(moments) > 4
    gaps = [later - sooner for sooner, later in itertools.pairwise(moments)]
    assert max(gaps) > 0.9e9  # nothing went on meanwhile
    assert max(gaps) not in gaps[-2:]  # it went on afterwards


async def test_the_end_of_its_time_may_be_a_pause(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(timeout=60, lifecycle={"on_timeout": "pause"}, **e2b_cloud.options)
    await box.files.write("/home/user/kept", "yes")
    await box.set_timeout(1)
    assert await until(lambda: e2b_cloud.sandboxes[box.sandbox_id].state == "paused")
    again = await AsyncSandbox.connect(box.sandbox_id, timeout=30, **e2b_cloud.options)
    assert await again.files.read("/home/user/kept") == "yes"


async def test_connecting_makes_time_longer_never_shorter(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(timeout=100, **e2b_cloud.options)
    await AsyncSandbox.connect(box.sandbox_id, timeout=10, **e2b_cloud.options)
    first = (await box.get_info()).end_at
    await AsyncSandbox.connect(box.sandbox_id, timeout=500, **e2b_cloud.options)
    later = (await box.get_info()).end_at
    assert (later - first).total_seconds() > 350
    with pytest.raises(NotFoundException):
        await AsyncSandbox.connect("i0000000000000000000", **e2b_cloud.options)


async def test_network_rules_are_kept_and_changed(e2b_cloud: E2BCloud) -> None:
    network = SandboxNetworkOpts(allow_out=["example.com", "*.example.org"], deny_out=["0.0.0.0/0"])
    box = await AsyncSandbox.create(network=network, **e2b_cloud.options)
    told = (await box.get_info()).network
    assert told is not None
    assert told["allow_out"] == ["example.com", "*.example.org"]
    assert told["deny_out"] == ["0.0.0.0/0"]
    assert e2b_cloud.sandboxes[box.sandbox_id].network["denyOut"] == ["0.0.0.0/0"]
    await box.update_network({"deny_out": ["0.0.0.0/0"]})
    assert (
        e2b_cloud.sandboxes[box.sandbox_id].network.get("allowOut") in {None, ()}
        or not (e2b_cloud.sandboxes[box.sandbox_id].network["allowOut"])
    )


@pytest.mark.parametrize(
    ("allowed", "denied", "told"),
    [
        (["example.com"], [], "must include 'ALL_TRAFFIC' in deny out"),
        (["*.example.com"], ["10.0.0.0/8"], "must include 'ALL_TRAFFIC' in deny out"),
        ([], ["example.com"], "invalid denied CIDR"),
        (["not a name"], ["0.0.0.0/0"], "invalid allowed domain"),
    ],
)
async def test_rules_that_the_api_refuses(
    e2b_cloud: E2BCloud, allowed: list[str], denied: list[str], told: str
) -> None:
    network = SandboxNetworkOpts(allow_out=allowed, deny_out=denied)
    with pytest.raises(SandboxException, match=told) as raised:
        await AsyncSandbox.create(network=network, **e2b_cloud.options)
    assert raised.value.status_code == 400
    assert not e2b_cloud.sandboxes


async def test_the_longest_time(e2b_cloud: E2BCloud) -> None:
    e2b_cloud.limit(Limits(seconds=3600))
    with pytest.raises(SandboxException, match="greater than 1 hours"):
        await AsyncSandbox.create(timeout=3601, **e2b_cloud.options)
    box = await AsyncSandbox.create(timeout=3600, **e2b_cloud.options)
    with pytest.raises(SandboxException, match="greater than 1 hours"):
        await box.set_timeout(4000)


async def test_metrics(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(**e2b_cloud.options)
    (row,) = await box.get_metrics()
    assert 0 < row.disk_used < row.disk_total == 1 << 30
    assert 0 < row.mem_used < row.mem_total


async def test_one_idempotency_key_makes_one_sandbox(e2b_cloud: E2BCloud) -> None:
    made = await asyncio.gather(
        *(AsyncSandbox.create(idempotency_key="the-same", **e2b_cloud.options) for _ in range(3))
    )
    assert len({box.sandbox_id for box in made}) == len(e2b_cloud.sandboxes) == 1


async def test_the_rate_of_creations(e2b_cloud: E2BCloud) -> None:
    e2b_cloud.limit(Limits(creations_per_second=2, burst=2))
    hasty = e2b_cloud.options | ApiParams(retries=0)
    made = [AsyncSandbox.create(**hasty) for _ in range(4)]
    results = await asyncio.gather(*made, return_exceptions=True)
    assert sum(isinstance(one, AsyncSandbox) for one in results) == 2
    assert sum(isinstance(one, RateLimitException) for one in results) == 2
    started = time.monotonic()
    await AsyncSandbox.create(**e2b_cloud.options)  # the SDK waits as Retry-After says, and tries again
    assert time.monotonic() - started > 0.4


async def test_how_many_may_run_at_once(e2b_cloud: E2BCloud) -> None:
    e2b_cloud.limit(Limits(concurrent=len(e2b_cloud.sandboxes) + 1))
    box = await AsyncSandbox.create(**e2b_cloud.options)
    with pytest.raises(RateLimitException, match="maximum number of concurrent"):
        await AsyncSandbox.create(**e2b_cloud.options)
    await box.kill()
    await AsyncSandbox.create(**e2b_cloud.options)
