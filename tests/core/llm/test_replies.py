"""Replies of every provider through its real SDK: content, tools, reasoning, stops, structured output."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest

from core import ChatRequest, Image, Message, Stop, Text, ToolCall, ToolResult
from tests.core.llm.support import BASH, PROVIDERS, answer_calls, ask, client, user
from tests.standins.llm import Call, Standin, Turn

LONG = "Größe 12 m² → " * 40
ANSWER = {
    "type": "object",
    "properties": {"verdict": {"type": "string", "default": "x"}, "n": {"type": "integer"}},
}
THINKING = {"anthropic": {"thinking": {"type": "adaptive"}}}


def texts(message: Message) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, Text))


def calls(message: Message) -> list[ToolCall]:
    return [part for part in message.parts if isinstance(part, ToolCall)]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_streamed_text_arrives_whole(provider: str, standin: Standin) -> None:
    async with client(provider, standin, [Turn(text=LONG)]) as model:
        reply = await model.reply(ask("hello", max_output_tokens=50_000))
    assert texts(reply.message) == LONG
    assert reply.stop is Stop.end_turn
    assert standin.requests[0].body["stream"] is True
    assert reply.usage.output > len(LONG) // 8
    assert reply.usage.input > 0
    assert reply.request_id is not None
    assert reply.request_id.startswith("req_")
    assert reply.failures == ()


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_tools_go_round(provider: str, standin: Standin) -> None:
    turns = [Turn(text="Looking.", calls=(Call("bash", {"command": "ls"}), Call("bash", {"command": "pwd"})))]
    async with client(provider, standin, [*turns, Turn(text="Done.")]) as model:
        first = await model.reply(ask("go", tools=(BASH,)))
        assert first.stop is Stop.tool_calls
        assert [call.arguments for call in calls(first.message)] == [{"command": "ls"}, {"command": "pwd"}]
        assert len({call.id for call in calls(first.message)}) == 2
        second = await model.reply(ask("go", first.message, answer_calls(first), tools=(BASH,)))
    assert texts(second.message) == "Done."
    assert standin.rejected == []
    assert standin.requests[1].step >= 1


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_reasoning_is_echoed_unchanged(provider: str, standin: Standin) -> None:
    turns = [
        Turn(think="Hm, ünusual. " * 30, text="First", calls=(Call("bash", {"command": "ls"}),)),
        Turn(text="ok"),
    ]
    async with client(provider, standin, turns, settings=THINKING.get(provider)) as model:
        first = await model.reply(ask("go", tools=(BASH,)))
        stored = Message.model_validate_json(first.message.model_dump_json())
        second = await model.reply(ask("go", stored, answer_calls(first), tools=(BASH,)))
    assert first.usage.reasoning > 0
    assert first.usage.output >= first.usage.reasoning
    assert texts(second.message) == "ok"
    assert standin.rejected == []
    body = standin.requests[1].body
    sent = body["input"][1:4] if provider == "openai" else body["messages"][1]["content"]
    assert sent[0]["type"] in ("reasoning", "thinking")
    assert sent == list(first.message.provider_items)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_the_standin_notices_changed_reasoning(provider: str, standin: Standin) -> None:
    """The test above could not fail if the stand-in took anything."""
    from core import ModelFault

    turns = [Turn(think="Hm.", calls=(Call("bash", {"command": "ls"}),)), Turn(text="ok")]
    async with client(provider, standin, turns, settings=THINKING.get(provider)) as model:
        first = await model.reply(ask("go", tools=(BASH,)))
        items = copy.deepcopy(first.message.provider_items)
        items[0]["encrypted_content" if provider == "openai" else "thinking"] = "something else"
        changed = first.message.model_copy(update={"provider_items": items})
        with pytest.raises(ModelFault):
            await model.reply(ask("go", changed, answer_calls(first), tools=(BASH,)))
    assert len(standin.rejected) == 1


async def test_openai_stores_nothing_and_groups_its_cache(standin: Standin) -> None:
    async with client("openai", standin) as model:
        await model.reply(ask("hello", cache_key="trial-7"))
    body = standin.requests[0].body
    assert body["store"] is False
    assert body["prompt_cache_key"] == "trial-7"


@pytest.mark.parametrize("raw", ['{"command": "l', "not json", '["a", "list"]', '"text"'])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_malformed_arguments_are_told_and_can_be_sent_back(
    provider: str, raw: str, standin: Standin
) -> None:
    turns = [Turn(calls=(Call("bash", raw=raw),)), Turn(text="Sorry.")]
    async with client(provider, standin, turns) as model:
        first = await model.reply(ask("go", tools=(BASH,)))
        (call,) = calls(first.message)
        assert call.arguments is None
        assert call.raw_arguments == raw
        second = await model.reply(ask("go", first.message, answer_calls(first, "malformed"), tools=(BASH,)))
    assert texts(second.message) == "Sorry."
    assert standin.rejected == []
    assert raw[:6] in json.dumps(standin.requests[1].body).replace('\\\\\\"', '"').replace('\\"', '"')


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_call_without_arguments_has_an_empty_object(provider: str, standin: Standin) -> None:
    async with client(provider, standin, [Turn(calls=(Call("bash", raw=""),))]) as model:
        reply = await model.reply(ask("go", tools=(BASH,)))
    assert calls(reply.message)[0].arguments == {}


STOPS: list[tuple[str, Turn, Stop]] = [
    ("anthropic", Turn(text="x", stop="end_turn"), Stop.end_turn),
    ("anthropic", Turn(text="x", stop="max_tokens"), Stop.max_tokens),
    ("anthropic", Turn(text="x", stop="stop_sequence"), Stop.stop_sequence),
    ("anthropic", Turn(calls=(Call("bash"),), stop="tool_use"), Stop.tool_calls),
    ("anthropic", Turn(text="x", stop="pause_turn"), Stop.paused),
    ("anthropic", Turn(text="x", stop="refusal"), Stop.refusal),
    ("anthropic", Turn(text="x", stop="model_context_window_exceeded"), Stop.context_overflow),
    ("openai", Turn(text="x"), Stop.end_turn),
    ("openai", Turn(calls=(Call("bash"),)), Stop.tool_calls),
    ("openai", Turn(text="x", stop="max_output_tokens"), Stop.max_tokens),
    ("openai", Turn(text="x", stop="content_filter"), Stop.refusal),
    ("openai", Turn(text="x", stop="max_messages"), Stop.paused),
    ("openai", Turn(refusal="I will not."), Stop.refusal),
    ("openai", Turn(failure="bio_policy"), Stop.refusal),
    ("openai-chat", Turn(text="x", stop="stop"), Stop.end_turn),
    ("openai-chat", Turn(text="x", stop="length"), Stop.max_tokens),
    ("openai-chat", Turn(text="x", stop="content_filter"), Stop.refusal),
    ("openai-chat", Turn(calls=(Call("bash"),), stop="tool_calls"), Stop.tool_calls),
    ("openai-chat", Turn(calls=(Call("bash"),), stop="stop"), Stop.tool_calls),
    ("openai-chat", Turn(refusal="I will not."), Stop.refusal),
]


@pytest.mark.parametrize(("provider", "turn", "stop"), STOPS)
async def test_every_stop_reason_has_a_meaning(provider: str, turn: Turn, stop: Stop, standin: Standin) -> None:
    async with client(provider, standin, [turn]) as model:
        reply = await model.reply(ask("go", tools=(BASH,)))
    assert reply.stop is stop
    if turn.refusal:
        assert texts(reply.message) == "I will not."


def test_no_stop_reason_of_anthropic_is_forgotten() -> None:
    from typing import get_args

    from anthropic.types.stop_reason import StopReason

    from core.llm.anthropic_messages import STOPS as known

    assert set(get_args(StopReason)) == set(known)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_refusal_can_be_followed_by_more(provider: str, standin: Standin) -> None:
    async with client(provider, standin, [Turn(refusal="No."), Turn(text="Fine.")]) as model:
        first = await model.reply(ask("go"))
        second = await model.reply(ask("go", first.message, "Please."))
    assert texts(second.message) == "Fine."


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_answer_without_content_can_be_followed_by_more(provider: str, standin: Standin) -> None:
    async with client(provider, standin, [Turn(), Turn(text="Fine.")]) as model:
        first = await model.reply(ask("go"))
        assert first.message.parts == ()
        second = await model.reply(ask("go", first.message, "Please."))
    assert texts(second.message) == "Fine."
    assert standin.rejected == []


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_reasoning_that_was_cut_off_is_not_sent_back(provider: str, standin: Standin) -> None:
    stop = {"openai": "max_output_tokens", "anthropic": "max_tokens"}[provider]
    turns = [Turn(think="Hm. " * 99, stop=stop), Turn(text="Fine.")]
    async with client(provider, standin, turns, settings=THINKING.get(provider)) as model:
        first = await model.reply(ask("go"))
        assert first.stop is Stop.max_tokens
        assert len(first.message.provider_items) == 1
        second = await model.reply(ask("go", first.message, "Go on."))
    assert texts(second.message) == "Fine."
    assert standin.rejected == []


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_ids_of_other_servers_are_taken(provider: str, standin: Standin) -> None:
    call = ToolCall(
        id="functions.bash:0", name="bash", arguments={"command": "ls"}, raw_arguments='{"command": "ls"}'
    )
    asked = Message(role="assistant", parts=(call,), provider="some-server")
    result = user(ToolResult(call_id="functions.bash:0", content=(Text(text="ok"),)))
    async with client(provider, standin) as model:
        reply = await model.reply(ask("go", asked, result, tools=(BASH,)))
    assert texts(reply.message) == "hello"
    assert standin.rejected == []


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_structured_output(provider: str, standin: Standin) -> None:
    async with client(provider, standin, [Turn(text='{"verdict": "pass", "n": 1}')]) as model:
        reply = await model.reply(ask("judge", response_schema=ANSWER))
    assert json.loads(texts(reply.message)) == {"verdict": "pass", "n": 1}
    body = standin.requests[0].body
    schema = {
        "openai": lambda: body["text"]["format"]["schema"],
        "openai-chat": lambda: body["response_format"]["json_schema"]["schema"],
        "anthropic": lambda: body["output_config"]["format"]["schema"],
    }[provider]()
    assert schema["additionalProperties"] is False
    assert "verdict" in schema["properties"]
    assert standin.rejected == []


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_images_go_in_messages_and_results(provider: str, standin: Standin) -> None:
    picture = Image(media_type="image/png", data=base64.b64encode(b"\x89PNG picture"))
    turns = [Turn(calls=(Call("bash", {"command": "look"}),)), Turn(text="A cat.")]
    async with client(provider, standin, turns) as model:
        first = await model.reply(ask(user("What is it?", picture), tools=(BASH,)))
        call = calls(first.message)[0]
        shown = ToolResult(call_id=call.id, content=(Text(text="page 1"), picture), is_error=True)
        reply = await model.reply(ask("go", first.message, user(shown, "And now?"), tools=(BASH,)))
    assert texts(reply.message) == "A cat."
    assert standin.rejected == []
    sent = base64.b64encode(b"\x89PNG picture").decode()
    assert sent in json.dumps(standin.requests[0].body)
    assert sent in json.dumps(standin.requests[1].body)


@pytest.mark.parametrize("other", PROVIDERS)
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_conversation_goes_on_with_another_provider(provider: str, other: str, standin: Standin) -> None:
    first_turn = Turn(think="Hm.", text="Looking.", calls=(Call("bash", {"command": "ls"}),))
    async with client(provider, standin, [first_turn], settings=THINKING.get(provider)) as model:
        first = await model.reply(ask("go", tools=(BASH,)))
    conversation = ("go", first.message, answer_calls(first, ""))
    async with client(other, standin, lambda _: Turn(text="I see."), settings=THINKING.get(other)) as model:
        second = await model.reply(ask(*conversation, tools=(BASH,)))
        third = await model.reply(ask(*conversation, second.message, "More.", tools=(BASH,)))
    assert texts(third.message) == "I see."
    assert standin.rejected == []
    assert "Looking." in json.dumps(standin.requests[1].body)


@pytest.mark.parametrize(
    ("provider", "settings", "place", "value"),
    [
        ("openai", {"reasoning": {"effort": "high"}}, "reasoning", {"effort": "high"}),
        ("openai-chat", {"temperature": 0.5, "top_k": 40}, "top_k", 40),
        ("anthropic", {"output_config": {"effort": "low"}}, "output_config", {"effort": "low"}),
    ],
)
async def test_settings_are_passed_on(
    provider: str, settings: dict[str, Any], place: str, value: Any, standin: Standin
) -> None:
    async with client(provider, standin, settings=settings) as model:
        await model.reply(ask("go"))
    assert standin.requests[0].body[place] == value


async def test_settings_and_structured_output_share_their_place(standin: Standin) -> None:
    request: ChatRequest = ask("go", response_schema=ANSWER)
    async with client("anthropic", standin, settings={"output_config": {"effort": "low"}}) as model:
        await model.reply(request)
    async with client("openai", standin, settings={"text": {"verbosity": "low"}}) as model:
        await model.reply(request)
    assert set(standin.requests[0].body["output_config"]) == {"effort", "format"}
    assert set(standin.requests[1].body["text"]) == {"verbosity", "format"}
