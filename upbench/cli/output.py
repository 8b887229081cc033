"""How commands answer: one JSON document on standard output with `--json`, words for people otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click
from pydantic import BaseModel

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """Give a command the flag `--json` (parameter `as_json`)."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")(command)


def emit(payload: BaseModel | dict[str, Any] | list[Any], text: str, *, as_json: bool) -> None:
    """Print `payload` as JSON, or `text` for people."""
    if not as_json:
        click.echo(text)
        return
    body = payload.model_dump(mode="json") if isinstance(payload, BaseModel) else payload
    click.echo(json.dumps(body, ensure_ascii=False, allow_nan=False, default=str))


def say(text: str) -> None:
    """A line for people on standard error (progress, warnings), which never disturbs `--json`."""
    click.echo(text, err=True)
