"""What goes wrong between us and a provider: what is tried again, how long, and what the call ends with."""

from __future__ import annotations

import time
from typing import Any

import pytest

from core import Cause, ChatRequest, ModelCallFailed
from tests.core.llm.support import PROVIDERS, FakeTime, ask, client
from tests.standins.llm import Standin, Turn
from tests.standins.llm.script import Script

HELLO = Turn(text="hello")


async def failing(
    provider: str, standin: Standin, script: Script | list[Turn], clock: FakeTime, **more: Any
) -> ModelCallFailed:
    """The failure that a call ends with."""
    request: ChatRequest = more.pop("request", ask("go"))
    policy = clock.policy(**more.pop("limits", {}))
    async with client(provider, standin, script, policy=policy, **more) as model:
        with pytest.raises(ModelCallFailed) as caught:
            await model.reply(request)
    return caught.value


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_rate_limit_is_waited_for_as_asked(provider: str, standin: Standin) -> None:
    clock = FakeTime()
    turns = [Turn(status=429, retry_after="7"), Turn(status=429, retry_after="11"), HELLO]
    async with client(provider, standin, turns, policy=clock.policy()) as model:
        reply = await model.reply(ask("go"))
    assert 7 <= clock.slept[0] <= 8
    assert 11 <= clock.slept[1] <= 12
    assert reply.waited_seconds == sum(clock.slept)
    assert [(failure.status, failure.kind) for failure in reply.failures] == [(429, "status")] * 2
    assert [failure.waited_seconds for failure in reply.failures] == clock.slept
    assert len(standin.requests) == 3


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_wait_past_the_bound_ends_the_call_at_once(provider: str, standin: Standin) -> None:
    clock = FakeTime()
    failed = await failing(provider, standin, [Turn(status=429, retry_after="3600")], clock)
    assert failed.cause is Cause.model_rate_limited
    assert clock.slept == []
    assert len(standin.requests) == 1


async def test_an_http_date_is_understood(standin: Standin) -> None:
    clock = FakeTime()
    at = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 30))
    async with client(
        "anthropic", standin, [Turn(status=529, retry_after=at), HELLO], policy=clock.policy()
    ) as model:
        await model.reply(ask("go"))
    assert 25 <= clock.slept[0] <= 32


@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 529])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_passing_trouble_is_tried_again(provider: str, status: int, standin: Standin) -> None:
    clock = FakeTime()
    async with client(provider, standin, [Turn(status=status), HELLO], policy=clock.policy()) as model:
        reply = await model.reply(ask("go"))
    assert [failure.status for failure in reply.failures] == [status]
    assert clock.slept == [1.0]


FINAL = [
    (400, Cause.model_rejected_request),
    (401, Cause.model_unauthorised),
    (402, Cause.model_unauthorised),
    (403, Cause.model_unauthorised),
    (404, Cause.model_rejected_request),
    (413, Cause.context_overflow),
    (422, Cause.model_rejected_request),
]


@pytest.mark.parametrize(("status", "cause"), FINAL)
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_what_another_try_cannot_mend_ends_the_call(
    provider: str, status: int, cause: Cause, standin: Standin
) -> None:
    clock = FakeTime()
    failed = await failing(provider, standin, [Turn(status=status)], clock)
    assert failed.cause is cause
    assert len(failed.failures) == 1
    assert len(standin.requests) == 1
    assert clock.slept == []


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_wrong_key(provider: str, standin: Standin) -> None:
    failed = await failing(provider, standin, [HELLO], FakeTime(), key="wrong")
    assert failed.cause is Cause.model_unauthorised
    assert standin.requests == []


async def test_an_empty_account_is_no_rate_limit(standin: Standin) -> None:
    failed = await failing("openai", standin, [Turn(status=429, code="insufficient_quota")], FakeTime())
    assert failed.cause is Cause.model_unauthorised
    assert len(failed.failures) == 1


async def test_the_providers_word_on_retrying_is_heeded(standin: Standin) -> None:
    clock = FakeTime()
    failed = await failing("anthropic", standin, [Turn(status=500, headers={"x-should-retry": "false"})], clock)
    assert failed.cause is Cause.model_unavailable
    assert len(standin.requests) == 1


@pytest.mark.parametrize("drop", [0, 3])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_dropped_stream_is_tried_again_and_counted(provider: str, drop: int, standin: Standin) -> None:
    clock = FakeTime()
    turns = [Turn(text="a long answer " * 40, drop_after=drop), HELLO]
    async with client(provider, standin, turns, policy=clock.policy()) as model:
        reply = await model.reply(ask("go"))
    (failure,) = reply.failures
    assert failure.status is None
    assert failure.kind == "dropped"
    assert reply.message.parts[0].text == "hello"  # type: ignore[union-attr]
    if provider == "anthropic" and drop:
        assert failure.usage is not None
        assert failure.usage.input + failure.usage.cache_write > 0


