"""`upbench sandboxes`: what exists of this project's sandboxes, and removing what is left over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from upbench.cli.output import emit, json_option, say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runs import Reaper
    from sandbox import Resource, Trouble

COLUMNS = ("provider", "kind", "state", "run", "trial", "id")


@click.group(epilog="Example: upbench sandboxes list")
def command() -> None:
    """What exists of this project's sandboxes (containers, volumes, workspaces), and who holds it.

    Runs remove by themselves what dead processes left, when they begin and each minute. Only what this
    project's folder has made is ever looked at.
    """


def _sandbox_option(function: Any) -> Any:
    return click.option(
        "--sandbox", "names", multiple=True, metavar="NAME", help="Only of bwrap, docker or e2b (repeatable)."
    )(function)


@command.command("list", epilog="Example: upbench sandboxes list --json")
@_sandbox_option
@json_option
@click.pass_context
def list_sandboxes(ctx: click.Context, /, *, names: tuple[str, ...], as_json: bool) -> None:
    """List everything that exists, and whether it is held, wanted, in use or left over.

    Held: by a living process. Wanted: by an execution that has not ended, and can be resumed. In use: it belongs
    to no workspace, and something runs in it. Left over: the next run, or `upbench sandboxes reap`, removes it.
    """
    reaper, names = _opened(ctx, names)
    found = asyncio.run(reaper.survey(names))
    rows = [_row(one.resource) | {"state": one.standing.value} for one in found.found]
    body = {"sandboxes": rows, "failed": _said(found.failed), "not_asked": _said(found.not_asked)}
    emit(body, _table(rows) or "nothing exists", as_json=as_json)
    _warn(found.failed, found.not_asked)


@command.command(epilog="Example: upbench sandboxes reap --sandbox docker")
@_sandbox_option
@json_option
@click.pass_context
def reap(ctx: click.Context, /, *, names: tuple[str, ...], as_json: bool) -> int:
    """Remove what is left over. Exit code 1 if something could not be removed.

    What a living process holds stays, and so does what an unfinished execution wants.
    """
    reaper, names = _opened(ctx, names)
    done = asyncio.run(reaper.reap(names=names))
    rows = [_row(one) for one in done.removed]
    body = {"removed": rows, "failed": _said(done.failed), "not_asked": _said(done.not_asked)}
    emit(body, _table(rows) or "nothing was left over", as_json=as_json)
    _warn(done.failed, done.not_asked)
    return 1 if done.failed else 0


def _opened(ctx: click.Context, names: tuple[str, ...]) -> tuple[Reaper, tuple[str, ...]]:
    from core import BadInput
    from sandbox import provider_names
    from upbench.home import open_home
    from upbench.settings import load_settings
    from upbench.wiring import open_reaper

    known = provider_names()
    for name in names:
        if name not in known:
            raise BadInput(
                f"unknown sandbox provider {name!r}", field="--sandbox", mend=f"one of: {', '.join(known)}"
            )
    home = open_home(load_settings(ctx.obj["project"]), create=False)
    ctx.call_on_close(home.close)
    return open_reaper(home), names or known


def _row(resource: Resource) -> dict[str, Any]:
    return resource.model_dump(mode="json")


def _said(troubles: Iterable[Trouble]) -> list[dict[str, str]]:
    return [trouble.model_dump() for trouble in troubles]


def _table(rows: list[dict[str, Any]]) -> str:
    columns = [name for name in COLUMNS if any(row.get(name) for row in rows)]
    wide = {name: max(len(str(row.get(name) or "-")) for row in rows) for name in columns}
    return "\n".join(
        "  ".join(f"{row.get(name) or '-':{wide[name]}}" for name in columns).rstrip() for row in rows
    )


def _warn(failed: Iterable[Trouble], not_asked: Iterable[Trouble]) -> None:
    for trouble in failed:
        say(f"{trouble.provider}: {trouble.id or 'cannot be listed'}: {trouble.why}")
    for trouble in not_asked:
        say(f"{trouble.provider}: not asked: {trouble.why}")
