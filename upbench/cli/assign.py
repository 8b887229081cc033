"""`upbench review assign`: how many people review what is up for review, and who."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from upbench.cli.output import SHARE, called, emit, json_option, say

if TYPE_CHECKING:
    from grading import Person
    from upbench.home import Home

ANYBODY: Literal["anybody"] = "anybody"
LOCAL = "local"


@click.command()
@click.option("--reviewers", type=click.IntRange(1, 9), metavar="N", help="People who review each submission.")
@click.option(
    "--overlap",
    type=SHARE,
    metavar="P",
    help="Probability of one review more, which decides nothing and shows how far people agree.",
)
@click.option(
    "--gold",
    type=SHARE,
    metavar="P",
    help="Probability of a review beside it of a submission whose verdicts are known.",
)
@click.option("--to", metavar="PERSON", help="With --job: who alone is to review it; anybody: lifts that.")
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
            person = None if to is None else _whom(home, to)
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
    if done.unfit:
        say(f"roles, skills and conflicts of interest stand in: {called('review', 'users', 'list', '--json')}")
    ctx.exit(1 if done.unfit else 0)


def _whom(home: Home, name: str) -> Person | Literal["anybody"]:
    """Whom reviews are to be given to, by what they sign in with or by their id."""
    from core import BadInput
    from grading import People, Person

    if name == ANYBODY:
        return ANYBODY
    if name == LOCAL:
        return Person.local(LOCAL)
    account = People(home.database).find(name)
    if account is None or account.closed is not None:
        what = f"nobody called {name[:100]!r} can sign in"
        raise BadInput(what, field="--to", mend="see: upbench review users list")
    return account.person
