"""Provider `anthropic`: the Messages API, always streamed, with a prompt cache that moves along."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import anthropic
import httpx2
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming

from core.causes import Cause
from core.llm.client import SILENCE, ApiModel, arguments_object, check_settings, cut_short, refused, tool_call
from core.llm.protocol import (
    ChatReply,
    ChatRequest,
    Image,
    Message,
    ModelConfig,
    Part,
    Stop,
    Text,
    ToolCall,
    Usage,
)
from core.llm.retry import TryFailed

PROVIDER = "anthropic"
OURS = ("model", "messages", "system", "tools", "stream", "max_tokens")
STOPS = {
    "end_turn": Stop.end_turn,
    "max_tokens": Stop.max_tokens,
    "stop_sequence": Stop.stop_sequence,
    "tool_use": Stop.tool_calls,
    "pause_turn": Stop.paused,
    "refusal": Stop.refusal,
    "model_context_window_exceeded": Stop.context_overflow,
}
# The status that an error of each type has, for errors told within a stream (whose own status is 200).
STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}
# What counting the tokens of a request needs of it.
COUNTED = ("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config")
THINKING = ("thinking", "redacted_thinking")
EPHEMERAL = {"type": "ephemeral"}


class AnthropicMessages(ApiModel):
    """A model behind the Messages API.

    The SDK's raw events are read rather than its accumulated message: the accumulator raises in the middle of the
    stream when a tool's arguments are malformed, and a reply that was paid for would be lost.
    """

    def _open(self, api_key: str | None) -> None:
        check_settings(self.config, MessageCreateParamsNonStreaming.__annotations__, OURS)
        self._client = anthropic.AsyncAnthropic(
            api_key=api_key,
            base_url=self.config.base_url,
            max_retries=0,
            timeout=httpx2.Timeout(SILENCE, connect=10),
        )

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.close()

    async def _try(self, request: ChatRequest) -> ChatReply:
        asked = parameters(self.config, request)
        answer = _Answer()
        streaming = False
        try:
            stream = await self._client.messages.create(**asked, stream=True)
            streaming = True
            async with stream:
                async for event in stream:
                    answer.add(event)
            if not answer.complete:
                raise httpx2.RemoteProtocolError("the stream ended before the message did")
        except anthropic.APIStatusError as error:
            raise await self._refused(error, asked, answer.usage) from error
        except (anthropic.APIError, httpx2.HTTPError, json.JSONDecodeError) as error:
            raise _cut_short(error, answer.usage, streaming=streaming) from error
        return answer.reply(self.config.model, stream.response.headers.get("request-id"))

    async def _refused(
        self, error: anthropic.APIStatusError, asked: dict[str, Any], usage: Usage | None
    ) -> TryFailed:
        status = error.status_code if error.status_code >= 400 else STATUS_OF_TYPE.get(error.type or "", 500)
        overflow = status == 413 or (status == 400 and await self._overflows(asked))
        detail = error.api_message or error.message
        cause = Cause.context_overflow if overflow else None
        return refused(status, detail, error.response.headers, cause=cause, usage=usage)

    async def _overflows(self, asked: dict[str, Any]) -> bool:
        """Whether a request that was rejected is longer than the model's context.

        The API says so in the text of a message alone, so its own figures are asked instead, both free of charge:
        the tokens of the request and the most the model takes. Where they cannot be had, the request counts as
        rejected, which is the more visible cause.
        """
        try:
            model = await self._client.models.retrieve(self.config.model)
            if model.max_input_tokens is None:
                return False
            wanted = {name: asked[name] for name in COUNTED if name in asked}
            counted = await self._client.messages.count_tokens(**wanted)
        except (anthropic.APIError, httpx2.HTTPError, json.JSONDecodeError):
            return False
        return counted.input_tokens > model.max_input_tokens


def parameters(config: ModelConfig, request: ChatRequest) -> dict[str, Any]:
    """The request in the API's words.

    Three places are cached: the end of the conversation (the API moves that mark along by itself), the system
    prompt, or without one the tools, so that other conversations of the same agent share them, and the first of
    several parts of the first message, which a judge sends again with each criterion. The setting
    `cache_control` (for instance with a `ttl`) stands for both, None for neither.
    """
    mark = config.settings.get("cache_control", EPHEMERAL)
    marked = {"cache_control": mark} if mark else {}
    asked: dict[str, Any] = {
        **{name: value for name, value in config.settings.items() if name != "cache_control"},
        **marked,
        "model": config.model,
        "max_tokens": request.max_output_tokens,
        "messages": [
            {"role": message.role, "content": content}
            for message in request.messages
            if (content := _content(message))
        ],
    }
    if asked["messages"] and len(first := asked["messages"][0]["content"]) > 1:
        first[0] |= marked
    if request.system:
        asked["system"] = [{"type": "text", "text": request.system, **marked}]
    if request.tools:
        tools: list[dict[str, Any]] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
            for tool in request.tools
        ]
        if not request.system:
            tools[-1] |= marked
        asked["tools"] = tools
    if request.response_schema is not None:
        schema = anthropic.transform_schema(request.response_schema)
        form = {"type": "json_schema", "schema": schema}
        asked["output_config"] = {**config.settings.get("output_config", {}), "format": form}
    return asked


def _content(message: Message) -> list[dict[str, Any]]:
    """The blocks of a message. Empty texts are left out (the API refuses them), and results come first."""
    if message.role == "assistant" and message.provider == PROVIDER and message.provider_items:
        return _finished(message.provider_items)
    blocks = [_block(part) for part in message.parts if not (isinstance(part, Text) and not part.text.strip())]
    return sorted(blocks, key=lambda block: block["type"] != "tool_result")


def _finished(blocks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The blocks without thinking at their end: cut off by a token limit, it is refused as a last block."""
    last = max((n for n, block in enumerate(blocks, start=1) if block["type"] not in THINKING), default=0)
    return list(blocks[:last])


