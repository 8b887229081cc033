"""Anthropic's Messages API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.standins.llm.cache import tokens
from tests.standins.llm.http import anthropic_error, named_event, pieces, stream
from tests.standins.llm.script import Turn
from tests.standins.llm.server import KEY, Standin
from tests.standins.llm.validation import invalid


async def messages(request: Request) -> Response:
    """POST /v1/messages."""
    standin: Standin = request.app.state.standin
    if (denied := _denied(request)) is not None:
        return denied
    body = await request.json()
    if wrong := invalid("messages", body) or _broken_rule(body, standin):
        return anthropic_error(400, standin.reject(wrong))
    blocks, marks = _cached_blocks(body)
    if len(marks) > 4:
        return anthropic_error(400, standin.reject("A maximum of 4 blocks with cache_control may be provided."))
    if (size := sum(map(tokens, blocks))) > standin.context:
        return anthropic_error(400, f"prompt is too long: {size} tokens > {standin.context} maximum")
    step = sum(message["role"] == "assistant" for message in body["messages"])
    turn = await standin.turn("messages", request, body, step)
    if turn.status != 200:
        return anthropic_error(turn.status, turn.text or "an error", turn)
    answer = _message(standin, body, turn, _usage(standin, body, blocks, marks))
    headers = {"request-id": standin.new_id("req")}
    if not body.get("stream"):
        return JSONResponse(answer, headers=headers)
    kind = turn.code or "overloaded_error"
    error = named_event("error", {"error": {"type": kind, "message": "told within the stream"}})
    return stream(_events(answer, turn), turn, error, headers)


async def count_tokens(request: Request) -> Response:
    """POST /v1/messages/count_tokens."""
    standin: Standin = request.app.state.standin
    if (denied := _denied(request)) is not None:
        return denied
    body = await request.json()
    if wrong := invalid("count_tokens", body):
        return anthropic_error(400, standin.reject(wrong))
    return JSONResponse({"input_tokens": sum(map(tokens, _cached_blocks(body)[0]))})


async def model(request: Request) -> Response:
    """GET /v1/models/{model}."""
    standin: Standin = request.app.state.standin
    told = {
        "id": request.path_params["model"],
        "type": "model",
        "display_name": "Stand-in",
        "created_at": "2026-01-01T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": standin.context,
        "max_tokens": 64_000,
    }
    return JSONResponse(told)


def _denied(request: Request) -> Response | None:
    if request.headers.get("authorization") != f"Bearer {KEY}":
        return anthropic_error(401, "invalid bearer token")
    if "anthropic-version" not in request.headers:
        return anthropic_error(400, "anthropic-version: header is required")
    return None


def _broken_rule(body: dict[str, Any], standin: Standin) -> str | None:
    """Every tool_use is answered in the next message; thinking blocks come back as they were."""
    pending: set[str] = set()
    for number, message in enumerate(body["messages"]):
        blocks = message["content"]
        if isinstance(blocks, str):
            blocks = [{"type": "text", "text": blocks}]
        where = f"messages.{number}"
        if not blocks:
            return f"{where}: all messages must have non-empty content"
        if any(block["type"] == "text" and not block["text"].strip() for block in blocks):
            return f"{where}: text content blocks must contain non-whitespace text"
        answered = {block["tool_use_id"] for block in blocks if block["type"] == "tool_result"}
        if answered != pending:
            return f"{where}: tool_use {sorted(pending)} and tool_result {sorted(answered)} do not match"
        if message["role"] == "assistant" and (wrong := _broken_thinking(blocks, standin)):
            return f"{where}: {wrong}"
        pending = {block["id"] for block in blocks if block["type"] == "tool_use"}
    return "the last message has tool_use without an answer" if pending else None


def _broken_thinking(blocks: list[dict[str, Any]], standin: Standin) -> str | None:
    if blocks[-1]["type"] == "thinking":
        return "The final block in an assistant message cannot be `thinking`."
    for block in blocks:
        if block["type"] == "tool_use" and not re.fullmatch("[A-Za-z0-9_-]+", block["id"]):
            return "tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
        if block["type"] == "thinking" and block["signature"] != standin.sign(block["thinking"]):
            return "Invalid `signature` in `thinking` block"
    return None


def _cached_blocks(body: dict[str, Any]) -> tuple[list[Any], set[int]]:
    """The blocks in the order of the cache (tools, system, messages), and which are marked."""
    system = body.get("system") or []
    blocks: list[Any] = [*(body.get("tools") or []), *([system] if isinstance(system, str) else system)]
    for message in body["messages"]:
        content = message["content"]
        blocks += [[message["role"], block] for block in ([content] if isinstance(content, str) else content)]
    marks = {number for number, block in enumerate(blocks) if _marked(block)}
    if body.get("cache_control"):
        marks.add(len(blocks) - 1)
    return [_without_mark(block) for block in blocks], marks


def _marked(block: Any) -> bool:
    inner = block[1] if isinstance(block, list) else block
    return isinstance(inner, dict) and bool(inner.get("cache_control"))


def _without_mark(block: Any) -> Any:
    if isinstance(block, list):
        return [block[0], _without_mark(block[1])]
    return {k: v for k, v in block.items() if k != "cache_control"} if isinstance(block, dict) else block


def _usage(standin: Standin, body: dict[str, Any], blocks: list[Any], marks: set[int]) -> dict[str, Any]:
    total, read, written = standin.cache.use(body["model"], blocks, marks)
    return {
        "input_tokens": total - read - written,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
        "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
        "service_tier": "standard",
    }


def _message(standin: Standin, body: dict[str, Any], turn: Turn, usage: dict[str, Any]) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    thinks = (body.get("thinking") or {}).get("type") in ("adaptive", "enabled")
    if turn.think and thinks:
        content.append({"type": "thinking", "thinking": turn.think, "signature": standin.sign(turn.think)})
    if text := turn.text or turn.refusal:
        content.append({"type": "text", "text": text, "citations": None})
    for call in turn.calls:
        content.append({"type": "tool_use", "id": standin.new_id("toolu"), "name": call.name, "input": call.text})
    thought = tokens(turn.think) if turn.think and thinks else 0
    usage |= {
        "output_tokens": sum(map(tokens, content)) or 1,
        "output_tokens_details": {"thinking_tokens": thought},
    }
    standin.usages.append(usage)
    stop = "refusal" if turn.refusal else "tool_use" if turn.calls else "end_turn"
    return {
        "id": standin.new_id("msg"),
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": turn.stop or stop,
        "stop_sequence": None,
        "usage": usage,
    }


def _events(answer: dict[str, Any], turn: Turn) -> Iterator[str]:
    usage = answer["usage"]
    early = {**answer, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield named_event("message_start", {"message": early})
    yield named_event("ping", {})
    for index, block in enumerate(answer["content"]):
        yield from _block_events(index, block)
    ending = {"stop_reason": answer["stop_reason"], "stop_sequence": None}
    counted = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
    late = {name: usage[name] for name in (*counted, "output_tokens_details")}
    yield named_event("message_delta", {"delta": ending, "usage": late})
    yield named_event("message_stop", {})


def _block_events(index: int, block: dict[str, Any]) -> Iterator[str]:
    def delta(kind: str, name: str, text: str) -> str:
        return named_event("content_block_delta", {"index": index, "delta": {"type": kind, name: text}})

    empty: dict[str, dict[str, Any]] = {"tool_use": {"input": {}}, "text": {"text": ""}}
    start = {**block, **empty.get(block["type"], {})}
    if block["type"] == "thinking":
        start |= {"thinking": "", "signature": ""}
    yield named_event("content_block_start", {"index": index, "content_block": start})
    if block["type"] == "tool_use":
        for piece in pieces(block["input"]):
            yield delta("input_json_delta", "partial_json", piece)
    elif block["type"] == "thinking":
        for piece in pieces(block["thinking"]):
            yield delta("thinking_delta", "thinking", piece)
        yield delta("signature_delta", "signature", block["signature"])
    else:
        for piece in pieces(block["text"]):
            yield delta("text_delta", "text", piece)
    yield named_event("content_block_stop", {"index": index})
