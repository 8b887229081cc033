"""`upbench review assign`: how many people review what is up for review, and who."""

from __future__ import annotations

import click

from upbench.cli.output import emit, json_option, say


@click.command()
@click.option("--reviewers", type=click.IntRange(1, 9), metavar="N", help="People who review each submission.")
@click.option(
    "--overlap",
    type=click.FloatRange(0, 1),
    metavar="P",
    help="Probability of one review more, which decides nothing and shows how far people agree.",
)
@click.option(
    "--gold",
    type=click.FloatRange(0, 1),
    metavar="P",
    help="Probability of a review beside it of a submission whose verdicts are known.",
)
@click.option("--to", metavar="PERSON", help="With --job: who is to review it; anybody: lifts that.")
@click.option("--job", metavar="ID", help="Only submissions of this job.")
@json_option
@click.pass_context
def assign(
    ctx: click.Context,
    /,
    *,
    reviewers: int | None,
    overlap: float | None,
    gold: float | None,
    to: str | None,
    job: str | None,
    as_json: bool,
) -> None:
    """Change how submissions are reviewed that are up for review already.

    What somebody has begun stays. Doing it again changes nothing.

    Example: upbench review assign --reviewers 2 --overlap 0.25
    """
    from core import BadInput
    from grading import adjudications_due
    from grading import assign as change
    from upbench.deciding import deciding
    from upbench.home import open_home
    from upbench.settings import load_settings

    if reviewers is None and overlap is None and gold is None and to is None:
        raise BadInput(
            "nothing is to be changed", mend="add --reviewers N, --overlap P, --gold P, or --to PERSON --job ID"
        )
    if to is not None and job is None:
        raise BadInput("of all jobs nobody can be the only reviewer", field="--to", mend="name one with --job")
    home = open_home(load_settings(ctx.obj["project"]), create=False)
    try:
        with deciding(home, say) as settled:
            person = "" if to == "anybody" else to
            done = change(
                home.database,
                reviewers=reviewers,
                overlap=overlap,
                gold=gold,
                to=person,
                job=job,
                settled=settled,
                due=adjudications_due,
            )
    finally:
        home.close()
    if not done.items and job is not None:
        raise BadInput(f"no submission of job {job!r} is up for review", field="--job")
    emit(done, done.text, as_json=as_json)
