"""`upbench review`: serve the review app."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from upbench.cli.output import emit, json_option, say

if TYPE_CHECKING:
    from core import Blobs, Deliverable
    from grading import Rendering, ReviewRenderer
    from upbench.home import Home

PORT = 8765


@click.group(short_help="Serve the review app.")
def command() -> None:
    """Review submissions in the browser.

    Example: upbench review serve
    """


@command.command()
@click.option("--port", type=int, default=PORT, show_default=True, help="Of the app; content is on the next.")
@click.option("--host", default="127.0.0.1", show_default=True, help="127.0.0.1 or localhost.")
@click.option(
    "--listen", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="In a container: 0.0.0.0."
)
@click.option("--open/--no-open", "browse", default=True, help="Open the browser.")
@json_option
@click.pass_context
def serve(ctx: click.Context, /, *, port: int, host: str, listen: str, browse: bool, as_json: bool) -> None:
    """Serve the review app to one local reviewer until Ctrl-C.

    The address that is printed lets one browser in, once. Pages and files come from two origins, so that
    nothing that an agent handed in can act as the reviewer.

    Example: upbench review serve --port 9000 --no-open
    """
    from grading import Book, create_content_app, create_review_app, load_secrets, review_origins, serve_review
    from runs import own_folder
    from upbench.home import open_home
    from upbench.settings import load_settings

    at = review_origins(host, port)
    home = open_home(load_settings(ctx.obj["project"]))
    keys = load_secrets(home.state / "review-secrets.json")
    token = secrets.token_urlsafe(24)
    book = Book(home.database)
    scratch = home.state / "scratch" / f"review-{os.getpid()}"
    blobs = home.blobs.impatient()
    app = create_review_app(
        book,
        blobs,
        keys,
        app_origin=at.app,
        content_origin=at.content,
        token=token,
        render=_renderer(home, scratch),
    )
    content = create_content_app(blobs, keys, app_origin=at.app, content_origin=at.content)
    enter = f"{at.app}/enter?token={token}"

    def started() -> None:
        counts = book.review_counts()
        text = f"review app      {at.app}\ncontent origin  {at.content}\nopen this once  {enter}"
        emit({"app": at.app, "content": at.content, "enter": enter, "reviews": counts}, text, as_json=as_json)
        say(f"{counts['awaiting'] + counts['claimed']} to review, {counts['locked']} locked; Ctrl-C stops")
        if browse and _has_screen():
            click.launch(enter)

    try:
        with own_folder(scratch):
            asyncio.run(serve_review(app, content, at, started=started, listen=listen))
    finally:
        home.close()


def _has_screen() -> bool:
    """Whether a browser could show itself here; without a screen the openers only complain."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _renderer(home: Home, scratch: Path) -> ReviewRenderer | None:
    """Reads one document at a time in a grading sandbox; None, said aloud, where there is no sandbox."""
    from core import BadInput, in_thread
    from grading import render_texts
    from sandbox import provider

    chosen = provider(home.settings.sandbox, home.state, home.settings.options)
    try:
        problem = chosen.problem()
    except BadInput as error:
        problem = error.what, error.mend or f"change {error.field}"
    if problem is not None:
        say(f"documents cannot be shown, only downloaded: {problem[0]}; to mend it: {problem[1]}")
        return None
    one_at_a_time = asyncio.Lock()
    read: dict[tuple[str, str], Rendering] = {}

    async def render(file: Deliverable) -> Rendering:
        key = (file.sha256, file.path)
        async with one_at_a_time:
            if key not in read:
                with TemporaryDirectory(dir=scratch) as folder:
                    await in_thread(_lay_out, file, home.blobs, Path(folder))
                    found = await render_texts(
                        chosen, key=f"review.{file.sha256[:12]}.{secrets.token_hex(4)}", folder=Path(folder)
                    )
                read[key] = found[0]
        return read[key]

    return render


def _lay_out(file: Deliverable, blobs: Blobs, folder: Path) -> None:
    shutil.copyfile(blobs.fetch(file.sha256), folder / Path(file.path).name)
