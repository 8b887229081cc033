"""Reading the user's files with one clear line when they are wrong, and writing ours all or nothing."""

from __future__ import annotations

import errno
import json
import os
import secrets
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from core.errors import BadInput

T = TypeVar("T", bound=BaseModel)


def read_bytes(path: Path, *, max_bytes: int | None = None) -> bytes:
    """The bytes of a regular file.

    Raises:
        BadInput: It is missing, not a regular file, unreadable, or larger than `max_bytes`.
    """
    try:
        if not path.is_file():
            raise BadInput(_why_no_file(path), file=path)
        if max_bytes is not None and path.stat().st_size > max_bytes:
            raise BadInput(f"larger than {max_bytes} bytes", file=path)
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", file=path) from error


def _why_no_file(path: Path) -> str:
    if path.exists():
        return "not a regular file"
    return "a link that leads nowhere" if path.is_symlink() else "no such file"


def read_text(path: Path, *, max_bytes: int | None = None) -> str:
    """The text of a UTF-8 file (a byte order mark is dropped).

    Raises:
        BadInput: As `read_bytes`, or the file is not UTF-8 (the line is named).
    """
    data = read_bytes(path, max_bytes=max_bytes)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadInput("not UTF-8 text", file=path, line=line, mend="save the file as UTF-8") from error


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a dictionary. Raises `BadInput` naming the line."""
    try:
        return tomllib.loads(read_text(path))
    except RecursionError as error:
        raise BadInput("nested too deeply", file=path) from error
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"not valid TOML: {error}", file=path) from error
    except ValueError as error:  # Python refuses integers of thousands of digits
        raise BadInput("a number is too long", file=path) from error


def read_json(path: Path) -> Any:
    """A JSON file. Raises `BadInput` naming the line, or the key that an object has twice."""
    return _parse_json(read_text(path), path, None)


def read_jsonl(path: Path) -> Iterator[tuple[int, Any]]:
    """The (line number, value) pairs of a JSON-lines file; blank lines are passed over."""
    # Not `str.splitlines`: a JSON text may hold U+2028.
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            yield number, _parse_json(line, path, number)


def _parse_json(text: str, file: Path, line: int | None) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        body = dict(pairs)
        if len(body) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise BadInput("is there twice", file=file, line=line, field=twice)
        return body

    try:
        return json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        at = line if line is not None else error.lineno
        raise BadInput(f"not valid JSON: {error.msg}", file=file, line=at) from error
    except RecursionError as error:
        raise BadInput("nested too deeply", file=file, line=line) from error
    except ValueError as error:  # Python refuses integers of thousands of digits
        raise BadInput("a number is too long", file=file, line=line) from error


def parse_model(model: type[T], data: Any, *, file: Path, line: int | None = None) -> T:
    """`data` as a `model`. Raises `BadInput` naming the first wrong field."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or None
        raise BadInput(str(first["msg"]), file=file, line=line, field=field) from error


def safe_relative(text: str) -> PurePosixPath:
    """`text` as a relative path that stays inside its folder.

    Raises:
        ValueError: Absolute, empty, with `..`, a backslash, a NUL or a control character.
    """
    path = PurePosixPath(text)
    if not text or path.is_absolute() or ".." in path.parts or path == PurePosixPath("."):
        raise ValueError(f"{text!r} is not a path inside the folder")
    if "\\" in text or any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise ValueError(f"{text!r} holds a backslash or a control character")
    return path


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write `path` all or nothing (a temporary file beside it, then a rename). Makes its folders.

    Raises:
        OSError: It cannot be written; what was there before is as it was.
    """
    if not path.name:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
