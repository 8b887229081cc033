"""`upbench review gold`: submissions of which it is known what is right, by which reviewers are measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from upbench.cli.output import emit, json_option, say

if TYPE_CHECKING:
    from grading import GoldItem, GoldKey
    from upbench.home import Home

FLAWS = click.Choice(["missing_file", "truncated_text", "injected_text", "wrong_total", "missing_sheet"])
_KEY = "CRITERION=pass, CRITERION=fail, or CRITERION=absent: a fail because it is not there at all (repeatable)."
_REASON = "How it is known; stands in the audit log."


@click.group(short_help="Submissions of which it is known what is right.")
def gold() -> None:
    """Measure reviewers by submissions of which it is known what is right; nobody who reviews can tell them.

    Example: upbench review gold candidates
    """


@gold.command()
@click.option("--job", metavar="ID", help="Only submissions of this job.")
@json_option
@click.pass_context
def candidates(ctx: click.Context, *, job: str | None, as_json: bool) -> None:
    """List settled submissions whose verdicts were adjudicated, or that several people judged alike.

    Example: upbench review gold candidates --job lead-list
    """
    from grading import gold_candidates

    with _home(ctx) as home, home.database.read() as connection:
        found = gold_candidates(connection, job)
    _list(found, "no submission is known well enough: adjudicate some, or have some reviewed by two", as_json)


@gold.command(name="list")
@json_option
@click.pass_context
def list_gold(ctx: click.Context, *, as_json: bool) -> None:
    """List the submissions that have keys, and how many gold reviews each has had.

    Example: upbench review gold list --json
    """
    from grading import gold_list

    with _home(ctx) as home, home.database.read() as connection:
        found = gold_list(connection)
    _list(found, "there are none", as_json)


@gold.command(name="set")
@click.argument("item")
@click.option("--key", "pairs", multiple=True, metavar="CRITERION=WORD", help=_KEY)
@click.option("--reason", required=True, help=_REASON)
@click.option("--exam", is_flag=True, help="For exams alone: people are told afterwards what was right.")
@json_option
@click.pass_context
def set_gold(
    ctx: click.Context, /, *, item: str, pairs: Sequence[str], reason: str, exam: bool, as_json: bool
) -> None:
    """Let a submission be gold: by what its record knows, and what you say.

    Example: upbench review gold set 3f2a91c07b5d4e88 --key total=fail --reason "Adjudicated on 3 May"
    """
    from core import BadInput
    from grading import gold_sheet
    from upbench.golden import set_keys

    given = _keys(pairs)
    with _home(ctx) as home:
        with _known(item), home.database.read() as connection:
            sheet = gold_sheet(connection, item)
        keys = sheet.suggested | given
        if not keys:
            raise BadInput("nothing is known of it", field="--key", mend="say what is right: --key CRITERION=pass")
        with _known(item):
            set_keys(home, item, keys, reason=reason, exam=exam)
    fails = sum(key.verdict == "fail" for key in keys.values())
    body = {"item": item, "keys": {name: key.model_dump() for name, key in keys.items()}, "exam": exam}
    emit(body, f"{item}: {len(keys)} keys, {fails} of them fail", as_json=as_json)
    if not sheet.settled:
        say("nobody is given it before it is settled")


@gold.command()
@click.argument("item")
@click.option("--flaw", type=FLAWS, help="What is to be made wrong in the copy.")
@click.option("--file", "path", metavar="PATH", help="In which deliverable.")
@click.option("--sheet", metavar="NAME", help="Of a workbook: which sheet (default: the last).")
@click.option("--folder", type=click.Path(path_type=Path), help="Instead: a folder with what the copy hands in.")
@click.option("--key", "pairs", multiple=True, required=True, metavar="CRITERION=WORD", help=_KEY)
@click.option("--reason", required=True, help=_REASON)
@click.option("--exam", is_flag=True, help="For exams alone: people are told afterwards what was right.")
@json_option
@click.pass_context
def copy(
    ctx: click.Context,
    /,
    *,
    item: str,
    flaw: str | None,
    path: str | None,
    sheet: str | None,
    folder: Path | None,
    pairs: Sequence[str],
    reason: str,
    exam: bool,
    as_json: bool,
) -> None:
    """Let a changed copy of a submission be gold: what you say is wrong with it, the rest as with the original.

    Example: upbench review gold copy 3f2a91c07b5d4e88 --flaw wrong_total --file costs.csv --key total=fail
    --reason "The total is a tenth too high"
    """
    from core import BadInput
    from grading import Flaw
    from upbench.golden import copy_of_folder, copy_with_flaw

    if (folder is None) == (flaw is None):
        raise BadInput("how is the copy to differ?", mend="add --flaw and --file, or --folder")
    if folder is not None and (path is not None or sheet is not None):
        what = "the folder is all that the copy hands in"
        raise BadInput(what, field="--folder", mend="leave out --file and --sheet")
    keys = _keys(pairs)
    with _home(ctx) as home, _known(item):
        if folder is not None:
            alias = copy_of_folder(home, item, folder, keys, reason=reason, exam=exam)
        elif path is None or flaw is None:
            raise BadInput("which file?", field="--file", mend="name one of the deliverables")
        else:
            alias = copy_with_flaw(home, item, Flaw(flaw), path, keys, sheet=sheet, reason=reason, exam=exam)
    emit({"item": alias, "origin": item}, f"{alias} is a changed copy of {item}", as_json=as_json)


@gold.command()
@click.argument("item")
@click.option("--reason", required=True, help=_REASON)
@json_option
@click.pass_context
def retire(ctx: click.Context, *, item: str, reason: str, as_json: bool) -> None:
    """Measure nobody by a submission any more; its keys are kept.

    Example: upbench review gold retire 3f2a91c07b5d4e88 --reason "The key was wrong"
    """
    from upbench.golden import retire as no_more

    with _home(ctx) as home, _known(item):
        no_more(home, item, reason=reason)
    emit({"item": item, "retired": True}, f"{item} measures nobody any more", as_json=as_json)


def _list(found: Sequence[GoldItem], none: str, as_json: bool) -> None:
    lines = [
        f"{one.item}  {one.job:<30}  {one.keys:>2} of {one.criteria} known, {one.fails} fail"
        + (f"; {one.reviews} reviewed, {one.open} open" if one.reason else "")
        + ("; exam" if one.exam else "")
        + (f"; {one.made}" if one.made else "")
        for one in found
    ]
    emit({"items": [one.model_dump() for one in found]}, "\n".join(lines) or none, as_json=as_json)


def _keys(pairs: Sequence[str]) -> dict[str, GoldKey]:
    from core import BadInput
    from grading import GoldKey

    found: dict[str, GoldKey] = {}
    for pair in pairs:
        name, _, word = pair.rpartition("=")
        if not name or word not in ("pass", "fail", "absent"):
            raise BadInput(f"{pair[:100]!r} is no key", field="--key", mend="CRITERION=pass, =fail or =absent")
        found[name] = GoldKey(verdict="pass" if word == "pass" else "fail", absent=word == "absent")
    return found


@contextmanager
def _known(item: str) -> Iterator[None]:
    """Items and criteria that there are not are a user's mistake."""
    from core import BadInput
    from grading import NoSuchReview

    try:
        yield
    except NoSuchReview as error:
        mend = "see: upbench review gold candidates"
        raise BadInput(str(error), field=item, mend=mend) from error


@contextmanager
def _home(ctx: click.Context) -> Iterator[Home]:
    from upbench.home import open_home
    from upbench.settings import load_settings

    home = open_home(load_settings(ctx.obj["project"]), create=False)
    try:
        yield home
    finally:
        home.close()
