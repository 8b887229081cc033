"""`upbench demo`: the starter pack through the whole pipeline, without a key."""

from __future__ import annotations

import click

from upbench.cli.output import called, json_option, near, say

PACK = "starter"


@click.command(epilog="Example: upbench demo")
@click.option("--sandbox", help="bwrap or docker.")
@click.option("--concurrency", type=click.IntRange(1, 512), help="Trials at one time.")
@json_option
@click.pass_context
def command(ctx: click.Context, /, sandbox: str | None, concurrency: int | None, *, as_json: bool) -> None:
    """Let a scripted stand-in do the starter pack's jobs in real sandboxes, and make the report.

    The stand-in's words come from a script, so everything that it makes is labelled `scripted`; tools, sandboxes,
    checks, records and figures are real. The agent `nop`, which hands in nothing, stands beside it.
    """
    from upbench.bench import Bench
    from upbench.cli.execute import execute
    from upbench.order import Order
    from upbench.report import write_report
    from upbench.wiring import SCRIPTED

    bench = Bench(ctx.obj["project"])
    order = Order(pack=PACK, agents=("react", "nop"), models=(SCRIPTED,), sandbox=sandbox)
    place = bench.begin(order)
    code = execute(bench, place, concurrency=concurrency, as_json=as_json)
    if code not in (0, 1):
        ctx.exit(code)
    page = bench.home.state / "reports" / f"{place.run_id}.html"
    write_report(bench.evaluations(place.run_id), page, title=place.run_id)
    say("")
    say(f"the report is at {near(page)}")
    say(f"grade what is left for people: {called('review', 'serve')}")
    say(f"then make the report again:    {called('report', place.run_id)}")
    ctx.exit(code)
