"""Sentences that speak to a grader and not to a client. A hit is told to people; it never changes a verdict."""

from __future__ import annotations

import re

ZERO_WIDTH = re.compile("[\u200b\u200c\u200d\u2060\ufeff\U000e0000-\U000e007f]")
_INSTRUCTION = re.compile(
    r"(?:ignore|disregard|forget)\s+(?:all\s+|any\s+)?(?:the\s+)?(?:previous|prior|above|earlier|other)\s+(?:\w+\s+)?"
    r"(?:instruction|prompt|rule|criteri|message)"
    r"|(?:mark|grade|score|rate|judge|count)\s+(?:\w+\s+){0,6}?(?:as\s+)?(?:pass(?:ed|ing)?\b|met\b|full\s+marks|10/10)"
    r"|(?:respond|answer|reply|output)\s+(?:only\s+)?(?:with\s+)?[\"'{\s]*verdict"
    r"|system\s+prompt|you\s+are\s+(?:an?\s+|the\s+)?(?:\w+\s+)?(?:grader|judge|evaluator|language\s+model|llm)\b",
    re.IGNORECASE,
)


def speaks_to_a_grader(text: str) -> str | None:
    """The place in `text` that does, with some words around it; None where there is none."""
    match = _INSTRUCTION.search(ZERO_WIDTH.sub("", text))
    return None if match is None else text[max(0, match.start() - 40) : match.end() + 60][:200]
