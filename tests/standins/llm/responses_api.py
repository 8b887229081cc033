"""OpenAI's Responses API, without storage: what is not sent back is forgotten."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.standins.llm.cache import tokens
from tests.standins.llm.http import named_event, openai_error, pieces, stream
from tests.standins.llm.script import Turn
from tests.standins.llm.server import KEY, Standin
from tests.standins.llm.validation import invalid, not_strict

# What an item lacks when it is announced: a client that keeps it then keeps too little.
UNFINISHED: dict[str, dict[str, Any]] = {
    "function_call": {"arguments": ""},
    "message": {"content": []},
    "reasoning": {"encrypted_content": "incomplete"},
}


async def responses(request: Request) -> Response:
    """POST /v1/responses."""
    standin: Standin = request.app.state.standin
    if request.headers.get("authorization") != f"Bearer {KEY}":
        return openai_error(401, "Incorrect API key provided", code="invalid_api_key")
    body = await request.json()
    if wrong := invalid("responses", body) or _broken_rule(body, standin):
        return openai_error(400, standin.reject(wrong))
    blocks = [body.get("tools") or [], body.get("instructions") or "", *body["input"]]
    if sum(map(tokens, blocks)) > standin.context:
        return openai_error(400, "Your input exceeds the context window.", code="context_length_exceeded")
    step = sum(item.get("type") == "function_call" or item.get("role") == "assistant" for item in body["input"])
    turn = await standin.turn("responses", request, body, step)
    if turn.status != 200:
        return openai_error(turn.status, turn.text or "an error", turn)
    answer = _response(standin, body, turn, blocks)
    headers = {"x-request-id": standin.new_id("req"), "x-ratelimit-remaining-requests": "999"}
    if not body.get("stream"):
        return JSONResponse(answer, headers=headers)
    told = {"code": turn.code or "server_error", "message": "told within the stream", "param": None}
    return stream(_events(answer), turn, named_event("error", {**told, "sequence_number": 99}), headers)


def _broken_rule(body: dict[str, Any], standin: Standin) -> str | None:
    """Calls and outputs pair up, reasoning goes with the item that followed it, strict schemas are strict."""
    form = (body.get("text") or {}).get("format") or {}
    if form.get("strict") and (wrong := not_strict(form["schema"])):
        return f"Invalid schema for response_format '{form['name']}': {wrong}"
    items = body["input"]
    calls = [item["call_id"] for item in items if item.get("type") == "function_call"]
    outputs = [item["call_id"] for item in items if item.get("type") == "function_call_output"]
    if missing := set(calls) - set(outputs):
        return f"No tool output found for function call {sorted(missing)[0]}."
    if extra := set(outputs) - set(calls):
        return f"No tool call found for function call output with call_id {sorted(extra)[0]}."
    for number, item in enumerate(items):
        before = items[number - 1].get("id") if number else None
        if (needed := standin.required.get(item.get("id", ""))) and needed != before:
            return f"Item '{item['id']}' was provided without its required 'reasoning' item: '{needed}'."
        if item.get("type") == "reasoning":
            if item.get("encrypted_content") != standin.sign(item["id"]):
                return f"The encrypted content for item {item['id']} could not be verified."
            follower = items[number + 1].get("id", "") if number + 1 < len(items) else ""
            if standin.required.get(follower) != item["id"]:
                return f"Item '{item['id']}' of type 'reasoning' was provided without its required following item."
    return None


def _items(standin: Standin, turn: Turn) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if text := turn.text or turn.refusal:
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        if turn.refusal:
            part = {"type": "refusal", "refusal": text}
        message = {"type": "message", "role": "assistant", "status": "completed", "content": [part]}
        items.append({"id": standin.new_id("msg"), **message})
    for call in turn.calls:
        named = {"call_id": standin.new_id("call"), "name": call.name, "arguments": call.text}
        items.append({"type": "function_call", "id": standin.new_id("fc"), **named, "status": "completed"})
    if turn.think:
        thought: dict[str, Any] = {"type": "reasoning", "id": standin.new_id("rs"), "summary": []}
        thought["encrypted_content"] = standin.sign(thought["id"])
        if items:
            standin.required[items[0]["id"]] = thought["id"]
        items.insert(0, thought)
    return items


def _response(standin: Standin, body: dict[str, Any], turn: Turn, blocks: list[Any]) -> dict[str, Any]:
    items = _items(standin, turn)
    total, hit, written = standin.cache.use(f"{body.get('prompt_cache_key')} {body['model']}", blocks)
    thought = tokens(turn.think) if turn.think else 0
    output = sum(map(tokens, items)) + thought
    usage = {
        "input_tokens": total,
        "input_tokens_details": {"cached_tokens": hit, "cache_write_tokens": written},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": total + output,
    }
    standin.usages.append(usage)
    status = "failed" if turn.failure else "incomplete" if turn.stop else "completed"
    return {
        "id": standin.new_id("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "model": body["model"],
        "output": items,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": body.get("tools") or [],
        "error": {"code": turn.failure, "message": "it failed"} if turn.failure else None,
        "incomplete_details": {"reason": turn.stop} if turn.stop else None,
        "instructions": body.get("instructions"),
        "metadata": {},
        "temperature": 1.0,
        "top_p": 1.0,
        "service_tier": "default",
        "store": body.get("store", True),
        "usage": usage,
    }


def _events(answer: dict[str, Any]) -> Iterator[str]:
    count = itertools.count()

    def event(name: str, /, **data: Any) -> str:
        return named_event(name, {"sequence_number": next(count), **data})

    early: dict[str, Any] = {**answer, "status": "in_progress", "output": [], "usage": None, "error": None}
    yield event("response.created", response=early)
    yield event("response.in_progress", response=early)
    for index, item in enumerate(answer["output"]):
        started = {**item, **UNFINISHED[item["type"]]}
        yield event("response.output_item.added", output_index=index, item=started)
        at = {"output_index": index, "item_id": item["id"]}
        if item["type"] == "function_call":
            for piece in pieces(item["arguments"]):
                yield event("response.function_call_arguments.delta", **at, delta=piece)
            done = {"arguments": item["arguments"], "name": item["name"]}
            yield event("response.function_call_arguments.done", **at, **done)
        elif item["type"] == "message" and item["content"][0]["type"] == "output_text":
            for piece in pieces(item["content"][0]["text"]):
                yield event("response.output_text.delta", **at, content_index=0, delta=piece, logprobs=[])
        yield event("response.output_item.done", output_index=index, item=item)
    yield event(f"response.{answer['status']}", response=answer)
