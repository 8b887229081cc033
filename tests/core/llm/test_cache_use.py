"""The prompt cache over a long loop: nearly all input is read from it, and that shows in usage and price."""

from __future__ import annotations

import pytest

from core import ChatReply, Message, ModelConfig, PriceTable, Usage
from tests.core.llm.support import BASH, PROVIDERS, answer_calls, ask, client, user
from tests.standins.llm import Call, Standin, Turn

STEPS = 30


async def loop(provider: str, standin: Standin, settings: dict[str, object] | None = None) -> list[ChatReply]:
    """An agent's loop: every step one call whose output is 2 kB."""
    messages: list[Message] = [user("The brief. " * 400)]
    replies: list[ChatReply] = []
    turn = Turn(text="Next.", calls=(Call("bash", {"command": "make progress"}),))
    async with client(provider, standin, lambda _: turn, settings=settings) as model:
        for step in range(STEPS):
            reply = await model.reply(ask(*messages, tools=(BASH,), cache_key="one"))
            messages += [reply.message, answer_calls(reply, f"{step} " + "output " * 300)]
            replies.append(reply)
    return replies


def summed(replies: list[ChatReply]) -> Usage:
    kinds = ("input", "cache_read", "cache_write", "output")
    return Usage(**{kind: sum(getattr(reply.usage, kind) for reply in replies) for kind in kinds})


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_nine_tenths_of_the_input_are_read_from_the_cache(provider: str, standin: Standin) -> None:
    total = summed(await loop(provider, standin))
    everything = total.input + total.cache_read + total.cache_write
    assert total.cache_read / everything >= 0.9
    assert standin.rejected == []
    told = sum(usage.get("prompt_tokens") or usage["input_tokens"] for usage in standin.usages)
    if provider == "anthropic":
        assert total.input == told
        assert total.cache_read == sum(usage["cache_read_input_tokens"] for usage in standin.usages)
    else:
        assert everything == told


async def test_without_marks_nothing_is_cached(standin: Standin) -> None:
    """The test above could not fail if the stand-in cached anything it is sent."""
    total = summed(await loop("anthropic", standin, {"cache_control": None}))
    assert total.cache_read == total.cache_write == 0
    assert total.input > 0


async def test_the_marks_are_two(standin: Standin) -> None:
    async with client("anthropic", standin) as model:
        await model.reply(ask("hello", tools=(BASH,)))
        await model.reply(ask("hello", tools=(BASH,)).model_copy(update={"system": ""}))
    with_system, without = (request.body for request in standin.requests)
    assert with_system["cache_control"] == {"type": "ephemeral"}
    assert with_system["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert "cache_control" not in with_system["tools"][0]
    assert without["tools"][0]["cache_control"] == {"type": "ephemeral"}


async def test_the_cache_makes_the_loop_cheap(standin: Standin) -> None:
    replies = await loop("anthropic", standin)
    total = summed(replies)
    config = ModelConfig(provider="anthropic", model="claude-opus-5")
    uncached = PriceTable().price(
        config, Usage(input=total.input + total.cache_read + total.cache_write, output=total.output)
    )
    paid = sum(reply.dollars or 0.0 for reply in replies)
    assert uncached is not None
    assert 0 < paid < 0.4 * uncached
