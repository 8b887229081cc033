"""`upbench review export`: what was said of submissions, as a file."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from upbench.cli.output import emit, json_option, near

if TYPE_CHECKING:
    from grading import Aliases
    from upbench.home import Home

STDOUT = "-"


@click.command(name="export")
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv", "wide"]),
    default="jsonl",
    show_default=True,
    help="One verdict a line, or as CSV; wide: a row a criterion, a column a grader.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Where to write (-: standard output; default: verdicts.jsonl or verdicts.csv here).",
)
@click.option("--reveal", is_flag=True, help="Name the agents; else they have aliases.")
@click.option("--names", is_flag=True, help="Name the reviewers, and what they sign in with.")
@json_option
@click.pass_context
def export(
    ctx: click.Context,
    /,
    *,
    runs: Sequence[str],
    form: str,
    out: Path | None,
    reveal: bool,
    names: bool,
    as_json: bool,
) -> None:
    """Write every verdict of these runs (default: of all), every revision of each, without names.

    RUN is an id, its beginning, or `last`. That it was done stands in the audit log.

    Example: upbench review export last --format csv --out verdicts.csv
    """
    from core import BadInput
    from grading import OPERATOR, ExportForm, note_export, write_export
    from upbench.exporting import RunExports
    from upbench.home import open_home
    from upbench.settings import load_settings

    kind = ExportForm(form)
    to_stdout = str(out) == STDOUT
    if to_stdout and as_json:
        raise BadInput("is where the export goes", field="--json", mend="name a file with --out")
    target = out or Path(f"verdicts{kind.suffix}")
    if not to_stdout and (target.is_dir() or not target.parent.is_dir()):
        what = "is a folder" if target.is_dir() else "its folder is not there"
        raise BadInput(what, file=target, field="--out", mend="name a file in a folder that is there")
    home = open_home(load_settings(ctx.obj["project"]), create=False)
    try:
        exports = RunExports(home)
        chosen = exports.find(runs)
        note_export(home.database, OPERATOR, chosen, kind, reveal=reveal, names=names)
        pieces = write_export(exports, chosen, kind, _aliases(home, reveal=reveal, names=names))
        if to_stdout:
            for piece in pieces:
                click.echo(piece, nl=False)
            return
        lines = write_pieces(target, pieces)
    finally:
        home.close()
    body = {"file": str(target.absolute()), "format": form, "lines": lines, "runs": chosen}
    emit(
        body,
        f"{near(target.absolute())}: {_some(lines, 'line')} of {_some(len(chosen), 'run')}",
        as_json=as_json,
    )


def _some(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _aliases(home: Home, *, reveal: bool, names: bool) -> Aliases:
    from grading import Aliases, People, alias_key, load_secrets

    key = alias_key(load_secrets(home.state / "review-secrets.json"))
    people = {one.id: one for one in People(home.database).list()} if names else None
    return Aliases(key, reveal=reveal, people=people)


def write_pieces(target: Path, pieces: Iterator[str]) -> int:
    """Write a file piece by piece, all or nothing; returns how many pieces.

    Raises:
        BadInput: It cannot be written; what was there is as it was.
    """
    from core import BadInput

    temporary = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}")
    count = 0
    try:
        try:
            with temporary.open("w", encoding="utf-8", newline="") as stream:
                for piece in pieces:
                    stream.write(piece)
                    count += 1
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"cannot be written: {error.strerror}", file=target, field="--out") from error
    return count
