"""Provider `openai`: the Responses API. Nothing is stored there; every output item is sent back unchanged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import httpx2
import openai
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming

from core.llm.client import ApiModel, check_settings, tool_call
from core.llm.openai_client import data_url, failed_by_code, open_client, try_failed, usage_from
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
    Usage,
)
from core.llm.schemas import strict_schema

if TYPE_CHECKING:
    from openai.types.responses import Response

PROVIDER = "openai"
OURS = ("model", "input", "instructions", "tools", "store", "stream", "max_output_tokens", "prompt_cache_key")
STOPS = {
    "max_output_tokens": Stop.max_tokens,
    "content_filter": Stop.refusal,
    "max_messages": Stop.paused,
    "steered": Stop.paused,
}
# A response that failed with one of these was refused; the model did answer, and the tokens were paid.
POLICY_CODES = frozenset({"bio_policy", "misalignment_policy_violation", "image_content_policy_violation"})


class OpenAIResponses(ApiModel):
    """A model behind the Responses API."""

    def _open(self, api_key: str | None) -> None:
        check_settings(self.config, ResponseCreateParamsNonStreaming.__annotations__, OURS)
        self._client = open_client(self.config, api_key)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.close()

    async def _try(self, request: ChatRequest) -> ChatReply:
        asked = parameters(self.config, request)
        stream: openai.AsyncStream[Any] | None = None
        try:
            stream = await self._client.responses.create(**asked, stream=True)
            async with stream:
                response, items = await _read(stream)
        except (openai.APIError, httpx2.HTTPError, json.JSONDecodeError) as error:
            raise try_failed(error, streaming=stream is not None) from error
        return _reply(response, items, stream.response.headers.get("x-request-id"))


async def _read(stream: openai.AsyncStream[Any]) -> tuple[Response, list[dict[str, Any]]]:
    """The final response and its items, as their `done` events told them (earlier copies may be incomplete)."""
    items: dict[int, dict[str, Any]] = {}
    async for event in stream:
        if event.type == "response.output_item.done":
            items[event.output_index] = event.item.to_dict(mode="json")
        elif event.type in ("response.completed", "response.incomplete", "response.failed"):
            return event.response, [items[index] for index in sorted(items)]
        elif event.type == "error":
            raise failed_by_code(event.code, event.message)
    raise httpx2.RemoteProtocolError("the stream ended before the response did")


def parameters(config: ModelConfig, request: ChatRequest) -> dict[str, Any]:
    """The request in the API's words."""
    asked: dict[str, Any] = {
        **config.settings,
        "model": config.model,
        "instructions": request.system,
        "input": [item for message in request.messages for item in _items(message)],
        "store": False,
        "max_output_tokens": request.max_output_tokens,
    }
    if request.tools:
        asked["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
                # The same schemas for every provider: strict mode would want them rewritten.
                "strict": False,
            }
            for tool in request.tools
        ]
    if request.cache_key:
        asked["prompt_cache_key"] = request.cache_key
    if request.response_schema is not None:
        schema = strict_schema(request.response_schema)
        answer = {"type": "json_schema", "name": "answer", "schema": schema, "strict": True}
        asked["text"] = {**config.settings.get("text", {}), "format": answer}
    return asked


def _items(message: Message) -> list[dict[str, Any]]:
    if message.role == "assistant" and message.provider == PROVIDER and message.provider_items:
        return _finished(message.provider_items)
    items: list[dict[str, Any]] = []
    content: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, ToolResult):
            items.append({"type": "function_call_output", "call_id": part.call_id, "output": _output(part)})
        elif isinstance(part, ToolCall):
            call = {"type": "function_call", "call_id": part.id, "name": part.name}
            items.append({**call, "arguments": part.raw_arguments})
        elif message.role == "assistant":
            items += [{"role": "assistant", "content": part.text}] if isinstance(part, Text) else []
        else:
            content.append(_content(part))
    return [*items, {"role": "user", "content": content}] if content else items


def _finished(items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items without reasoning at their end: cut off by a token limit, it is refused without what it led to."""
    last = max((n for n, item in enumerate(items, start=1) if item["type"] != "reasoning"), default=0)
    return list(items[:last])


def _output(result: ToolResult) -> str | list[dict[str, Any]]:
    """A plain text where that is all, which compatible servers know best."""
    if all(isinstance(piece, Text) for piece in result.content):
        return "\n".join(piece.text for piece in result.content if isinstance(piece, Text))
    return [_content(piece) for piece in result.content]


def _content(part: Text | Image) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "input_text", "text": part.text}
    return {"type": "input_image", "image_url": data_url(part), "detail": "auto"}


def _reply(response: Response, items: list[dict[str, Any]], request_id: str | None) -> ChatReply:
    usage = _usage(response)
    refused = response.status == "failed" and _failed_by_policy(response, usage)
    parts: list[Part] = []
    for item in items:
        if item["type"] == "function_call":
            parts.append(tool_call(item["call_id"], item["name"], item["arguments"]))
        elif item["type"] == "message":
            for piece in item["content"]:
                refused = refused or piece["type"] == "refusal"
                parts.append(Text(text=piece.get("text") or piece.get("refusal") or ""))
    return ChatReply(
        message=Message(role="assistant", parts=tuple(parts), provider_items=tuple(items), provider=PROVIDER),
        stop=Stop.refusal if refused else _stop(response, parts),
        usage=usage,
        model=response.model,
        request_id=request_id,
    )


def _failed_by_policy(response: Response, usage: Usage) -> bool:
    """True for a refusal; any other failure is raised."""
    code = response.error.code if response.error else None
    if code in POLICY_CODES:
        return True
    raise failed_by_code(code, response.error.message if response.error else "the response failed", usage)


def _stop(response: Response, parts: list[Part]) -> Stop:
    if response.status == "incomplete":
        reason = response.incomplete_details.reason if response.incomplete_details else None
        return STOPS.get(reason or "", Stop.max_tokens)
    return Stop.tool_calls if any(isinstance(part, ToolCall) for part in parts) else Stop.end_turn


def _usage(response: Response) -> Usage:
    raw: dict[str, Any] = response.usage.to_dict(mode="json") if response.usage else {}
    if response.service_tier:
        raw["service_tier"] = response.service_tier
    return usage_from(
        raw,
        prompt="input_tokens",
        details="input_tokens_details",
        completion="output_tokens",
        completion_details="output_tokens_details",
    )
