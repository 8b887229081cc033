"""Provider `openai-chat`: chat completions, as vLLM, Ollama, llama.cpp and many services speak them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx2
import openai
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming

from core.errors import BadInput
from core.llm.client import ApiModel, arguments_object, tool_call
from core.llm.openai_client import data_url, open_client, try_failed, usage_from
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
    ToolResult,
)
from core.llm.schemas import strict_schema

PROVIDER = "openai-chat"
OURS = frozenset({"model", "messages", "tools", "stream", "stream_options", "n", "response_format", "functions"})
STOPS = {"length": Stop.max_tokens, "content_filter": Stop.refusal}


class OpenAIChat(ApiModel):
    """A model behind any server of chat completions. Settings that the SDK does not know go along all the same."""

    def _open(self, api_key: str | None) -> None:
        for name in self.config.settings:
            if name in OURS:
                raise BadInput(f"{self.config.name}: `{name}` is no setting", mend="requests are made of it")
        self._client = open_client(self.config, api_key)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.close()

    async def _try(self, request: ChatRequest) -> ChatReply:
        asked, answer = parameters(self.config, request), _Answer()
        stream: openai.AsyncStream[Any] | None = None
        try:
            stream = await self._client.chat.completions.create(**asked, stream=True)
            async with stream:
                async for chunk in stream:
                    answer.add(chunk)
            if answer.finish is None:
                raise httpx2.RemoteProtocolError("the stream ended before the answer did")
        except (openai.APIError, httpx2.HTTPError, json.JSONDecodeError) as error:
            raise try_failed(error, streaming=stream is not None) from error
        return answer.reply(self.config.model, stream.response.headers.get("x-request-id"))


def parameters(config: ModelConfig, request: ChatRequest) -> dict[str, Any]:
    """The request in the API's words."""
    known = CompletionCreateParamsNonStreaming.__annotations__
    extra = {name: value for name, value in config.settings.items() if name not in known}
    extra |= extra.pop("extra_body", {})
    asked: dict[str, Any] = {
        **{name: value for name, value in config.settings.items() if name in known},
        "model": config.model,
        "messages": _messages(request),
        "stream_options": {"include_usage": True},
    }
    if not {"max_tokens", "max_completion_tokens"} & set(config.settings):
        # The older name: every server knows it.
        asked["max_tokens"] = request.max_output_tokens
    if extra:
        asked["extra_body"] = extra
    if request.tools:
        asked["tools"] = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
            }
            for tool in request.tools
        ]
    if request.response_schema is not None:
        schema = {"name": "answer", "schema": strict_schema(request.response_schema), "strict": True}
        asked["response_format"] = {"type": "json_schema", "json_schema": schema}
    return asked


def _messages(request: ChatRequest) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [{"role": "system", "content": request.system}] if request.system else []
    for message in request.messages:
        messages += [_assistant(message)] if message.role == "assistant" else _user(message)
    return messages


def _assistant(message: Message) -> dict[str, Any]:
    """Arguments that are no object are sent back wrapped: servers parse them for the model's chat template."""
    text = "".join(part.text for part in message.parts if isinstance(part, Text))
    calls = [
        {
            "id": part.id,
            "type": "function",
            "function": {"name": part.name, "arguments": _arguments(part)},
        }
        for part in message.parts
        if isinstance(part, ToolCall)
    ]
    return {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})}


def _arguments(call: ToolCall) -> str:
    return call.raw_arguments if call.arguments is not None else json.dumps(arguments_object(call))


def _user(message: Message) -> list[dict[str, Any]]:
    """Tool messages carry text alone, so their images follow in a message of the user's."""
    tools: list[dict[str, Any]] = []
    content: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, ToolResult):
            text = "\n".join(piece.text for piece in part.content if isinstance(piece, Text))
            tools.append({"role": "tool", "tool_call_id": part.call_id, "content": text})
            content += [_content(piece) for piece in part.content if isinstance(piece, Image)]
        elif isinstance(part, (Text, Image)):
            content.append(_content(part))
    return [*tools, {"role": "user", "content": content}] if content else tools


def _content(part: Text | Image) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    return {"type": "image_url", "image_url": {"url": data_url(part)}}


@dataclass
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass
class _Answer:
    """An answer that comes in chunks."""

    text: str = ""
    refusal: str = ""
    calls: list[_Call] = field(default_factory=list)
    positions: dict[int, _Call] = field(default_factory=dict)
    finish: str | None = None
    model: str = ""
    raw: dict[str, Any] = field(default_factory=dict)

    def add(self, chunk: Any) -> None:
        """Take in a chunk."""
        self.model = chunk.model or self.model
        if chunk.usage is not None:
            self.raw = chunk.usage.to_dict(mode="json")
        if getattr(chunk, "service_tier", None):
            self.raw.setdefault("service_tier", chunk.service_tier)
        for choice in chunk.choices or ():
            self.finish = choice.finish_reason or self.finish
            self.text += choice.delta.content or ""
            self.refusal += choice.delta.refusal or ""
            for delta in choice.delta.tool_calls or ():
                self._add_call(delta)

    def _add_call(self, delta: Any) -> None:
        """Calls come in pieces by index; some servers give every whole call the index 0 and an id of its own."""
        call = self.positions.get(delta.index or 0)
        if call is None or (delta.id and call.id and delta.id != call.id):
            call = self.positions[delta.index or 0] = _Call()
            self.calls.append(call)
        call.id = delta.id or call.id
        if delta.function is not None:
            call.name += delta.function.name or ""
            call.arguments += delta.function.arguments or ""

    def reply(self, asked_model: str, request_id: str | None) -> ChatReply:
        """The whole answer."""
        parts: list[Part] = [Text(text=text) for text in (self.text, self.refusal) if text]
        parts += [
            tool_call(call.id or f"call_{index}", call.name, call.arguments)
            for index, call in enumerate(self.calls)
        ]
        stop = Stop.tool_calls if self.calls else Stop.end_turn
        return ChatReply(
            message=Message(role="assistant", parts=tuple(parts), provider=PROVIDER),
            stop=Stop.refusal if self.refusal else STOPS.get(self.finish or "", stop),
            usage=usage_from(
                self.raw,
                prompt="prompt_tokens",
                details="prompt_tokens_details",
                completion="completion_tokens",
                completion_details="completion_tokens_details",
            ),
            model=self.model or asked_model,
            request_id=request_id,
        )
