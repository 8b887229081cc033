"""Tokens that nobody counted: about four characters a token, as providers say themselves."""

from __future__ import annotations

import json

from core.llm.protocol import ChatRequest, Image, Part, Text, ToolResult

CHARACTERS_PER_TOKEN = 4
TOKENS_PER_IMAGE = 1_000
# Tokens of a reply that was never seen, where no earlier reply of the same work tells better.
GUESSED_OUTPUT = 500


def size_of(part: Part) -> int:
    """Characters that the part counts for."""
    if isinstance(part, Text):
        return len(part.text)
    if isinstance(part, Image):
        return TOKENS_PER_IMAGE * CHARACTERS_PER_TOKEN
    if isinstance(part, ToolResult):
        return sum(map(size_of, part.content))
    return len(part.name) + len(part.raw_arguments)


def tokens_of(characters: int) -> int:
    """Tokens of so many characters, rounded up."""
    return -(-characters // CHARACTERS_PER_TOKEN)


def fixed_size(request: ChatRequest) -> int:
    """Characters of what is the same in every request of a conversation: system prompt and tools."""
    return len(request.system) + sum(len(json.dumps(tool.model_dump(mode="json"))) for tool in request.tools)


def request_tokens(request: ChatRequest) -> int:
    """About how many tokens a request sends."""
    said = sum(size_of(part) for message in request.messages for part in message.parts)
    return tokens_of(fixed_size(request) + said)