def _block(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Image):
        data = base64.b64encode(part.data).decode()
        return {"type": "image", "source": {"type": "base64", "media_type": part.media_type, "data": data}}
    if isinstance(part, ToolCall):
        return {"type": "tool_use", "id": _call_id(part.id), "name": part.name, "input": arguments_object(part)}
    content = [_block(piece) for piece in part.content if not (isinstance(piece, Text) and not piece.text.strip())]
    error = {"is_error": True} if part.is_error else {}
    return {"type": "tool_result", "tool_use_id": _call_id(part.call_id), "content": content, **error}


def _call_id(text: str) -> str:
    """An id that the API takes. Other servers' may hold more: `functions.bash:0`."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", text)


def _cut_short(error: Exception, usage: Usage | None, *, streaming: bool) -> TryFailed:
    if isinstance(error, (anthropic.APITimeoutError, httpx2.TimeoutException)):
        return cut_short("timeout", error, usage)
    if isinstance(error, (anthropic.APIConnectionError, httpx2.HTTPError)):
        return cut_short("dropped" if streaming else "connection", error, usage)
    return cut_short("malformed", error, usage)


@dataclass
class _Answer:
    """A message that comes in events. Blocks are kept as they come, for they are sent back byte by byte."""

    blocks: list[dict[str, Any]] = field(default_factory=list)
    inputs: dict[int, str] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)
    model: str = ""
    stop_reason: str | None = None
    complete: bool = False

    @property
    def usage(self) -> Usage | None:
        """The tokens as far as told, or None."""
        if not self.raw:
            return None
        details = self.raw.get("output_tokens_details") or {}
        return Usage(
            input=self.raw.get("input_tokens") or 0,
            cache_read=self.raw.get("cache_read_input_tokens") or 0,
            cache_write=self.raw.get("cache_creation_input_tokens") or 0,
            output=self.raw.get("output_tokens") or 0,
            reasoning=details.get("thinking_tokens") or 0,
            raw=self.raw,
        )

    def add(self, event: Any) -> None:
        """Take in an event; kinds that are not known are passed over."""
        if event.type == "message_start":
            self.model, self.raw = event.message.model, event.message.usage.to_dict(mode="json")
        elif event.type == "content_block_start":
            self.blocks.append(event.content_block.to_dict(mode="json"))
        elif event.type == "content_block_delta":
            self._add_delta(event.index, event.delta.to_dict(mode="json"))
        elif event.type == "message_delta":
            self.stop_reason = event.delta.stop_reason
            told = event.usage.to_dict(mode="json").items()
            self.raw |= {name: value for name, value in told if value is not None}
        elif event.type == "message_stop":
            self.complete = True

    def _add_delta(self, index: int, delta: dict[str, Any]) -> None:
        block = self.blocks[index]
        if delta["type"] == "input_json_delta":
            self.inputs[index] = self.inputs.get(index, "") + delta["partial_json"]
        elif delta["type"] == "citations_delta":
            block["citations"] = [*(block.get("citations") or []), delta["citation"]]
        elif delta["type"] == "signature_delta":
            block["signature"] = delta["signature"]
        elif (name := {"text_delta": "text", "thinking_delta": "thinking"}.get(delta["type"])) is not None:
            block[name] += delta[name]

    def reply(self, asked_model: str, request_id: str | None) -> ChatReply:
        """The whole message."""
        parts: list[Part] = []
        for index, block in enumerate(self.blocks):
            if block["type"] == "text" and block["text"]:
                parts.append(Text(text=block["text"]))
            elif index in self.inputs or block["type"] == "tool_use":
                call = tool_call(block["id"], block["name"], self.inputs.get(index, ""))
                block["input"] = arguments_object(call)
                parts += [call] if block["type"] == "tool_use" else []
        # A blank text block may be received, but not sent.
        items = tuple(block for block in self.blocks if block["type"] != "text" or block["text"].strip())
        usual = Stop.tool_calls if any(isinstance(part, ToolCall) for part in parts) else Stop.end_turn
        return ChatReply(
            message=Message(role="assistant", parts=tuple(parts), provider_items=items, provider=PROVIDER),
            stop=STOPS.get(self.stop_reason or "", usual),
            usage=self.usage or Usage(),
            model=self.model or asked_model,
            request_id=request_id,
        )
