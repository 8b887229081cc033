"""`upbench grade`: a judge model's verdicts, or the present rubric's checks, on what a run handed in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core import BadInput
from upbench.cli.output import emit, json_option, say

if TYPE_CHECKING:
    from runs import Workplace
    from upbench.grade import Graded


@click.command(epilog="Example: upbench grade last --judge anthropic/MODEL")
@click.argument("run")
@click.option("--judge", metavar="PROVIDER/NAME", help="Pre-grade with this model.")
@click.option("--base-url", metavar="URL", help="Another server that speaks the provider's protocol.")
@click.option(
    "--pages",
    type=click.IntRange(0, 20),
    default=0,
    show_default=True,
    help="Show the judge so many pages of a submission as images, too.",
)
@click.option("--checks", is_flag=True, help="Run the checks of the pack's present rubrics again.")
@click.option("--rubric", type=click.Path(path_type=Path), help="Grade again by this rubric instead.")
@click.option("--job", help="Only this job of the run.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    run: str,
    judge: str | None,
    base_url: str | None,
    pages: int,
    checks: bool,
    rubric: Path | None,
    job: str | None,
    as_json: bool,
) -> None:
    """Grade the submissions of RUN without running it again.

    A judge is never the last word: its verdicts count only in reports with `--basis judge`, which say so.
    """
    from upbench.bench import Bench
    from upbench.grade import pre_grade, regrade
    from upbench.money import dollars_text

    if (judge is None) == (not checks and rubric is None):
        mend = "--judge PROVIDER/NAME, --checks or --rubric FILE"
        raise BadInput("needs a judge, the checks or a rubric", field="--judge", mend=mend)
    if judge is None and base_url is not None:
        raise BadInput("is for a judge only", field="--base-url", mend="leave it out")
    if judge is None and pages:
        raise BadInput("is for a judge only", field="--pages", mend="leave it out")
    if judge is not None and job is not None:
        raise BadInput("is for checks only", field="--job", mend="leave it out")
    bench = Bench(ctx.obj["project"])
    place = bench.reopen(run, execute=False)
    work = (
        regrade(place, job=job, rubric=rubric, say=say)
        if judge is None
        else pre_grade(bench.home, place, judge, base_url=base_url, page_images=pages, say=say)
    )
    graded = asyncio.run(_at_work(place, work))
    counts = ", ".join(f"{n} {verdict}" for verdict, n in sorted(graded.verdicts.items())) or "nothing new"
    price = "no price is known" if graded.dollars is None else dollars_text(graded.dollars)
    text = f"{graded.attempts} submissions graded: {counts}" + (f"; {price}" if judge else "")
    emit(graded, text, as_json=as_json)


async def _at_work(place: Workplace, work: Awaitable[Graded]) -> Graded:
    async with place.at_work():
        return await work
