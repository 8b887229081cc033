"""How commands answer: one JSON document on standard output with `--json`, words for people otherwise."""

from __future__ import annotations

import json
import math
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:  # slow to import, and help needs none of it
    from pydantic import BaseModel

MAX_AMOUNT = 1e12
STOPPED = 130
"""The exit code of a command that was interrupted."""

F = TypeVar("F", bound=Callable[..., Any])


class _Within(click.FloatRange):
    """A number within bounds; `click.FloatRange` lets NaN pass."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.ParamType`."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not a number from {self.min:g} to {self.max:g}.", param, ctx)
        return number


AMOUNT = _Within(0, MAX_AMOUNT)
SHARE = _Within(0, 1)

# Agents, models and file names speak here: what a terminal would obey, or what turns text round, is shown as an
# escape. It is JSON's own, so that a document stays the same.
_OBEYED = (*range(0x20), *range(0x7F, 0xA0), 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
_SHOWN = {code: f"\\u{code:04x}" for code in _OBEYED if chr(code) not in "\n\t"}


def json_option(command: F) -> F:
    """Give a command the flag `--json` (parameter `as_json`)."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")(command)


def log_option(command: F) -> F:
    """Give a command the option `--log-format` (parameter `log_format`, None: progress is shown)."""
    return click.option(
        "--log-format",
        type=click.Choice(["json", "plain"]),
        help="Log lines on standard error instead of progress.",
    )(command)


def emit(payload: BaseModel | dict[str, Any] | list[Any], text: str, *, as_json: bool) -> None:
    """Print `payload` as JSON, or `text` for people."""
    if not as_json:
        click.echo(text.translate(_SHOWN))
        return
    body = payload if isinstance(payload, dict | list) else payload.model_dump(mode="json")
    click.echo(_json(body))


def emit_pieces(head: dict[str, Any], name: str, items: Iterable[BaseModel]) -> None:
    """Print a JSON document whose list `name` has these items, written one after the other."""
    body = {key: value for key, value in head.items() if key != name}
    click.echo(_json(body)[:-1] + f', "{name}": [', nl=False)
    for number, item in enumerate(items):
        click.echo(("," if number else "") + "\n" + _json(item.model_dump(mode="json")), nl=False)
    click.echo("]}")


def _json(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False, allow_nan=False, default=str).translate(_SHOWN)


def plain(text: str) -> str:
    """Text in which nothing is left that a terminal would obey."""
    return text.translate(_SHOWN)


def say(text: str) -> None:
    """A line for people on standard error (progress, warnings), which never disturbs `--json`."""
    click.echo(text.translate(_SHOWN), err=True)


def near(path: Path) -> str:
    """A path as one would type it here: relative where it lies below the current folder."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def called(*words: str) -> str:
    """A command of this command line as one would type it here: `called("runs", "show", "last")`.

    By its name where the shell finds it, else by its path; in the project that was named.
    """
    context = click.get_current_context(silent=True)
    project = (context.obj or {}).get("project") if context is not None else None
    chosen = [] if project is None else ["--project", str(project)]
    return shlex.join([_program(), *chosen, *words])


def _program() -> str:
    script = Path(sys.argv[0])
    found = shutil.which(script.name)
    if found is not None and script.exists() and Path(found).samefile(script):
        return script.name
    return near(script.absolute()) if script.name == "upbench" else "upbench"
