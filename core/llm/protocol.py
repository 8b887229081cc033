"""The seam `ChatModel`: one request in, one reply out, whoever the provider is.

A conversation is a list of `Message`s of ours. What a provider wants back unchanged (reasoning items, thinking
blocks with signatures) travels in `Message.provider_items`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, Protocol

from pydantic import Base64Bytes, Field

from core.models import Frozen


class Text(Frozen):
    """Plain text."""

    kind: Literal["text"] = "text"
    text: str


class Image(Frozen):
    """An image, as bytes."""

    kind: Literal["image"] = "image"
    media_type: str
    data: Base64Bytes


class ToolCall(Frozen):
    """The model wants a tool run.

    Attributes:
        arguments: The parsed arguments, or None when the model's JSON is malformed or no object.
        raw_arguments: The text as it came.
    """

    kind: Literal["tool_call"] = "tool_call"
    id: str
    name: str
    arguments: dict[str, Any] | None
    raw_arguments: str


class ToolResult(Frozen):
    """What the tool answered."""

    kind: Literal["tool_result"] = "tool_result"
    call_id: str
    content: tuple[Annotated[Text | Image, Field(discriminator="kind")], ...]
    is_error: bool = False


Part = Annotated[Text | Image | ToolCall | ToolResult, Field(discriminator="kind")]


class Message(Frozen):
    """One turn of the conversation.

    Attributes:
        provider_items: For an assistant's message: the provider's own items, echoed unchanged to the same
            provider. Other providers get `parts`.
        provider: Whose items they are.
    """

    role: Literal["user", "assistant"]
    parts: tuple[Part, ...]
    provider_items: tuple[dict[str, Any], ...] = ()
    provider: str = ""


class ToolSpec(Frozen):
    """A tool as the model sees it; `parameters` is a JSON Schema object."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    description: str
    parameters: dict[str, Any]


class ChatRequest(Frozen):
    """One request.

    Attributes:
        response_schema: JSON Schema of the wanted answer (structured output), or None.
        cache_key: Groups the requests of one conversation for the provider's prompt cache.
    """

    system: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_output_tokens: int = Field(default=16_000, ge=1)
    response_schema: dict[str, Any] | None = None
    cache_key: str = ""


class Stop(StrEnum):
    """Why the model stopped."""

    end_turn = "end_turn"
    tool_calls = "tool_calls"
    max_tokens = "max_tokens"
    refusal = "refusal"
    context_overflow = "context_overflow"
    paused = "paused"
    stop_sequence = "stop_sequence"


class Usage(Frozen):
    """Tokens of one call. `input` excludes cache reads and writes; `output` includes `reasoning`."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    raw: dict[str, Any] = {}

    @property
    def total(self) -> int:
        """All tokens that were paid for in some way."""
        return self.input + self.cache_read + self.cache_write + self.output


class Failure(Frozen):
    """A try that failed before the reply came; its cost, where known, is waste."""

    status: int | None
    kind: str
    seconds: float
    waited_seconds: float
    usage: Usage | None = None


class ChatReply(Frozen):
    """One reply, as received.

    Attributes:
        model: The model that answered, as the provider names it.
        seconds: Wall time of the successful call. waited_seconds: Slept before it (rate limits, back-off).
        failures: The tries before it.
        dollars: Price of this reply, or None when there is no price.
    """

    message: Message
    stop: Stop
    usage: Usage
    model: str
    request_id: str | None = None
    seconds: float = 0.0
    waited_seconds: float = 0.0
    failures: tuple[Failure, ...] = ()
    dollars: float | None = None


class ModelConfig(Frozen):
    """What identifies a model configuration.

    Attributes:
        provider: `openai`, `openai-chat`, `anthropic`, `scripted`.
        model: The provider's name for it.
        settings: Sampling, effort and the like, passed on to the provider.
        base_url: Another server that speaks the same protocol. Never part of an identity by itself.
    """

    provider: str
    model: str
    settings: dict[str, Any] = {}
    base_url: str | None = None

    @property
    def name(self) -> str:
        """`provider/model`."""
        return f"{self.provider}/{self.model}"


class ChatModel(Protocol):
    """A model that answers requests."""

    @property
    def config(self) -> ModelConfig:
        """What it is."""
        ...

    async def reply(self, request: ChatRequest) -> ChatReply:
        """Answer, with retries as the one retry policy says. Prices and counts what failed.

        Raises:
            ModelFault: With cause `model_unauthorised`, `model_rate_limited`, `model_unavailable`,
                `model_rejected_request` or `context_overflow`.
        """
        ...

    async def aclose(self) -> None:
        """Close its connections."""
        ...
