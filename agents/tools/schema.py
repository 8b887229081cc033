"""JSON Schemas for tools, in the small common part of the language that every provider and server takes."""

from __future__ import annotations

from typing import Any

from core import Frozen


def parameters_of(model: type[Frozen]) -> dict[str, Any]:
    """The schema of `model`: no titles, no references, and no `null` where leaving out means the same."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    plain: dict[str, Any] = _plain(schema, definitions)
    plain.pop("description", None)  # the docstring is for us
    return plain


def _plain(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_plain(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = dict(definitions[node["$ref"].removeprefix("#/$defs/")])
        target.pop("description", None)
        return _plain({**target, **{k: v for k, v in node.items() if k != "$ref"}}, definitions)
    if "anyOf" in node:
        choices = [choice for choice in node["anyOf"] if choice != {"type": "null"}]
        if len(choices) == 1:
            rest = {k: v for k, v in node.items() if k not in {"anyOf", "default"}}
            return _plain({**choices[0], **rest}, definitions)
    found = {key: value for key, value in node.items() if key not in {"title", "default"}}
    if "properties" in found:
        # A property may itself be called `title`, so its name is never looked at.
        found["properties"] = {k: _plain(v, definitions) for k, v in found["properties"].items()}
    return {k: v if k == "properties" else _plain(v, definitions) for k, v in found.items()}
