"""Answers over HTTP: errors as each API words them, and streams that can break."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

from starlette.responses import JSONResponse, StreamingResponse

from tests.standins.llm.script import Turn

ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def anthropic_error(status: int, message: str, turn: Turn | None = None) -> JSONResponse:
    """An error of the Messages API."""
    kind = (turn.code if turn else None) or ANTHROPIC_TYPES.get(status, "api_error")
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_error"}
    return JSONResponse(body, status, headers=_headers(turn, {"request-id": "req_error"}))


def openai_error(
    status: int, message: str, turn: Turn | None = None, *, code: str | None = None, kind: str | None = None
) -> JSONResponse:
    """An error of OpenAI's APIs."""
    default = "server_error" if status >= 500 else "invalid_request_error"
    error = {
        "message": message,
        "type": kind or OPENAI_TYPES.get(status, default),
        "param": turn.param if turn else None,
        "code": (turn.code if turn else None) or code,
    }
    return JSONResponse({"error": error}, status, headers=_headers(turn, {"x-request-id": "req_error"}))


def _headers(turn: Turn | None, headers: dict[str, str]) -> dict[str, str]:
    if turn is not None and turn.retry_after is not None:
        headers["retry-after"] = turn.retry_after
    return {**headers, **(turn.headers if turn else {})}


def named_event(name: str, data: dict[str, Any]) -> str:
    """A server-sent event with its name, as Anthropic and the Responses API send them."""
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n"


def stream(events: Iterable[str], turn: Turn, error: str, headers: dict[str, str]) -> StreamingResponse:
    """The events one by one; the turn's drop breaks the connection, its error event ends the stream."""

    async def chunks() -> AsyncIterator[str]:
        for number, event in enumerate(events):
            if turn.drop_after is not None and number >= turn.drop_after:
                raise ConnectionResetError("the turn says so")
            if turn.error_after is not None and number >= turn.error_after:
                yield error
                return
            yield event

    return StreamingResponse(chunks(), media_type="text/event-stream", headers=headers)


def pieces(text: str, size: int = 40) -> Iterable[str]:
    """The text in pieces."""
    return (text[start : start + size] for start in range(0, len(text), size))
