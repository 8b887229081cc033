"""`upbench run`: agents x jobs x repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from upbench.cli.options import execution_options, policy_option, rework_options
from upbench.cli.output import emit, json_option, log_option

if TYPE_CHECKING:
    from upbench.telemetry.logs import LogFormat


@click.command(epilog="Example: upbench run starter --agent react --model openai/MODEL --repeats 3")
@click.argument("pack")
@click.option("--agent", "agents", multiple=True, help="nop, oracle, react, react-paper ... (repeatable).")
@click.option("--model", "models", multiple=True, metavar="PROVIDER/NAME", help="For react agents (repeatable).")
@click.option("--base-url", metavar="URL", help="Another server that speaks the provider's protocol.")
@click.option("--job", "jobs", multiple=True, help="Only this job (repeatable).")
@click.option("--repeats", default=1, show_default=True, type=click.IntRange(1, 1000))
@click.option("--sandbox", help="bwrap, docker or e2b.")
@click.option(
    "--network", default="none", show_default=True, help="What sandboxes may reach: none, allow or open."
)
@click.option(
    "--allow-domain",
    "allow_domains",
    multiple=True,
    metavar="D",
    help="With --network allow: example.org, *.example.org.",
)
@click.option("--cassette", metavar="FOLDER", help="Keep fetched pages there, and answer from there what is kept.")
@click.option("--replay", is_flag=True, help="With --cassette: no page is fetched that is not kept.")
@click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="NAME=VALUE",
    help="Of an attempt or, with trial_ before, of a trial: steps=50, trial_dollars=2 (repeatable).",
)
@click.option(
    "--setting", "settings", multiple=True, metavar="NAME=VALUE", help="Of the agent: context_tokens=32000 ..."
)
@click.option(
    "--protocol",
    default="single",
    show_default=True,
    help="What failed is tried again: with remarks (feedback), without (retry), both, or not (single).",
)
@click.option(
    "--attempts", type=int, metavar="K", help="Of a trial under another protocol, the first included (2)."
)
@policy_option("What completes a job, and so what failed and is tried again (paper).")
@rework_options
@execution_options
@click.option("--rubric-visible", is_flag=True, help="Show the agents the rubric (the report says so).")
@click.option("--dry-run", is_flag=True, help="Say what would be run and what it takes, and stop.")
@log_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    dry_run: bool,
    detach: bool,
    log_format: LogFormat | None,
    as_json: bool,
    **order: Any,
) -> None:
    """Run agents on the jobs of PACK (a name or a folder)."""
    from upbench.bench import Bench
    from upbench.order import Order
    from upbench.telemetry.export import wanted as signals

    signals()  # what is wrong with its variables is said before anything is written
    bench = Bench(ctx.obj["project"])
    order["agents"] = order["agents"] or ("react",)
    wanted = Order(**order)
    if dry_run:
        from upbench.dry_run import dry_run as estimate
        from upbench.wiring import plan

        config, pack = plan(wanted, bench.home)
        options = wanted.options(bench.settings)
        seats = options.reviewing.primary + options.reviewing.overlap + options.reviewing.gold
        planned = estimate(bench.home, config, pack.jobs, concurrency=options.concurrency, reviewers=seats)
        emit(planned, planned.text, as_json=as_json)
        return
    from upbench.cli.execute import execute, hand_over

    place = bench.begin(wanted, detached=detach)
    if detach:
        ctx.exit(hand_over(bench, place, as_json=as_json))
    ctx.exit(execute(bench, place, as_json=as_json, log_format=log_format))
