"""OpenAI's chat completions, as compatible servers speak them: no key is needed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.standins.llm.cache import tokens
from tests.standins.llm.http import openai_error, pieces, stream
from tests.standins.llm.script import Turn
from tests.standins.llm.server import Standin
from tests.standins.llm.validation import invalid, not_strict

# Parameters of vLLM that the SDK does not know.
EXTRAS = frozenset({"top_k", "chat_template_kwargs"})


async def completions(request: Request) -> Response:
    """POST /v1/chat/completions."""
    standin: Standin = request.app.state.standin
    if request.headers.get("authorization") == "Bearer wrong":
        return openai_error(401, "Unauthorized")
    body = await request.json()
    if wrong := invalid("chat", body, also=EXTRAS) or _broken_rule(body["messages"]) or _broken_schema(body):
        return openai_error(400, standin.reject(wrong))
    blocks = [body.get("tools") or [], *body["messages"]]
    if (size := sum(map(tokens, blocks))) > standin.context:
        why = f"request ({size} tokens) exceeds the available context size ({standin.context} tokens)"
        return openai_error(400, why, kind="exceed_context_size_error")
    step = sum(message["role"] == "assistant" for message in body["messages"])
    turn = await standin.turn("chat", request, body, step)
    if turn.status != 200:
        return openai_error(turn.status, turn.text or "an error", turn)
    total, hit, _ = standin.cache.use(body["model"], blocks)
    answer = {"text": turn.text, "refusal": turn.refusal, "calls": [call.text for call in turn.calls]}
    usage = {
        "prompt_tokens": total,
        "completion_tokens": tokens(answer),
        "total_tokens": total + tokens(answer),
        "prompt_tokens_details": {"cached_tokens": hit},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    standin.usages.append(usage)
    error = f"data: {json.dumps({'error': {'message': 'told within the stream', 'code': turn.code}})}\n\n"
    if not body.get("stream"):
        return JSONResponse({"error": {"message": "the stand-in streams only"}}, 400)
    return stream(_events(standin, body, turn, usage), turn, error, {"x-request-id": standin.new_id("req")})


def _broken_rule(messages: list[dict[str, Any]]) -> str | None:
    """Tool messages answer the calls of the assistant's message before them, all of them; arguments are JSON."""
    pending: set[str] = set()
    for number, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in pending:
                return f"messages.{number}: no tool call {message['tool_call_id']} before it"
            pending.discard(message["tool_call_id"])
            continue
        if pending:
            return f"messages.{number}: tool calls {sorted(pending)} have no answer"
        for call in message.get("tool_calls") or ():
            try:
                json.loads(call["function"]["arguments"])
            except json.JSONDecodeError:
                return f"messages.{number}: the chat template cannot parse the arguments"
            pending.add(call["id"])
    return f"tool calls {sorted(pending)} have no answer" if pending else None


def _broken_schema(body: dict[str, Any]) -> str | None:
    form = (body.get("response_format") or {}).get("json_schema") or {}
    return not_strict(form["schema"]) if form.get("strict") else None


def _events(standin: Standin, body: dict[str, Any], turn: Turn, usage: dict[str, Any]) -> Iterator[str]:
    head = {
        "id": standin.new_id("chatcmpl"),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": body["model"],
    }

    def chunk(choices: list[dict[str, Any]], **more: Any) -> str:
        return f"data: {json.dumps({**head, 'choices': choices, **more})}\n\n"

    def delta(content: dict[str, Any], finish: str | None = None) -> str:
        return chunk([{"index": 0, "delta": content, "finish_reason": finish}])

    yield delta({"role": "assistant", "content": ""})
    for piece in pieces(turn.text):
        yield delta({"content": piece})
    for piece in pieces(turn.refusal):
        yield delta({"refusal": piece})
    for index, call in enumerate(turn.calls):
        function = {"name": call.name, "arguments": ""}
        first = {"index": index, "id": standin.new_id("call"), "type": "function", "function": function}
        yield delta({"tool_calls": [first]})
        for piece in pieces(call.text):
            yield delta({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield delta({}, turn.stop or ("tool_calls" if turn.calls else "stop"))
    if (body.get("stream_options") or {}).get("include_usage"):
        yield chunk([], usage=usage)
    yield "data: [DONE]\n\n"