@pytest.mark.parametrize(
    ("provider", "code", "cause", "tries"),
    [
        ("anthropic", "overloaded_error", Cause.model_unavailable, 3),
        ("anthropic", "rate_limit_error", Cause.model_rate_limited, 3),
        ("anthropic", "permission_error", Cause.model_unauthorised, 1),
        ("openai", "server_error", Cause.model_unavailable, 3),
        ("openai", "rate_limit_exceeded", Cause.model_rate_limited, 3),
        ("openai", "context_length_exceeded", Cause.context_overflow, 1),
        ("openai", "invalid_prompt", Cause.model_rejected_request, 1),
        ("openai-chat", "server_error", Cause.model_unavailable, 3),
        ("openai-chat", "500", Cause.model_unavailable, 3),
        ("openai-chat", "400", Cause.model_rejected_request, 1),
    ],
)
async def test_an_error_within_the_stream(
    provider: str, code: str, cause: Cause, tries: int, standin: Standin
) -> None:
    turn = Turn(text="x" * 400, code=code, error_after=3)
    failed = await failing(provider, standin, [turn], FakeTime(), limits={"tries": 3})
    assert failed.cause is cause
    assert len(failed.failures) == tries


async def test_a_response_that_failed_tells_its_tokens(standin: Standin) -> None:
    clock = FakeTime()
    async with client("openai", standin, [Turn(failure="server_error"), HELLO], policy=clock.policy()) as model:
        reply = await model.reply(ask("go"))
    assert reply.failures[0].usage is not None
    assert reply.failures[0].usage.total > 0


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_nobody_answers(provider: str, standin: Standin) -> None:
    clock = FakeTime()
    address, standin.url = standin.url, "http://127.0.0.1:9"
    try:
        failed = await failing(provider, standin, [HELLO], clock, limits={"tries": 4})
    finally:
        standin.url = address
    assert failed.cause is Cause.model_unavailable
    assert [failure.kind for failure in failed.failures] == ["connection"] * 4
    assert clock.slept == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_time_runs_out(provider: str, standin: Standin) -> None:
    clock = FakeTime()
    limits = {"budget": 100.0, "tries": 1000}
    failed = await failing(provider, standin, [Turn(status=503)], clock, limits=limits)
    assert failed.cause is Cause.model_unavailable
    assert sum(clock.slept) <= 100
    assert len(failed.failures) == len(clock.slept) + 1 == len(standin.requests)
    assert failed.failures[-1].waited_seconds == 0


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_conversation_that_outgrew_the_context(provider: str, standin: Standin) -> None:
    """OpenAI and llama.cpp tell a code; Anthropic's own figures are compared."""
    standin.context = 2_000
    failed = await failing(provider, standin, [HELLO], FakeTime(), request=ask("word " * 3_000))
    assert failed.cause is Cause.context_overflow
    assert len(failed.failures) == 1


async def test_the_parameter_that_vllm_names(standin: Standin) -> None:
    turn = Turn(status=400, param="input_tokens", text="maximum context length")
    failed = await failing("openai-chat", standin, [turn], FakeTime())
    assert failed.cause is Cause.context_overflow


async def test_a_message_about_length_alone_decides_nothing(standin: Standin) -> None:
    turn = Turn(status=400, text="prompt is too long: 9 tokens > 8 maximum")
    failed = await failing("anthropic", standin, [turn], FakeTime())
    assert failed.cause is Cause.model_rejected_request
    assert "prompt is too long" in failed.detail


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_the_failure_tells_the_providers_words(provider: str, standin: Standin) -> None:
    failed = await failing(
        provider, standin, [Turn(status=404, text="no model of that name" + "!" * 2_000)], FakeTime()
    )
    assert str(failed).startswith("model_rejected_request: HTTP 404: no model of that name!!!")
    assert len(str(failed)) < 600


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_page_instead_of_an_answer(provider: str, standin: Standin) -> None:
    """A gateway's HTML, sent with status 200, is no reply."""
    clock = FakeTime()
    async with client(provider, standin, policy=clock.policy(tries=2)) as model:
        model._client._base_url = model._client._base_url.join("/nowhere/")  # type: ignore[attr-defined]
        with pytest.raises(ModelCallFailed) as caught:
            await model.reply(ask("go"))
    assert caught.value.cause is Cause.model_rejected_request
