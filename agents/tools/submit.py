"""`submit`: the hand-in. What is wrong with it is sent back at most twice; then it is accepted as it is."""

from __future__ import annotations

import asyncio
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from agents.protocol import Expected
from agents.tools.base import Outcome, Tool, ToolContext, error
from agents.tools.commands import run_inside, why
from agents.tools.folders import listing
from agents.tools.paths import DELIVERABLES, in_deliverables
from core import Frozen

SENT_BACK_AT_MOST = 2
OPENED_AT_MOST = 60
AT_ONCE = 4


class SubmittedFile(Frozen):
    """One deliverable."""

    path: str = Field(min_length=1, description="Below /job/deliverables: absolute, or relative to it.")
    note: str | None = Field(default=None, description="What it is, in a line.")


def _file(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


class SubmitArguments(Frozen):
    """Arguments of `submit`."""

    files: tuple[Annotated[SubmittedFile, BeforeValidator(_file)], ...]
    summary: str = Field(
        description="For the client: what you made, and what you assumed where the brief was unclear."
    )


async def _run(arguments: SubmitArguments, context: ToolContext) -> Outcome:
    problems = await _problems(arguments, context)
    if problems and context.sent_back < SENT_BACK_AT_MOST:
        lines = "\n".join(f"- {problem}" for problem in problems)
        return error(f"Not handed in yet:\n{lines}\nMend this and submit again.", sent_back=True)
    facts: dict[str, Any] = {"submitted": True, "note": arguments.summary}
    if problems:
        facts["problems"] = problems
    return Outcome("Handed in.", facts=facts)


async def _problems(arguments: SubmitArguments, context: ToolContext) -> list[str]:
    found = await listing(context, DELIVERABLES)
    if isinstance(found, str):
        return [found]
    there = {path: (kind, size) for path, kind, size in found.files}
    if not arguments.files:
        return ["`files` is empty: name the files that you hand in", *_missing(context.expected, list(there))]
    problems: list[str] = []
    sound: list[str] = []
    for file in arguments.files:
        path = in_deliverables(file.path)
        if path is None:
            problems.append(f"{file.path} is not below {DELIVERABLES}")
        elif problem := _unsound(path, there):
            problems.append(problem)
        else:
            sound.append(path)
    problems += await _unopened(list(dict.fromkeys(sound))[:OPENED_AT_MOST], context)
    return problems + _missing(context.expected, list(there))


def _unsound(path: str, there: dict[str, tuple[str, int]]) -> str | None:
    if path not in there:
        return f"{path} does not exist"
    kind, size = there[path]
    if kind != "file":
        return f"{path} is not a regular file; a link is not collected"
    return f"{path} is empty" if size == 0 else None


async def _unopened(paths: list[str], context: ToolContext) -> list[str]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def opened(path: str) -> str | None:
        async with gate:
            result = await run_inside(context, "open_file", {"path": path})
        return None if result.exit_code == 0 else f"{path} does not open as what its name says: {why(result)}"

    return [problem for problem in await asyncio.gather(*map(opened, paths)) if problem]


def _missing(expected: tuple[Expected, ...], paths: list[str]) -> list[str]:
    below = [path.removeprefix(DELIVERABLES + "/") for path in paths]
    return [
        f"the job asks for `{one.path}` and there is no such file in {DELIVERABLES}"
        for one in expected
        if one.required and not any(fnmatchcase(path, one.path) for path in below)
    ]


SUBMIT = Tool(
    name="submit",
    description=(
        "Hand in your work and end the job. Everything in /job/deliverables is collected, so leave nothing there "
        "that the client should not get. List the files you mean; they are checked before the hand-in is accepted."
    ),
    arguments=SubmitArguments,
    run=_run,
    repeatable=True,
)
