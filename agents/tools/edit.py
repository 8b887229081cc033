"""`edit`: look into and change text files."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agents.tools.base import Outcome, Tool, ToolContext, error
from agents.tools.paths import in_job
from core import Frozen

MAX_BYTES = 4 << 20


class EditArguments(Frozen):
    """Arguments of `edit`."""

    action: Literal["view", "create", "replace", "insert"]
    path: str = Field(min_length=1, description="Absolute, or relative to /job.")
    text: str | None = Field(default=None, description="create: the whole file. insert: what to insert.")
    old: str | None = Field(default=None, description="replace: the text to replace; it must occur exactly once.")
    new: str | None = Field(default=None, description="replace: what takes its place.")
    line: int | None = Field(
        default=None, ge=0, description="insert: after this line (0: at the top). view: the line to begin at."
    )


async def _run(arguments: EditArguments, context: ToolContext) -> Outcome:
    path = in_job(arguments.path)
    try:
        if arguments.action == "create":
            return await _write(context, path, arguments.text, f"Wrote {path}.")
        before = (await context.sandbox.read(path, max_bytes=MAX_BYTES)).decode("utf-8")
        if arguments.action == "view":
            return Outcome(_numbered(before, max(arguments.line or 1, 1)))
        after = _replaced(before, arguments) if arguments.action == "replace" else _inserted(before, arguments)
        return await _write(context, path, after, f"Changed {path}.")
    except FileNotFoundError:
        return error(f"There is no file {path}.")
    except UnicodeDecodeError:
        return error(f"{path} is not UTF-8 text.")
    except (OSError, ValueError) as problem:
        return error(f"{path}: {problem}")


async def _write(context: ToolContext, path: str, text: str | None, done: str) -> Outcome:
    if text is None:
        return error("`text` is missing.")
    await context.sandbox.write(path, text.encode())
    return Outcome(f"{done} It has {len(text.splitlines())} lines.")


def _replaced(before: str, arguments: EditArguments) -> str:
    if not arguments.old or arguments.new is None:
        raise ValueError("`replace` needs `old` (not empty) and `new`")
    found = before.count(arguments.old)
    if found != 1:
        raise ValueError(
            "`old` does not occur in the file" if not found else f"`old` occurs {found} times; add more around it"
        )
    return before.replace(arguments.old, arguments.new)


def _inserted(before: str, arguments: EditArguments) -> str:
    if arguments.text is None or arguments.line is None:
        raise ValueError("`insert` needs `text` and `line`")
    lines = before.splitlines(keepends=True)
    if arguments.line > len(lines):
        raise ValueError(f"the file has only {len(lines)} lines")
    head = "".join(lines[: arguments.line])
    if head and not head.endswith("\n"):
        head += "\n"
    text = arguments.text if arguments.text.endswith("\n") else arguments.text + "\n"
    return head + text + "".join(lines[arguments.line :])


def _numbered(text: str, first: int) -> str:
    lines = text.splitlines()
    if not lines:
        return "(the file is empty)"
    return "\n".join(f"{number:6d}\t{lines[number - 1]}" for number in range(first, len(lines) + 1)) or (
        f"(the file has only {len(lines)} lines)"
    )


EDIT = Tool(
    name="edit",
    description=(
        "View, create or change a text file. `view` shows it with line numbers, `create` writes the whole file "
        "(making its folders), `replace` swaps one passage for another, `insert` adds lines."
    ),
    arguments=EditArguments,
    run=_run,
)
