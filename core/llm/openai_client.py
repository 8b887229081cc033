"""What the two OpenAI clients share: the SDK's client and the reading of its errors."""

from __future__ import annotations

import base64
from typing import Any

import httpx2
import openai

from core.causes import Cause
from core.llm.client import SILENCE, cut_short, refused
from core.llm.protocol import Image, ModelConfig, Usage
from core.llm.retry import TryFailed, cause_of_status

# The API's own codes. Compatible servers have others: llama.cpp a type, vLLM the parameter that is too long.
OVERFLOW_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})
OVERFLOW_PARAMETERS = frozenset({"input_tokens"})
NO_MONEY_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
RATE_CODES = frozenset({"rate_limit_exceeded", "rate_limit_error"})
OVERLOAD_CODES = frozenset({"server_error", "internal_error", "overloaded_error", "vector_store_timeout"})


def open_client(config: ModelConfig, api_key: str | None) -> openai.AsyncOpenAI:
    """The SDK's client, without its retries. A server without keys gets a word in place of one."""
    return openai.AsyncOpenAI(
        api_key=api_key or "none",
        base_url=config.base_url,
        max_retries=0,
        timeout=httpx2.Timeout(SILENCE, connect=10),
    )


def try_failed(error: Exception, *, streaming: bool) -> TryFailed:
    """An error of the SDK, or of the connection below it, in our words."""
    if isinstance(error, openai.APIStatusError):
        cause, again = _meaning(error)
        return refused(error.status_code, _told(error), error.response.headers, cause=cause, again=again)
    if isinstance(error, (openai.APITimeoutError, httpx2.TimeoutException)):
        return cut_short("timeout", error)
    if isinstance(error, (openai.APIConnectionError, httpx2.HTTPError)):
        return cut_short("dropped" if streaming else "connection", error)
    if isinstance(error, openai.APIError) and not isinstance(error, openai.APIResponseValidationError):
        # An error within a stream: the status was 200 long ago, the body tells.
        return failed_by_code(error.code or error.type, error.message)
    return cut_short("malformed", error)


def failed_by_code(code: str | None, message: str, usage: Usage | None = None) -> TryFailed:
    """An error told within a stream, by its code."""
    detail = f"{code or 'error'}: {message}"
    if code is not None and code.isdecimal():
        # vLLM tells a status as the code.
        cause, again = cause_of_status(int(code))
        return TryFailed("status", cause, detail, again=again, status=int(code), usage=usage)
    if code in OVERFLOW_CODES:
        return TryFailed("status", Cause.context_overflow, detail, again=False, usage=usage)
    if code in NO_MONEY_CODES:
        return TryFailed("status", Cause.model_unauthorised, detail, again=False, usage=usage)
    if code in RATE_CODES:
        return TryFailed("status", Cause.model_rate_limited, detail, again=True, usage=usage)
    if code is None or code in OVERLOAD_CODES:
        return TryFailed("dropped", Cause.model_unavailable, detail, again=True, usage=usage)
    return TryFailed("status", Cause.model_rejected_request, detail, again=False, usage=usage)


def _meaning(error: openai.APIStatusError) -> tuple[Cause | None, bool | None]:
    """What the codes say beyond the status. An empty account answers 429, but waiting does not fill it."""
    codes = {error.code, error.type}
    if error.status_code == 413 or codes & OVERFLOW_CODES or error.param in OVERFLOW_PARAMETERS:
        return Cause.context_overflow, False
    if codes & NO_MONEY_CODES:
        return Cause.model_unauthorised, False
    return None, None


def _told(error: openai.APIStatusError) -> str:
    """The provider's own words; the SDK's message is the whole body's repr."""
    message = error.body.get("message") if isinstance(error.body, dict) else None
    return message if isinstance(message, str) else error.message


def data_url(image: Image) -> str:
    """The image as a data URL."""
    return f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"


def usage_from(
    raw: dict[str, Any], *, prompt: str, details: str, completion: str, completion_details: str
) -> Usage:
    """The tokens of a usage object. Cached tokens are part of the prompt's there, and apart from `input` here."""
    inside = raw.get(details) or {}
    read = inside.get("cached_tokens") or 0
    write = inside.get("cache_write_tokens") or 0
    reasoning = (raw.get(completion_details) or {}).get("reasoning_tokens") or 0
    return Usage(
        input=max(0, (raw.get(prompt) or 0) - read - write),
        cache_read=read,
        cache_write=write,
        output=raw.get(completion) or 0,
        reasoning=reasoning,
        raw=raw,
    )
