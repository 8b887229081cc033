"""`upbench worker`: executes what was handed over to workers."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

import click

from upbench.cli.output import emit, json_option, log_option, say

if TYPE_CHECKING:
    from runs import WorkerRow
    from upbench.bench import Bench
    from upbench.telemetry.logs import LogFormat
    from upbench.workers import WorkerOrder


@click.group(invoke_without_command=True, epilog="Example: upbench worker --slots 4")
@click.option(
    "--slots", type=click.IntRange(1, 512), help="Rounds at one time (default: the setting concurrency)."
)
@click.option("--until-idle", is_flag=True, help="End when nothing is left to do.")
@click.option(
    "--drain-seconds",
    type=click.FloatRange(min=0, min_open=True),
    help="How long what it has may take after SIGTERM or `drain` (default: as long as it takes).",
)
@log_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    slots: int | None,
    until_idle: bool,
    drain_seconds: float | None,
    log_format: LogFormat | None,
) -> None:
    """Execute the rounds of runs that were handed over with `upbench run --detach`.

    Any number of workers may share a PostgreSQL database (the setting `database`); what one leaves when it dies,
    another takes up within seconds. Ctrl-C stops at once and loses nothing; `upbench worker drain` and SIGTERM let
    it finish what it has (a second SIGTERM stops at once).
    """
    if ctx.invoked_subcommand is not None:
        return
    from upbench.bench import Bench
    from upbench.telemetry.gauges import gauge_project
    from upbench.telemetry.start import observed
    from upbench.workers import WorkerOrder

    bench = Bench(ctx.obj["project"])
    order = WorkerOrder(
        slots=slots or bench.settings.concurrency, until_idle=until_idle, drain_seconds=drain_seconds
    )
    with observed(bench.home.state, "worker", log_format=log_format):
        bench.home.blobs.check()
        gauge_project(bench.home)
        code = asyncio.run(_serve(bench, order))
    ctx.exit(code)


async def _serve(bench: Bench, order: WorkerOrder) -> int:
    from upbench.keeping import keeping_blobs
    from upbench.rendering import rendering_ahead
    from upbench.workers import serve_rounds

    told = asyncio.Event()

    async def serve() -> None:
        async with keeping_blobs(bench.home), rendering_ahead(bench.home):
            await serve_rounds(bench.home, order, told)

    task = asyncio.ensure_future(serve())
    loop = asyncio.get_running_loop()

    def finish() -> None:
        if told.is_set():
            task.cancel()
            return
        say("worker: takes nothing new and finishes what it has")
        told.set()

    loop.add_signal_handler(signal.SIGINT, task.cancel)
    loop.add_signal_handler(signal.SIGTERM, finish)
    say(f"worker: up to {order.slots} rounds at one time; Ctrl-C stops it, and nothing is lost")
    with contextlib.suppress(asyncio.CancelledError):
        await task
        return 0
    say("worker: stopped; what was under way goes on with the next worker")
    return 130


@command.command(epilog="Example: upbench worker drain")
@click.argument("worker", required=False)
@json_option
@click.pass_context
def drain(ctx: click.Context, worker: str | None, *, as_json: bool) -> None:
    """Let WORKER (default: every worker) finish what it has and end."""
    from runs import Registry, workers_alive
    from upbench.bench import Bench

    home = Bench(ctx.obj["project"]).home
    alive = [one.id for one in workers_alive(home.database, home.state) if worker in (None, one.id)]
    asked = sum(Registry(home.database).drain(one) for one in alive)
    emit({"asked": asked}, f"{asked} workers were asked to finish and end", as_json=as_json)


@command.command("list", epilog="Example: upbench worker list")
@json_option
@click.pass_context
def list_workers(ctx: click.Context, *, as_json: bool) -> None:
    """The workers that live."""
    from runs import workers_alive
    from upbench.bench import Bench

    home = Bench(ctx.obj["project"]).home
    rows = workers_alive(home.database, home.state)
    payload = [
        {
            "id": r.id,
            "host": r.host,
            "pid": r.pid,
            "queues": r.queues,
            "started": r.started,
            "draining": r.draining,
            "paused": r.paused,
        }
        for r in rows
    ]
    lines = [
        "  ".join([r.id, f"since {r.started}", *(["draining"] if r.draining else []), *_paused(r)]) for r in rows
    ]
    emit(payload, "\n".join(lines) or "no workers", as_json=as_json)


def _paused(worker: WorkerRow) -> list[str]:
    return [] if worker.paused is None else [f"paused: {worker.paused}"]
