"""Running a command in the sandbox for a tool, and telling the model how it went."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any

from agents.tools.base import OUTPUT_BYTES, Outcome, ToolContext
from sandbox import Command, CommandResult

SHELL_SECONDS = 120.0
"""How long a command may take that asks for nothing else."""

INSIDE_SECONDS = 120.0
NOT_STARTED = 126


async def run_merged(
    context: ToolContext, line: str, argument: str, *, stdin: bytes = b"", seconds: float | None
) -> Outcome:
    """Run the bash line `line` (with `$1` = `argument`), both streams in one as in a terminal.

    Raises:
        SandboxFault: The sandbox is lost.
    """
    limit = min(seconds or SHELL_SECONDS, max(context.seconds_left, 1.0))
    result = await _run_kept(
        context,
        Command(
            argv=("bash", "-c", line, "bash", argument),
            stdin=stdin,
            timeout_seconds=limit,
            output_bytes=OUTPUT_BYTES,
        ),
    )
    facts = {"exit_code": result.exit_code, "kept": context.file("out")}
    return Outcome(_told(result, context), is_error=result.exit_code != 0, facts=facts)


def _told(result: CommandResult, context: ToolContext) -> str:
    text = shown(result, context)
    if result.timed_out:
        end = f"[stopped after {result.seconds:.0f} s with everything it had started: it took too long]"
    else:
        end = f"[exit code {result.exit_code}, {result.seconds:.1f} s]"
    return f"{text.rstrip() or '(no output)'}\n{end}"


def shown(result: CommandResult, context: ToolContext) -> str:
    """What the command wrote to standard output, with the place of the whole where some is left out."""
    out = result.stdout
    if not out.omitted:
        return (out.head + out.tail).decode("utf-8", "replace")
    gap = f"\n[... {out.omitted} bytes omitted; the whole output is in {context.file('out')} ...]\n"
    return out.head.decode("utf-8", "replace") + gap + out.tail.decode("utf-8", "replace")


async def run_inside(
    context: ToolContext, program: str, request: dict[str, Any], *, spill: bool = False
) -> CommandResult:
    """Run one of the programs of `agents/tools/inside` with the sandbox's Python, `request` on its stdin.

    The current folder is `/`, so that nothing the agent wrote can stand in for a module.

    Raises:
        SandboxFault: The sandbox is lost.
    """
    command = Command(
        argv=("python3", "-c", _source(program)),
        stdin=json.dumps(request).encode(),
        cwd="/",
        timeout_seconds=min(INSIDE_SECONDS, max(context.seconds_left, 1.0)),
        output_bytes=OUTPUT_BYTES if spill else None,
    )
    return await (_run_kept(context, command) if spill else context.sandbox.run(command))


async def _run_kept(context: ToolContext, command: Command) -> CommandResult:
    """Run `command`, its whole output also kept in the workspace where that can be."""
    result = await context.sandbox.run(command.model_copy(update={"spill": context.file("out")}))
    # The agent owns the folder and may have spoiled it. The sandbox then starts nothing and says so on a stream
    # that our commands leave empty when they end with 126.
    if result.exit_code == NOT_STARTED and result.stderr.total and not result.stdout.total:
        result = await context.sandbox.run(command)
    return result


def why(result: CommandResult) -> str:
    """Why an inside program failed: the last line that it wrote to standard error."""
    if result.timed_out:
        return f"it took longer than {result.seconds:.0f} s"
    lines = result.stderr.text.strip().splitlines()
    return lines[-1][:500] if lines else f"exit code {result.exit_code}"


@lru_cache
def _source(program: str) -> str:
    return files("agents.tools.inside").joinpath(f"{program}.py").read_text(encoding="utf-8")
