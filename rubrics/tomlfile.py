"""A TOML file of the user's, read so that every fault names its line and its field."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from core import BadInput, read_text, read_toml

MAX_BYTES = 64 << 20

T = TypeVar("T", bound=BaseModel)
Loc = tuple[str | int, ...]

_ARRAY = re.compile(r"^\[\[\s*([^\]]+?)\s*\]\]")
_TABLE = re.compile(r"^\[\s*([^\]]+?)\s*\]")
_NAME = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_KEY = re.compile(rf"^({_NAME}(?:\s*\.\s*{_NAME})*)\s*=")
_PART = re.compile(r"""\"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)""")


class TomlDocument:
    """The content of a TOML file, and where in the file each of its keys stands.

    Attributes:
        path: As the user knows it.
        data: The parsed document.
    """

    def __init__(self, path: Path) -> None:
        """Read `path`. Raises `BadInput` (missing, not UTF-8, not TOML)."""
        self.path = path
        refuse_large(path)
        try:
            self.data: dict[str, Any] = read_toml(path)
        except RecursionError as error:
            raise BadInput("nested too deeply", file=path) from error
        except ValueError as error:  # A number of thousands of digits: Python refuses to make one of them.
            raise BadInput("a number is too long", file=path) from error
        self._lines: dict[Loc, int] | None = None

    def parse(self, model: type[T]) -> T:
        """The document as a `model`, without any silent conversion of types.

        Raises:
            BadInput: The first wrong field, with its line, and the mend where it is known.
        """
        try:
            # As JSON, because only there a strict model still takes lists for tuples and texts for enums.
            return model.model_validate_json(json.dumps(self.data, default=_plain), strict=True)
        except RecursionError as error:  # `a.a.a.a ... = 1`
            raise BadInput("nested too deeply", file=self.path) from error
        except ValidationError as error:
            # A misspelt key is also a missing one: the key that is there tells more.
            errors = sorted(error.errors(include_url=False), key=lambda item: item["type"] != "extra_forbidden")
            raise self._translated(model, errors[0]) from error

    def fault(self, what: str, loc: Loc, *, mend: str | None = None) -> BadInput:
        """A `BadInput` that names the file, the line of `loc` (or of what holds it) and the field."""
        return BadInput(what, file=self.path, line=self.line_of(loc), field=self.field(loc), mend=mend)

    def line_of(self, loc: Loc) -> int | None:
        """The line (from 1) of the longest part of `loc` that stands in the file."""
        if self._lines is None:
            self._lines = _index(read_text(self.path))
        for length in range(len(loc), 0, -1):
            line = self._lines.get(loc[:length])
            if line is not None:
                return line
        return None

    def field(self, loc: Loc) -> str | None:
        """`loc` for people: `criteria[total].importance`; elements without an id are counted from 1."""
        text, here, tag = "", self.data, False
        for part in loc:
            # Between `check` and its keys pydantic names the kind, which is no key of the file.
            tag = not tag and isinstance(here, dict) and "kind" in here and here["kind"] == part
            if tag:
                continue
            inside = _step(here, part)
            if isinstance(part, int):
                name = inside.get("id") if isinstance(inside, dict) else None
                text += f"[{name}]" if isinstance(name, str) and name else f"[#{part + 1}]"
            else:
                text += f".{part}" if text else part
            here = inside
        return text or None

    def _translated(self, model: type[BaseModel], error: ErrorDetails) -> BadInput:
        loc: Loc = error["loc"]
        kind = error["type"]
        if kind == "missing":
            return self.fault("is missing", loc)
        if kind == "extra_forbidden":
            known = _keys_at(model, loc[:-1])
            return self.fault("unknown key", loc, mend=f"known: {', '.join(known)}" if known else None)
        if kind == "union_tag_not_found":
            return self.fault("is missing", (*loc, "kind"), mend="see docs/checks.md for the kinds")
        if kind == "value_error":
            return self.fault(str(error["ctx"]["error"]), loc)
        return self.fault(error["msg"], loc)


def refuse_large(path: Path) -> None:
    """Raise `BadInput` for a text file over 64 MiB, before it is read."""
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        raise BadInput(f"larger than {MAX_BYTES >> 20} MiB", file=path, mend="is it the right file?")


def _plain(value: Any) -> str:
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _step(here: Any, part: str | int) -> Any:
    if isinstance(here, dict):
        return here.get(part)
    if isinstance(here, list) and isinstance(part, int) and 0 <= part < len(here):
        return here[part]
    return None


def _keys_at(model: type[BaseModel], loc: Loc) -> list[str]:
    """The keys that may stand at `loc`; empty where that cannot be told."""
    schema = model.model_json_schema()
    here: Any = schema
    for part in loc:
        here = _inside(schema, here, part)
    here = _resolved(schema, here)
    return list(here.get("properties", {}))


def _inside(schema: dict[str, Any], here: Any, part: str | int) -> Any:
    here = _resolved(schema, here)
    if isinstance(part, int):
        return here.get("items", {})
    mapping = here.get("discriminator", {}).get("mapping", {})
    if part in mapping:
        return {"$ref": mapping[part]}
    return here.get("properties", {}).get(part, {})


def _resolved(schema: dict[str, Any], here: Any) -> Any:
    while "$ref" in here:
        here = schema["$defs"][here["$ref"].rsplit("/", 1)[-1]]
    for option in here.get("anyOf", ()):
        if option.get("type") != "null":
            return _resolved(schema, option)
    return here


def _index(text: str) -> dict[Loc, int]:
    """Line of every header and of every key that begins a line."""
    found: dict[Loc, int] = {}
    counts: dict[Loc, int] = {}
    prefix: Loc = ()
    quote: str | None = None
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip()
        if quote is None:
            if match := _ARRAY.match(line):
                array = _resolve(_parts(match.group(1)), counts, last=False)
                counts[array] = counts.get(array, 0) + 1
                found.setdefault(array, number)
                prefix = (*array, counts[array] - 1)
                found[prefix] = number
            elif match := _TABLE.match(line):
                prefix = _resolve(_parts(match.group(1)), counts, last=True)
                found.setdefault(prefix, number)
            elif match := _KEY.match(line):
                parts = _parts(match.group(1))
                for length in range(1, len(parts) + 1):
                    found.setdefault((*prefix, *parts[:length]), number)
        quote = _open_quote(line, quote)
    return found


def _parts(text: str) -> tuple[str, ...]:
    return tuple(next(group for group in match if group) for match in _PART.findall(text) if any(match))


def _resolve(parts: tuple[str, ...], counts: dict[Loc, int], *, last: bool) -> Loc:
    path: Loc = ()
    for position, part in enumerate(parts):
        path = (*path, part)
        if path in counts and (last or position < len(parts) - 1):
            path = (*path, counts[path] - 1)
    return path


def _open_quote(line: str, quote: str | None) -> str | None:
    """Whether a multi-line string is open at the end of the line, and by which quotes."""
    position = 0
    while position < len(line):
        if quote is not None:
            end = line.find(quote, position)
            if end < 0:
                return quote
            position, quote = end + 3, None
            continue
        starts = [(at, mark) for mark in ('"""', "'''") if (at := line.find(mark, position)) >= 0]
        if not starts:
            return None
        at, quote = min(starts)
        position = at + 3
    return quote
