"""`upbench submit`: deliverables made elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from upbench.cli.output import AMOUNT, called, emit, json_option


@click.command(epilog='Example: upbench submit starter/JOB ./work --agent "person-a" --minutes 90 --cost 40')
@click.argument("job", metavar="PACK/JOB")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--agent", required=True, help="How reports call whoever made them.")
@click.option("--minutes", type=AMOUNT, help="Minutes of work.")
@click.option("--cost", type=AMOUNT, help="Dollars.")
@click.option("--note", default="", help="Words for the reviewers.")
@click.option("--run", metavar="RUN", help="Into this run instead of one of their own.")
@json_option
@click.pass_context
def command(ctx: click.Context, /, job: str, folder: Path, *, as_json: bool, **facts: object) -> None:
    """Hand in the files of DIR for PACK/JOB, as a run of their own or into RUN."""
    from upbench.bench import Bench
    from upbench.cli.execute import left

    summary = Bench(ctx.obj["project"]).submit(job, folder, **facts)
    attempt = summary.attempts[-1]
    then = f"grade them with: {called('review', 'serve')}"
    text = f"{attempt.files} files handed in as run {summary.id}; {then}"
    text = "\n".join([text, *left(attempt)])
    emit(summary, text, as_json=as_json)
