"""The front door: finds the command, and turns every error into one line and an exit code."""

from __future__ import annotations

import importlib
import os
import sys

import click

# Command -> module of `upbench.cli` that holds it under the name `command`. Modules load when called.
COMMANDS = {
    "demo": "Run the starter pack through the whole pipeline, without a key.",
    "doctor": "What works on this machine, and what mends the rest.",
    "grade": "Pre-grade a run with a judge model, or run the pack's present checks again.",
    "jobs": "List, show and validate job packs.",
    "report": "Figures of a run, or of evaluations made elsewhere.",
    "review": "Serve the review app.",
    "rubrics": "Lint, import and score rubrics.",
    "run": "Run agents on a job pack.",
    "runs": "List, show, explain, resume and export runs.",
    "sandboxes": "What exists of this project's sandboxes; remove what is left over.",
    "submit": "Hand in deliverables that were made elsewhere.",
    "sweep": "Remove files that nothing names, and other things of no use any more.",
    "toolbox": "The locked packages that agents find in their sandboxes.",
    "worker": "Execute what was handed over to workers.",
}


class LazyGroup(click.Group):
    """A group that imports a command only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"upbench.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Help without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


def _version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import version

        click.echo(f"upbench {version('upbench')}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, callback=_version, expose_value=False, is_eager=True, help="Say the version."
)
@click.option("--project", metavar="DIR", help="Folder with upbench.toml and .upbench/ (default: here).")
@click.pass_context
def cli(ctx: click.Context, project: str | None) -> None:
    """A bench on which LLM agents do real, paid freelance jobs.

    Example: upbench demo
    """
    ctx.obj = {"project": project}


def main() -> None:
    """Run the command line; the second of the two places that may catch everything."""
    sys.exit(_guarded())


def _guarded() -> int:
    from core import UpBenchError

    try:
        _refuse_unspeakable(sys.argv[1:])
        result = cli.main(prog_name="upbench", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except UpBenchError as error:
        from upbench.cli.output import say  # pydantic is slow to import

        say(f"upbench: {error}")
        return error.exit_code
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.UsageError as error:
        hint = f" (try `{error.ctx.command_path} --help`)" if error.ctx else ""
        click.echo(f"upbench: {' '.join(error.format_message().split())}{hint}", err=True)
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("upbench: stopped", err=True)
        return 130
    except BrokenPipeError:
        _give_up_stdout()
        return 141
    except OSError as error:  # a file, folder or device of the user's that no command had looked at before
        where = f"{error.filename}"[:200] if error.filename is not None else "standard output or a file"
        click.echo(f"upbench: {where}: {error.strerror or error}", err=True)
        if error.filename is None:
            _give_up_stdout()
        return 2
    except Exception as error:
        if os.environ.get("UPBENCH_TRACEBACK"):
            raise
        text = " ".join(str(error).split())[:300]
        click.echo(
            f"upbench: a fault of UpBench itself: {type(error).__name__}: {text} "
            "(UPBENCH_TRACEBACK=1 shows where; please report it)",
            err=True,
        )
        return 1


def _give_up_stdout() -> None:
    """What is still buffered goes nowhere; else the interpreter would try it again, and complain, at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse_unspeakable(arguments: list[str]) -> None:
    """An empty argument is a variable of the shell that was not set; what is no text can name nothing."""
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if not argument or (option.startswith("--") and equals and not value):
            raise click.UsageError(
                f"the value of {option} is empty"
                if option
                else "an argument is empty (a variable that is not set?)"
            )
        shown = argument.encode("utf-8", "replace").decode()
        if shown != argument or "\0" in argument:
            raise click.UsageError(f"the argument {shown[:200]!r} is no UTF-8 text; rename what it names")


if __name__ == "__main__":
    main()
