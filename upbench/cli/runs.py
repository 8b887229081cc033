"""`upbench runs`: what was run, why it ended so, and going on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from upbench.cli.bundles import export, import_run
from upbench.cli.options import execution_options, rework_options
from upbench.cli.output import STOPPED, called, emit, json_option, log_option, say

if TYPE_CHECKING:
    from upbench.bench import Bench
    from upbench.telemetry.logs import LogFormat


def _bench(ctx: click.Context) -> Bench:
    from upbench.bench import Bench  # slow to import, and help needs none of it

    return Bench(ctx.obj["project"])


@click.group(epilog="Example: upbench runs show last")
def command() -> None:
    """List, show, explain, resume and export runs. RUN is an id, its beginning, or `last`."""


@command.command("list", epilog="Example: upbench runs list --all --json")
@click.option("--all", "everybodys", is_flag=True, help="Those of others as well.")
@click.option("--most", default=100, show_default=True, type=click.IntRange(1, 100_000), help="How many at most.")
@json_option
@click.pass_context
def list_runs(ctx: click.Context, *, everybodys: bool, most: int, as_json: bool) -> None:
    """Your own runs (of the project's database), newest first."""
    from upbench.cli.show import list_lines
    from upbench.summary import list_runs as list_them

    home = _bench(ctx).home
    found = list_them(home, everybodys=everybodys, most=most + 1)
    if len(found) > most:
        say(f"these are the newest {most} runs; more with --most")
    found = found[:most]
    none = "no runs yet" if everybodys else "no runs of your own; `upbench runs list --all` shows those of others"
    emit([line.model_dump(mode="json") for line in found], list_lines(found) or none, as_json=as_json)


@command.command(epilog="Example: upbench runs show last --json")
@click.argument("run")
@click.option("--all", "everything", is_flag=True, help="Every attempt, also of a run with more than 1000.")
@json_option
@click.pass_context
def show(ctx: click.Context, run: str, *, everything: bool, as_json: bool) -> None:
    """The whole state of a run, with the cause of everything that did not score."""
    from upbench.cli.show import show_run

    show_run(_bench(ctx).home, run, everything=everything, as_json=as_json)


@command.command(epilog="Example: upbench runs watch last")
@click.argument("run")
@json_option
@click.pass_context
def watch(ctx: click.Context, run: str, *, as_json: bool) -> None:
    """Show how a run goes on, whoever executes it, until it has ended. Ctrl-C leaves the run alone."""
    from upbench.cli.execute import typed
    from upbench.cli.progress import one_line, watch_run
    from upbench.going_on import resume_of
    from upbench.snapshot import take_snapshot

    home = _bench(ctx).home
    name = take_snapshot(home, run, named=0).run
    try:
        seen = watch_run(lambda: take_snapshot(home, name))
    except KeyboardInterrupt:
        say(f"run {name} goes on; watch it again with: {called('runs', 'watch', name)}")
        ctx.exit(STOPPED)
    if seen.abandoned:
        say(f"no process executes run {name}; go on with: {typed(resume_of(home, name))}")
    emit(seen, f"run {name} {seen.state}: {one_line(seen)}", as_json=as_json)
    ctx.exit(1 if seen.abandoned or seen.crashed else 0)


@command.command(epilog="Example: upbench runs why t1a2b3c4d5e6f")
@click.argument("trial")
@json_option
@click.pass_context
def why(ctx: click.Context, trial: str, *, as_json: bool) -> None:
    """Tell the story of a trial, step by step, with its costs."""
    from upbench.why import story

    told = story(_bench(ctx).home, trial)
    emit(told, told.text, as_json=as_json)


@command.command(epilog="Example: upbench runs resume last --budget dollars=20")
@click.argument("run")
@execution_options
@log_option
@json_option
@click.pass_context
def resume(
    ctx: click.Context, /, run: str, *, detach: bool, log_format: LogFormat | None, as_json: bool, **changes: Any
) -> None:
    """Go on with a run that was stopped, cancelled or died. Nothing that was received is paid again.

    What workers executed is handed to workers again. Options change how it is executed from now on.
    """
    from upbench.cli.execute import go_on
    from upbench.retry import was_cancelled

    bench = _bench(ctx)
    place = bench.reopen(run, detach=detach, **changes)
    ctx.exit(go_on(bench, place, detach=detach, as_json=as_json, log_format=log_format, again=was_cancelled))


@command.command(epilog="Example: upbench runs retry last --cause sandbox_lost")
@click.argument("run")
@click.option("--cause", required=True, help="Execute the attempts again that ended for this cause.")
@execution_options
@log_option
@json_option
@click.pass_context
def retry(
    ctx: click.Context,
    /,
    run: str,
    cause: str,
    *,
    detach: bool,
    log_format: LogFormat | None,
    as_json: bool,
    **changes: Any,
) -> None:
    """Execute attempts again that failed through a fault of harness or infrastructure."""
    from upbench.cli.execute import go_on
    from upbench.retry import retry_predicate

    bench, again = _bench(ctx), retry_predicate(cause)
    place = bench.reopen(run, detach=detach, **changes)
    ctx.exit(go_on(bench, place, detach=detach, as_json=as_json, log_format=log_format, again=again))


@command.command(epilog="Example: upbench runs extend last --protocol retry --attempts 3")
@click.argument("run")
@click.option("--protocol", required=True, help="feedback (with remarks), retry (without) or both.")
@click.option("--attempts", type=int, metavar="K", help="Of a trial, the first included (2).")
@rework_options
@execution_options
@log_option
@json_option
@click.pass_context
def extend(
    ctx: click.Context,
    /,
    run: str,
    protocol: str,
    attempts: int | None,
    *,
    echo: bool,
    feedback_form: str | None,
    rework_context: str | None,
    rework_budget: tuple[str, ...],
    early_stop: bool | None,
    detach: bool,
    log_format: LogFormat | None,
    as_json: bool,
    **changes: Any,
) -> None:
    """Add arms to a run: further attempts at what failed in it, each from its own last submission."""
    from upbench.cli.execute import go_on

    bench = _bench(ctx)
    rework = {
        "echo": echo,
        "feedback_form": feedback_form,
        "rework_context": rework_context,
        "rework_budget": rework_budget,
        "early_stop": early_stop,
    }
    place, plan = bench.extended(run, protocol, attempts, detach=detach, rework=rework, **changes)
    say(f"run {place.run_id}: {plan.says}")
    ctx.exit(go_on(bench, place, detach=detach, as_json=as_json, log_format=log_format))


@command.command(epilog="Example: upbench runs cancel last")
@click.argument("run")
@json_option
@click.pass_context
def cancel(ctx: click.Context, run: str, *, as_json: bool) -> None:
    """Stop a run for good, whoever executes it on whatever machine. What has ended stays.

    Another's run is named by its whole id.
    """
    done = _bench(ctx).cancel(run)
    if done.already:
        text = f"run {done.id} was stopped before: {done.already}"
    else:
        ending = "are ended now" if done.executed else "stay as they are"
        text = f"run {done.id}: {done.at_work} attempts at work {ending}, {done.not_begun} are not begun"
    emit(done, f"{text}; {done.done} had ended", as_json=as_json)


@command.command(epilog="Example: upbench runs shell t1a2b3c4d5e6f -- ls -l /job/deliverables")
@click.argument("trial")
@click.argument("program", metavar="[COMMAND]...", nargs=-1, type=click.UNPROCESSED)
@json_option
@click.pass_context
def shell(ctx: click.Context, trial: str, program: tuple[str, ...], *, as_json: bool) -> None:
    """Open the workspace of TRIAL (or of one of its attempts or executions) as it was, in a sandbox of its own.

    Without a COMMAND there is a shell. What is done there changes nothing of the attempt.
    """
    from upbench.cli.shell import open_shell

    ctx.exit(open_shell(_bench(ctx).home, trial, program, as_json=as_json))


command.add_command(export)
command.add_command(import_run)
