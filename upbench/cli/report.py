"""`upbench report`: figures of runs, or of evaluations made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core import BadInput
from upbench.cli.options import policy_option
from upbench.cli.output import emit, json_option, say

if TYPE_CHECKING:
    from upbench.report.build import Report


@click.command(short_help="Figures of a run, or of evaluations made elsewhere.")
@click.argument("sources", metavar="RUN_OR_FILE...", nargs=-1, required=True)
@click.option(
    "--format", "form", type=click.Choice(["html", "json", "csv"]), help="What to write (default: html)."
)
@policy_option("What completes a job (default: as the run was made to say).")
@click.option(
    "--basis",
    type=click.Choice(["record", "judge"]),
    default="record",
    show_default=True,
    help="Whose verdicts count; `judge` fills with a judge model's what nobody else decided.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Where to write (`-`: standard output).")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    sources: Sequence[str],
    form: str | None,
    policy: str | None,
    basis: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Write every figure of runs, or of `evaluations.jsonl` files made elsewhere; several are taken together.

    Example: upbench report last --out report.html

    Example: upbench report evaluations.jsonl --json
    """
    from rubrics import CompletionPolicy
    from upbench.counting import uncollected
    from upbench.report import export
    from upbench.report.build import build_report
    from upbench.report.sources import read_sources

    with uncollected():
        read = read_sources(sources, project=ctx.obj["project"])
        report = build_report(
            read.placed,
            read.names,
            policy=None if policy is None else CompletionPolicy(policy),
            basis="judge" if basis == "judge" else "record",
            facts=read.facts,
        )
    payload = export.as_json(report)
    if as_json and form in (None, "json") and out is None:
        emit(payload, "", as_json=True)
        return
    target = _write(report, form or _form_of(out), out, read.folder, read.stem, to_stdout=not as_json)
    if as_json:
        emit(payload | {"report": str(target) if target else None}, "", as_json=True)
    elif target is not None:
        emit(payload, export.as_text(report.figures), as_json=False)
        say(f"\nreport: {target}")


def _form_of(out: Path | None) -> str:
    if out is None or str(out) == "-":
        return "html"
    form = {".html": "html", ".htm": "html", ".json": "json", ".csv": "csv"}.get(out.suffix.lower())
    if form is None:
        what = "does not end in .html, .json or .csv"
        raise BadInput(what, file=out, field="--out", mend="rename it, or say --format")
    return form


def _write(
    report: Report, form: str, out: Path | None, folder: Path, stem: str, *, to_stdout: bool
) -> Path | None:
    from core import write_atomic
    from upbench.report.export import as_csv, as_json_text
    from upbench.report.page import render_page

    text = {"html": render_page, "json": as_json_text, "csv": as_csv}[form](report)
    if to_stdout and (str(out) == "-" or (out is None and form != "html")):
        click.echo(text, nl=False)
        return None
    target = out if out is not None and str(out) != "-" else folder / f"{stem}.{form}"
    try:
        write_atomic(target, text)
    except OSError as error:
        raise BadInput(f"cannot be written: {error.strerror}", file=target, field="--out") from error
    return target.absolute()
