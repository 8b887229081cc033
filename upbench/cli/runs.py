"""`upbench runs`: what was run, why it ended so, and going on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from upbench.bench import Bench
from upbench.cli.bundles import export, import_run
from upbench.cli.execute import STOPPED, describe, execute, left
from upbench.cli.output import emit, json_option, log_option, say

if TYPE_CHECKING:
    from upbench.telemetry.logs import LogFormat


@click.group(epilog="Example: upbench runs show last")
def command() -> None:
    """List, show, explain, resume and export runs. RUN is an id, its beginning, or `last`."""


@command.command("list", epilog="Example: upbench runs list --json")
@json_option
@click.pass_context
def list_runs(ctx: click.Context, *, as_json: bool) -> None:
    """All runs, newest first."""
    rows = Bench(ctx.obj["project"]).runs()
    payload = [{"id": r.id, "created": r.created, "state": r.state, "pack": r.config.pack} for r in rows]
    emit(payload, "\n".join(f"{r.id}  {r.state}" for r in rows) or "no runs yet", as_json=as_json)


@command.command(epilog="Example: upbench runs show last --json")
@click.argument("run")
@json_option
@click.pass_context
def show(ctx: click.Context, run: str, *, as_json: bool) -> None:
    """The whole state of a run, with the cause of everything that did not score."""
    summary = Bench(ctx.obj["project"]).show(run)
    lines = [describe(summary), ""]
    for a in summary.attempts:
        ended = a.cause.value if a.cause else a.state
        lines.append(f"{a.trial}  {ended:20} {a.files:3} files  {a.agent}  {a.job} #{a.repeat}")
        lines += [f"               {line}" for line in left(a)]
        if a.detail:
            lines.append(f"               {a.detail.strip().splitlines()[-1][:160]}")
    emit(summary, "\n".join(lines), as_json=as_json)


@command.command(epilog="Example: upbench runs watch last")
@click.argument("run")
@json_option
@click.pass_context
def watch(ctx: click.Context, run: str, *, as_json: bool) -> None:
    """Show how a run goes on, whoever executes it, until it has ended. Ctrl-C leaves the run alone."""
    from upbench.cli.progress import one_line, watch_run
    from upbench.snapshot import take_snapshot

    home = Bench(ctx.obj["project"]).home
    name = take_snapshot(home, run, named=0).run
    try:
        seen = watch_run(lambda: take_snapshot(home, name))
    except KeyboardInterrupt:
        say(f"run {name} goes on; watch it again with: upbench runs watch {name}")
        ctx.exit(STOPPED)
    if seen.abandoned:
        say(f"no process executes run {name}; go on with: upbench runs resume {name}")
    emit(seen, f"run {name} {seen.state}: {one_line(seen)}", as_json=as_json)
    ctx.exit(1 if seen.abandoned or seen.crashed else 0)


@command.command(epilog="Example: upbench runs why t1a2b3c4d5e6f")
@click.argument("trial")
@json_option
@click.pass_context
def why(ctx: click.Context, trial: str, *, as_json: bool) -> None:
    """Tell the story of a trial, step by step, with its costs."""
    from upbench.why import story

    told = story(Bench(ctx.obj["project"]).home, trial)
    emit(told, told.text, as_json=as_json)


@command.command(epilog="Example: upbench runs resume last")
@click.argument("run")
@click.option("--concurrency", type=click.IntRange(1, 512))
@log_option
@json_option
@click.pass_context
def resume(
    ctx: click.Context, run: str, *, concurrency: int | None, log_format: LogFormat | None, as_json: bool
) -> None:
    """Go on with a run that was stopped or died. Nothing that was received is paid again."""
    bench = Bench(ctx.obj["project"])
    place = bench.reopen(run)
    ctx.exit(execute(bench, place, concurrency=concurrency, as_json=as_json, log_format=log_format))


@command.command(epilog="Example: upbench runs retry last --cause sandbox_lost")
@click.argument("run")
@click.option("--cause", required=True, help="Execute the attempts again that ended for this cause.")
@click.option("--concurrency", type=click.IntRange(1, 512))
@log_option
@json_option
@click.pass_context
def retry(
    ctx: click.Context,
    run: str,
    cause: str,
    *,
    concurrency: int | None,
    log_format: LogFormat | None,
    as_json: bool,
) -> None:
    """Execute attempts again that failed through a fault of harness or infrastructure."""
    from upbench.retry import retry_predicate

    bench = Bench(ctx.obj["project"])
    again = retry_predicate(cause)
    place, log = bench.reopen(run), log_format
    ctx.exit(execute(bench, place, concurrency=concurrency, as_json=as_json, log_format=log, again=again))


command.add_command(export)
command.add_command(import_run)
