"""Writing a rubric as `rubric.toml` (and its tree beside it) that reads back as the same rubric."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from core import BadInput, write_atomic
from rubrics.model import Rubric
from rubrics.tree import RubricTree, tree_path

_ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def rubric_to_toml(rubric: Rubric) -> str:
    """The text of a `rubric.toml`; what has its default value is left out."""
    blocks = []
    for criterion in rubric.criteria:
        body = criterion.model_dump(mode="json", exclude_defaults=True)
        if criterion.check is not None:
            # `kind` first, whatever the order of the model's fields: that is how people write it.
            rest = criterion.check.model_dump(mode="json", exclude_defaults=True)
            body["check"] = {"kind": criterion.check.kind, **rest}
        keys = [key for key in ("id", "importance", "text", "weight", "decides", "check") if key in body]
        blocks.append("[[criteria]]\n" + "".join(f"{key} = {_value(body[key])}\n" for key in keys))
    return "\n".join(blocks)


def tree_to_json(tree: RubricTree) -> str:
    """The text of a `rubric.tree.json`, one node a line."""
    rows = ",\n".join(json.dumps(node.model_dump(mode="json"), ensure_ascii=False) for node in tree.nodes)
    return '{"nodes": [\n' + rows + "\n]}\n"


def write_rubric(path: Path, rubric: Rubric, tree: RubricTree | None = None) -> tuple[Path, ...]:
    """Write `rubric.toml` and, with a tree, `rubric.tree.json` beside it, each all or nothing.

    Returns:
        The files written. A tree of an earlier rubric of that name is removed.

    Raises:
        BadInput: They cannot be written there.
    """
    beside = tree_path(path)
    text, branches = rubric_to_toml(rubric), None if tree is None else tree_to_json(tree)
    try:
        if branches is not None:
            write_atomic(beside, branches)
        write_atomic(path, text)
        if branches is None:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"cannot be written: {error.strerror}", file=path) from error
    return (path,) if tree is None else (path, beside)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{"".join(_escaped(char) for char in value)}"'
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, dict):
        return _table(value.items())
    return f"[{', '.join(_value(item) for item in value)}]"


def _table(items: Iterable[tuple[str, Any]]) -> str:
    pairs = [
        f"{key if set(key) <= _BARE else _value(key)} = {_value(value)}"
        for key, value in items
        if value is not None
    ]
    return f"{{ {', '.join(pairs)} }}" if pairs else "{}"


def _float(value: float) -> str:
    text = repr(value)  # Finite: the models refuse infinities and NaN.
    return text if set(text) & {".", "e"} else f"{text}.0"


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return f"\\u{ord(char):04x}" if ord(char) < 32 or ord(char) == 127 else char
