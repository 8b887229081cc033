"""`shell`: a bash command line."""

from __future__ import annotations

from pydantic import Field

from agents.tools.base import Outcome, Tool, ToolContext, error
from agents.tools.commands import run_merged
from core import Frozen
from sandbox import Command

LONGEST = 100_000
"""Bytes; the kernel takes no argument longer than 128 KiB."""


class ShellArguments(Frozen):
    """Arguments of `shell`."""

    command: str = Field(min_length=1, description="Passed to `bash -c`.")
    timeout_seconds: float | None = Field(default=None, gt=0, description="Default 120.")
    background: bool | None = Field(
        default=None, description="Start it and go on at once; it keeps running after this call."
    )


async def _run(arguments: ShellArguments, context: ToolContext) -> Outcome:
    if len(arguments.command.encode()) > LONGEST:
        return error(f"A command line has at most {LONGEST} bytes: write a file first, then run it.")
    if arguments.background:
        return await _start(arguments.command, context)
    return await run_merged(
        context, 'exec bash -c "$1" 2>&1', arguments.command, seconds=arguments.timeout_seconds
    )


async def _start(command: str, context: ToolContext) -> Outcome:
    output = context.file("out")
    line = 'mkdir -p "${2%/*}" && { setsid bash -c "$1" >"$2" 2>&1 </dev/null & } && echo $!'
    result = await context.sandbox.run(
        Command(argv=("bash", "-c", line, "bash", command, output), timeout_seconds=10.0, keep_background=True)
    )
    if result.exit_code != 0:
        return error(f"It could not be started: {result.stderr.text.strip()[:500]}")
    process = result.stdout.text.strip()
    return Outcome(f"Started as process {process}. Its output goes to {output}; `kill -- -{process}` ends it.")


SHELL = Tool(
    name="shell",
    description=(
        "Run a bash command line in the workspace. Every call starts a fresh shell in /job, so `cd` and variables "
        "do not carry over; files do. You see both output streams, of long ones the beginning and the end. Use "
        "`background` for what must keep running while you do something else."
    ),
    arguments=ShellArguments,
    run=_run,
)
