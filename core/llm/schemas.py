"""JSON Schemas as OpenAI's structured output wants them."""

from __future__ import annotations

from typing import Any

NAMED = ("properties", "$defs", "definitions")
VERBATIM = ("enum", "const", "required")
# Strict mode refuses these, or may: whoever asked validates the answer anyway.
DROPPED = ("default", "examples", "discriminator", "minLength", "maxLength", "title")


def strict_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A copy for strict mode.

    Every object forbids other properties and requires all of its own (one that may be absent has to be nullable),
    `oneOf` becomes `anyOf`, a reference with words beside it is written out (or, in a recursion, loses them), and
    constraints that strict mode does not know are left out.
    """
    strict: dict[str, Any] = _strict(schema, schema, ())
    return strict


def _strict(node: Any, root: dict[str, Any], within: tuple[str, ...]) -> Any:
    if isinstance(node, list):
        return [_strict(value, root, within) for value in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node and len(node) > 1:
        reference = node["$ref"]
        if reference in within:
            return {"$ref": reference}
        beside = {key: value for key, value in node.items() if key != "$ref"}
        return _strict({**_resolved(reference, root), **beside}, root, (*within, reference))
    copy: dict[str, Any] = {}
    for key, value in node.items():
        if key in NAMED:
            copy[key] = {name: _strict(child, root, within) for name, child in value.items()}
        elif key in VERBATIM:
            copy[key] = value
        elif key not in DROPPED:
            copy["anyOf" if key == "oneOf" else key] = _strict(value, root, within)
    if "properties" in copy:
        copy["additionalProperties"] = False
        copy["required"] = list(copy["properties"])
    return copy


def _resolved(reference: str, root: dict[str, Any]) -> dict[str, Any]:
    """What a reference within the schema (`#/$defs/Name`) points to."""
    node: Any = root
    for name in reference.removeprefix("#/").split("/"):
        node = node[name.replace("~1", "/").replace("~0", "~")]
    found: dict[str, Any] = node
    return found
