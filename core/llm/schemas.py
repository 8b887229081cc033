"""JSON Schemas as structured output wants them."""

from __future__ import annotations

from typing import Any


def closed_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A copy in which every object forbids other properties and requires all of its own, without defaults.

    OpenAI's strict mode accepts nothing else; a property that may be absent has to be nullable.
    """
    closed: dict[str, Any] = _closed(schema)
    return closed


def _closed(node: Any) -> Any:
    if isinstance(node, list):
        return [_closed(value) for value in node]
    if not isinstance(node, dict):
        return node
    copy: dict[str, Any] = {}
    for key, value in node.items():
        if key in ("properties", "$defs", "definitions"):
            copy[key] = {name: _closed(child) for name, child in value.items()}
        elif key in ("enum", "const", "examples"):
            copy[key] = value
        elif key != "default":
            copy[key] = _closed(value)
    if "properties" in copy:
        copy["additionalProperties"] = False
        copy["required"] = list(copy["properties"])
    return copy
