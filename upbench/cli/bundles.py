"""`upbench runs export` and `upbench runs import`: a run as one file, or as a folder to read."""

from __future__ import annotations

from pathlib import Path

import click

from upbench.cli.output import called, emit, json_option, near

SUFFIX = ".zip"


@click.command(epilog="Example: upbench runs export last --to study.zip")
@click.argument("run")
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path),
    help="A new file NAME.zip (default: RUN.zip here), or a new folder to read in.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["bundle", "folder"]),
    help="One file that opens elsewhere, or a folder to read (default: as --to is named).",
)
@json_option
@click.pass_context
def export(ctx: click.Context, run: str, target: Path | None, form: str | None, *, as_json: bool) -> None:
    """Write everything that a run did into one file, which `upbench runs import` opens elsewhere.

    As a folder, it is evaluations.jsonl, the run's state and every deliverable.
    """
    from upbench.bench import Bench

    bench = Bench(ctx.obj["project"])
    if form is None:
        form = "bundle" if target is None or target.suffix.lower() == SUFFIX else "folder"
    if form == "bundle":
        written = bench.export_run(run, target)
        size = f"{written.bytes / 1e6:,.1f} MB, {written.rows:,} rows, {written.blobs:,} blobs"
        removed = f"; {written.removed} secrets or paths of this machine were taken out" if written.removed else ""
        emit(written, f"{near(Path(written.file))}: run {written.run}, {size}{removed}", as_json=as_json)
        return
    target = target or Path(bench.show(run, listed=0).id)
    counts = bench.export_folder(run, target)
    text = f"{counts['evaluations']} evaluations and {counts['deliverables']} deliverables in {target}"
    emit(counts, text, as_json=as_json)


@click.command("import", epilog="Example: upbench runs import study.zip")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@click.pass_context
def import_run(ctx: click.Context, file: Path, *, as_json: bool) -> None:
    """Take a run that was exported elsewhere into this project. Doing so again changes nothing.

    The file is looked through before anything is written. Exit code 1 if the run was here already and has changed
    since: it stays as it is here.
    """
    from upbench.bench import Bench

    taken = Bench(ctx.obj["project"]).import_run(file)
    if not taken.already:
        what = f"{taken.rows:,} rows, {taken.blobs:,} blobs"
        text = f"run {taken.run}: {what}; see it with: {called('runs', 'show', taken.run)}"
    elif taken.changed:
        tables = ", ".join(taken.changed)
        text = f"run {taken.run} is here already, and has changed since ({tables}); it was left as it is"
    else:
        text = f"run {taken.run} is here already, and is the same"
    emit(taken, text, as_json=as_json)
    ctx.exit(1 if taken.changed else 0)
