"""`upbench run`: agents x jobs x repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from upbench.cli.execute import execute
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
@click.option("--limit", "limits", multiple=True, metavar="NAME=VALUE", help="For instance steps=50 (repeatable).")
@click.option(
    "--setting", "settings", multiple=True, metavar="NAME=VALUE", help="Of the agent: context_tokens=32000 ..."
)
@click.option("--concurrency", type=click.IntRange(1, 512), help="Trials at one time.")
@click.option("--rubric-visible", is_flag=True, help="Show the agents the rubric (the report says so).")
@click.option("--dry-run", is_flag=True, help="Say what would be run, and stop.")
@log_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    concurrency: int | None,
    dry_run: bool,
    log_format: LogFormat | None,
    as_json: bool,
    **order: Any,
) -> None:
    """Run agents on the jobs of PACK (a name or a folder)."""
    from upbench.bench import Bench
    from upbench.telemetry.export import wanted as signals
    from upbench.wiring import Order, plan

    signals()  # a wrong variable is said before anything is written
    bench = Bench(ctx.obj["project"])
    order["agents"] = order["agents"] or ("react",)
    wanted = Order(**order)
    if dry_run:
        config, _ = plan(wanted, bench.home)
        trials = len(config.jobs) * len(config.agents) * config.repeats
        payload = {"trials": {"total": trials}, "config": config.model_dump(mode="json")}
        names = ", ".join(agent.name for agent in config.agents)
        text = f"{trials} trials: {names} on {len(config.jobs)} jobs, {config.repeats} times"
        emit(payload, text, as_json=as_json)
        return
    ctx.exit(execute(bench, bench.begin(wanted), concurrency=concurrency, as_json=as_json, log_format=log_format))
