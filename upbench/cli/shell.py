"""The shell of `upbench runs shell`: on a terminal, or one command."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import click

from core import BadInput
from sandbox import Command, CommandResult, Sandbox, terminal
from upbench.cli.output import emit, say
from upbench.home import Home
from upbench.shell import Look, look_into


def open_shell(home: Home, trial: str, program: Sequence[str], *, as_json: bool) -> int:
    """Run a program, else a shell, in the workspace of an attempt. Returns its exit code."""
    interactive = not program and sys.stdin.isatty() and sys.stdout.isatty()
    if as_json and not program:
        raise BadInput("a shell answers no JSON", field="--json", mend="add -- COMMAND")
    code = asyncio.run(_in_shell(home, trial, tuple(program), interactive=interactive, as_json=as_json))
    return code if code >= 0 else 128 - code


async def _in_shell(home: Home, trial: str, program: tuple[str, ...], *, interactive: bool, as_json: bool) -> int:
    async with look_into(home, trial) as (look, sandbox):
        say(look.says)
        if interactive:
            return await terminal(sandbox, ("bash", "-i"))
        result = await _run(sandbox, program)
        _tell(look, result, as_json=as_json)
        return result.exit_code


async def _run(sandbox: Sandbox, program: tuple[str, ...]) -> CommandResult:
    """The program, or the commands that come from elsewhere than a terminal."""
    given = b"" if program else await asyncio.to_thread(sys.stdin.buffer.read)
    return await sandbox.run(Command(argv=program or ("bash", "-s"), stdin=given, timeout_seconds=1e6))


def _tell(look: Look, result: CommandResult, *, as_json: bool) -> None:
    if as_json:
        told = {"exit_code": result.exit_code, "stdout": result.stdout.text, "stderr": result.stderr.text}
        emit({**look.model_dump(mode="json"), **told, "timed_out": result.timed_out}, "", as_json=True)
        return
    for output, err in ((result.stdout, False), (result.stderr, True)):
        click.echo(output.head + output.tail if not output.omitted else output.text.encode(), nl=False, err=err)
    if result.timed_out:
        say("the command was ended: it took longer than command_seconds")
