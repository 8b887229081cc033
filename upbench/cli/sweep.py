"""`upbench sweep`: what is of no use any more goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from upbench.cli.output import called, emit, json_option

if TYPE_CHECKING:
    from core import FileTotals
    from upbench.sweeping import Sweeping

DAYS = 3
_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


@click.command(epilog="Example: upbench sweep --dry-run")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=DAYS,
    show_default=True,
    help="Leave alone what is younger, or was used since.",
)
@click.option(
    "--gone",
    multiple=True,
    metavar="MARK",
    help="A database that named files here is no more: they may go (repeatable).",
)
@json_option
@click.pass_context
def command(ctx: click.Context, /, *, dry_run: bool, days: int, gone: tuple[str, ...], as_json: bool) -> None:
    """Remove files that no record names, renderings by renderers that are in use no more, and left snapshots.

    Runs, workers and review servers may be at work. Files go in two steps: what nothing names is put away, and
    taken back if somebody asks for it; after as many days a later sweep removes it for good.
    """
    from upbench.home import open_home
    from upbench.settings import load_settings
    from upbench.sweeping import sweep_project

    home = open_home(load_settings(ctx.obj["project"]), create=False)
    ctx.call_on_close(home.close)
    done = sweep_project(home, days=days, dry_run=dry_run, gone=gone)
    emit(done, _told(done), as_json=as_json)


def _told(done: Sweeping) -> str:
    would = "would be " if done.dry_run else ""
    lines = []
    if done.renderings:
        lines.append(f"{done.renderings} renderings {would}removed: their renderer is in use no more")
    if done.snapshots:
        lines.append(f"snapshots of {done.snapshots} ended executions {would}removed")
    for place in done.places:
        lines += [f"{place.place}", f"  {_shown(place.named)} are named, and stay"]
        rows = (
            (place.young, "are named by nothing, and too young to go"),
            (place.taken_back, f"{would}taken back: they are named again"),
            (place.put_away, f"{would}put away"),
            (place.waiting, f"were put away less than {done.days} days ago"),
            (place.removed, f"{would}removed"),
        )
        lines += [f"  {_shown(total)} {what}" for total, what in rows if total.files]
    if not done.dry_run and any(place.put_away.files or place.waiting.files for place in done.places):
        lines.append(f"what was put away goes for good by `{called('sweep')}` after {done.days} days")
    return "\n".join(lines)


def _shown(total: FileTotals) -> str:
    size = next((f"{total.bytes / unit:.3g} {name}" for unit, name in _UNITS if total.bytes >= unit), None)
    return f"{total.files:,} files ({size or f'{total.bytes} bytes'})"
