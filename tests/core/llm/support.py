"""What the tests of the model clients share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from core import (
    ChatModel,
    ChatReply,
    ChatRequest,
    Message,
    RetryPolicy,
    Text,
    ToolResult,
    ToolSpec,
    model_config,
)
from core.llm.anthropic_messages import AnthropicMessages
from core.llm.openai_chat import OpenAIChat
from core.llm.openai_responses import OpenAIResponses
from core.llm.retry import Clock
from tests.standins.llm import KEY, Standin
from tests.standins.llm.script import Script, Turn, script_of

NAMES = {
    "openai": "openai/gpt-5.6-sol",
    "openai-chat": "openai-chat/some-local-model",
    "anthropic": "anthropic/claude-opus-5",
}
PROVIDERS = tuple(NAMES)
CLIENTS: dict[str, Callable[..., ChatModel]] = {
    "openai": OpenAIResponses,
    "openai-chat": OpenAIChat,
    "anthropic": AnthropicMessages,
}
BASH = ToolSpec(
    name="bash",
    description="Run a command",
    parameters={"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
)


@dataclass
class FakeTime:
    """A clock that only sleeping moves."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def policy(self, **changes: Any) -> RetryPolicy:
        return RetryPolicy(clock=Clock(now=lambda: self.now, sleep=self.sleep, jitter=lambda: 1.0), **changes)


def base_url(provider: str, standin: Standin) -> str:
    """What the SDK wants as its base URL."""
    return standin.url if provider == "anthropic" else standin.openai_url


@asynccontextmanager
async def client(
    provider: str,
    standin: Standin,
    script: Script | Sequence[Turn] | None = None,
    *,
    settings: dict[str, Any] | None = None,
    policy: RetryPolicy | None = None,
    key: str = KEY,
) -> AsyncIterator[ChatModel]:
    """A model of the provider that talks to the stand-in; it makes one try unless a policy is given."""
    if script is not None:
        standin.script = script_of(script)
    config = model_config(NAMES[provider], base_url=base_url(provider, standin), settings=settings)
    model = CLIENTS[provider](config, key, None, policy or RetryPolicy(tries=1))
    try:
        yield model
    finally:
        await model.aclose()


def user(*parts: Any) -> Message:
    """A message of the user's; strings are texts."""
    return Message(role="user", parts=tuple(Text(text=part) if isinstance(part, str) else part for part in parts))


def ask(*messages: Message | str, **more: Any) -> ChatRequest:
    """A request; strings are messages of the user's."""
    told = tuple(user(message) if isinstance(message, str) else message for message in messages)
    return ChatRequest(system="You work in a sandbox.", messages=told, **more)


def answer_calls(reply: ChatReply, text: str = "ok") -> Message:
    """A result for every tool call of the reply."""
    calls = [part for part in reply.message.parts if part.kind == "tool_call"]
    return user(*(ToolResult(call_id=call.id, content=(Text(text=text),)) for call in calls))
