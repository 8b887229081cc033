"""`upbench submit`: deliverables made elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from upbench.cli.output import emit, json_option


@click.command(epilog='Example: upbench submit starter/JOB ./work --agent "person-a" --minutes 90 --cost 40')
@click.argument("job", metavar="PACK/JOB")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--agent", required=True, help="How reports call whoever made them.")
@click.option("--minutes", type=click.FloatRange(min=0), help="Minutes of work.")
@click.option("--cost", type=click.FloatRange(min=0), help="Dollars.")
@click.option("--note", default="", help="Words for the reviewers.")
@json_option
@click.pass_context
def command(ctx: click.Context, /, job: str, folder: Path, *, as_json: bool, **facts: object) -> None:
    """Hand in the files of DIR for PACK/JOB, as a run of their own."""
    from upbench.bench import Bench

    summary = Bench(ctx.obj["project"]).submit(job, folder, **facts)
    files = summary.attempts[0].files
    text = f"{files} files handed in as run {summary.id}; grade them with: upbench review serve"
    emit(summary, text, as_json=as_json)
