"""Requests are validated with the request types of the installed SDKs: what they do not allow is an error."""

from __future__ import annotations

from functools import cache
from typing import Any

from anthropic.types.message_count_tokens_params import MessageCountTokensParams
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import TypeAdapter, ValidationError

TYPES: dict[str, Any] = {
    "messages": MessageCreateParamsNonStreaming,
    "count_tokens": MessageCountTokensParams,
    "responses": ResponseCreateParamsNonStreaming,
    "chat": CompletionCreateParamsNonStreaming,
}


@cache
def _adapter(api: str) -> TypeAdapter[Any]:
    return TypeAdapter(TYPES[api])


def invalid(api: str, body: dict[str, Any], *, also: frozenset[str] = frozenset()) -> str | None:
    """What is wrong with the body, or None. Keys in `also` are let through (a server's own extras)."""
    checked = {key: value for key, value in body.items() if key != "stream" and key not in also}
    try:
        _force(_adapter(api).validate_python(checked, extra="forbid"))
    except ValidationError as error:
        deepest = max(error.errors(), key=lambda one: len(one["loc"]))
        return f"{'.'.join(map(str, deepest['loc']))}: {deepest['msg']}"
    return None


def not_strict(schema: Any) -> str | None:
    """What OpenAI's strict mode refuses in a schema, or None."""
    if isinstance(schema, list):
        return next(filter(None, map(not_strict, schema)), None)
    if not isinstance(schema, dict):
        return None
    if "$ref" in schema and len(schema) > 1:
        return f"$ref cannot have keywords {sorted(set(schema) - {'$ref'})}"
    if refused := {"default", "oneOf", "allOf", "discriminator", "minLength", "maxLength"} & set(schema):
        return f"{sorted(refused)} is not permitted"
    inner: list[Any] = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    if "properties" in schema:
        if schema.get("additionalProperties") is not False:
            return "'additionalProperties' is required to be supplied and to be false"
        if set(schema.get("required", ())) != set(schema["properties"]):
            return "'required' is required to be an array including every key in properties"
    return not_strict([*inner, *schema.get("anyOf", []), schema.get("items")])


def _force(value: Any) -> Any:
    """Iterables are validated lazily: walk them."""
    if isinstance(value, dict):
        return {key: _force(child) for key, child in value.items()}
    if value is None or isinstance(value, (str, bytes, int, float, bool)):
        return value
    return [_force(child) for child in value]
