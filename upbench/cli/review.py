"""`upbench review`: serve the review app."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from upbench.cli.assign import assign
from upbench.cli.exporting import export
from upbench.cli.gold import gold
from upbench.cli.output import emit, json_option, say
from upbench.cli.users import users

if TYPE_CHECKING:
    from grading import Book, Origins, ReviewSettings
    from upbench.home import Home

PORT = 8765


@click.group(short_help="Serve the review app.")
def command() -> None:
    """Review submissions in the browser.

    Example: upbench review serve
    """


command.add_command(users)
command.add_command(assign)
command.add_command(gold)
command.add_command(export)


@command.command()
@click.option("--port", type=int, default=PORT, show_default=True, help="Of the app; content is on the next.")
@click.option("--host", default="127.0.0.1", show_default=True, help="127.0.0.1 or localhost.")
@click.option(
    "--listen", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="In a container: 0.0.0.0."
)
@click.option("--open/--no-open", "browse", default=True, help="Open the browser.")
@click.option("--worker/--no-worker", default=True, help="Also carry the rounds that verdicts start.")
@click.option(
    "--slots", type=click.IntRange(1, 512), help="Rounds of that worker at one time (default: `concurrency`)."
)
@json_option
@click.pass_context
def serve(
    ctx: click.Context,
    /,
    *,
    port: int,
    host: str,
    listen: str,
    browse: bool,
    worker: bool,
    slots: int | None,
    as_json: bool,
) -> None:
    """Serve the review app until Ctrl-C.

    The address that is printed lets one browser in, once; people with accounts (`upbench review users`) sign in.
    Pages and files come from two origins, so that nothing that an agent handed in can act as the reviewer. For
    people on other machines set both origins in upbench.toml (docs/people.md).

    Example: upbench review serve --port 9000 --no-open
    """
    from grading import Book
    from upbench.home import open_home
    from upbench.settings import load_settings

    settings = load_settings(ctx.obj["project"])
    at, token = origins_and_token(settings.review, host, port)
    home = open_home(settings)
    enter = f"{at.app}/enter?token={token}" if token else None
    slots = (slots or home.settings.concurrency) if worker else 0

    def started() -> None:
        answer = {"app": at.app, "content": at.content, "enter": enter, "slots": slots}
        _announce(answer, Book(home.database), as_json=as_json)
        if browse and enter and _has_screen():
            click.launch(enter)

    try:
        _serve_project(home, at, token, started, listen=listen, slots=slots)
    finally:
        home.close()


def _serve_project(
    home: Home, at: Origins, token: str, started: Callable[[], None], *, listen: str, slots: int
) -> None:
    """Serve both origins; beside them render ahead and, with `slots`, keep a worker."""
    from grading import serve_review
    from runs import own_folder
    from upbench.beside import worker_beside
    from upbench.deciding import deciding
    from upbench.reception import reception, two_apps
    from upbench.rendering import open_renderer, render_ahead

    known, scratch = reception(home), home.state / "scratch" / f"review-{os.getpid()}"
    with own_folder(scratch), deciding(home, say) as settled:
        renderer = open_renderer(home, scratch, say)
        app, content = two_apps(home, known, at, token, settled=settled, render=renderer)
        serving = partial(serve_review, app, content, at, listen=listen)
        beside: list[Callable[[], Coroutine[Any, Any, None]]] = [partial(render_ahead, home, renderer)]
        if slots:
            beside.append(partial(worker_beside, home.settings.project.absolute(), slots, say))
        asyncio.run(_serve(serving, started, beside))


def origins_and_token(review: ReviewSettings, host: str, port: int) -> tuple[Origins, str]:
    """Where the app is served, and the token of the address that lets somebody in on this machine.

    People on other machines have accounts; to them no such address is given.
    """
    from grading import public_origins, review_origins

    if review.public:
        return public_origins(review, port), ""
    return review_origins(host, port), secrets.token_urlsafe(24)


def _announce(answer: dict[str, Any], book: Book, *, as_json: bool) -> None:
    counts = book.review_counts()
    text = "review app      {app}\ncontent origin  {content}".format(**answer)
    if answer["enter"]:
        text += f"\nopen this once  {answer['enter']}"
    emit(answer | {"reviews": counts}, text, as_json=as_json)
    say(f"{counts['awaiting'] + counts['claimed']} to review, {counts['locked']} locked; Ctrl-C stops")
    if answer["slots"]:
        say(f"what fails in a run with rework is tried again at once, {answer['slots']} at one time")


async def _serve(
    serving: Callable[..., Awaitable[None]],
    started: Callable[[], None],
    beside: Sequence[Callable[[], Coroutine[Any, Any, None]]],
) -> None:
    """Serve until told to stop; beside it, from when both origins listen, render ahead and keep a worker."""
    workers: list[asyncio.Task[None]] = []

    def listening() -> None:
        started()
        workers.extend(asyncio.create_task(one()) for one in beside)

    try:
        await serving(started=listening)
    finally:
        for one in workers:
            one.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


def _has_screen() -> bool:
    """Whether a browser could show itself here; without a screen the openers only complain."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
