"""Faults on demand, as the real SDK tells them."""

from __future__ import annotations

import asyncio
import time

import pytest
from e2b import AsyncSandbox, SandboxException, SandboxUnreachableException, ServiceBusyException, TimeoutException

from tests.standins.e2b import E2BCloud


async def test_creations_that_fail(e2b_cloud: E2BCloud) -> None:
    e2b_cloud.fail_creates(1, 500, "no room")
    with pytest.raises(SandboxException, match="no room") as raised:
        await AsyncSandbox.create(**e2b_cloud.options)
    assert raised.value.status_code == 500
    await AsyncSandbox.create(**e2b_cloud.options)


async def test_what_the_sdk_tries_again(e2b_cloud: E2BCloud) -> None:
    e2b_cloud.fail_creates(2, 503)
    seen = len(e2b_cloud.requests)
    await AsyncSandbox.create(**e2b_cloud.options)
    answers = [one.status for one in e2b_cloud.requests[seen:] if one.path == "/v2/sandboxes"]
    assert answers == [503, 503, 201]
    e2b_cloud.fail_creates(10, 503)
    with pytest.raises(ServiceBusyException):
        await AsyncSandbox.create(**e2b_cloud.options)


async def test_a_sandbox_that_is_lost(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(**e2b_cloud.options)
    running = await box.commands.run("echo here; sleep 60", background=True)
    await asyncio.sleep(0.2)
    e2b_cloud.kill(box.sandbox_id)
    with pytest.raises(TimeoutException, match="killed or reached its end"):
        await running.wait()
    assert not await box.is_running()


async def test_a_sandbox_that_hangs(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(**e2b_cloud.options)
    e2b_cloud.freeze(box.sandbox_id)
    with pytest.raises(TimeoutException):
        await box.commands.run("true", request_timeout=0.5)
    assert (await box.get_info()).state.value == "running"
    e2b_cloud.thaw(box.sandbox_id)
    assert (await box.commands.run("echo back")).stdout == "back\n"


async def test_an_envd_that_died(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(**e2b_cloud.options)
    running = await box.commands.run("sleep 60", background=True)
    e2b_cloud.crash_envd(box.sandbox_id)
    with pytest.raises(SandboxUnreachableException, match="port is not open"):
        await box.commands.run("true")
    with pytest.raises(SandboxUnreachableException):
        await running.wait()
    assert (await box.get_info()).state.value == "running"
    assert await box.kill()


async def test_a_hanging_sandbox_can_be_killed(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(**e2b_cloud.options)
    e2b_cloud.freeze(box.sandbox_id)
    assert await box.kill()
    assert box.sandbox_id not in e2b_cloud.sandboxes


async def test_a_stream_that_breaks_leaves_the_command_running(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(**e2b_cloud.options)
    running = await box.commands.run("sleep 1; echo survived > /tmp/told", background=True)
    assert e2b_cloud.drop_streams(box.sandbox_id) == 1
    with pytest.raises(Exception, match=r"(?i)error|body|incomplete|closed"):
        await running.wait()
    assert await box.is_running()
    said = await box.commands.run("until [ -s /tmp/told ]; do sleep 0.05; done; cat /tmp/told")
    assert said.stdout == "survived\n"


async def test_an_answer_that_breaks_off(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(**e2b_cloud.options)
    e2b_cloud.cut("/process.Process/Start", after=200)
    with pytest.raises(Exception, match=r"(?i)error|body|incomplete|closed"):
        await box.commands.run("seq 100000")
    assert (await box.commands.run("echo whole")).stdout == "whole\n"


async def test_a_download_that_breaks_off(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(**e2b_cloud.options)
    await box.files.write("/tmp/big", b"x" * 3_000_000)
    e2b_cloud.cut("/files", after=100)
    with pytest.raises(Exception, match=r"(?i)error|body|incomplete|closed"):
        await box.files.read("/tmp/big", format="bytes")
    assert len(await box.files.read("/tmp/big", format="bytes")) == 3_000_000


async def test_slow_answers(e2b_cloud: E2BCloud) -> None:
    box = await AsyncSandbox.create(**e2b_cloud.options)
    e2b_cloud.slow(api=0.3, sandbox=0.4)
    started = time.monotonic()
    await box.get_info()
    middle = time.monotonic()
    await box.commands.run("true")
    assert middle - started > 0.3
    assert time.monotonic() - middle > 0.4


async def test_the_log_of_requests(e2b_cloud: E2BCloud) -> None:
    seen = len(e2b_cloud.requests)
    box = await AsyncSandbox.create(**e2b_cloud.options)
    await box.commands.run("true")
    await box.kill()
    rows = [(one.method, one.path, one.sandbox, one.status) for one in e2b_cloud.requests[seen:]]
    assert rows == [
        ("POST", "/v2/sandboxes", "", 201),
        ("POST", "/process.Process/Start", box.sandbox_id, 200),
        ("DELETE", f"/sandboxes/{box.sandbox_id}", "", 204),
    ]
