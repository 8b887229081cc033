"""Rendering for reviewers and judges: the project's renderer, and what is rendered before anybody asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core import BadInput, StoreFault, in_thread
from grading import Renderer, Shelf, files_awaiting
from sandbox import provider, renderer_image

if TYPE_CHECKING:
    from sandbox import SandboxProvider
    from upbench.home import Home

LOOK_SECONDS = 5.0
FILES_AHEAD = 500


def open_renderer(home: Home, scratch: Path, say: Callable[[str], None]) -> Renderer:
    """The project's renderer; where there is no sandbox, said aloud, it shows what others have rendered.

    Args:
        home: The project.
        scratch: A folder for what comes out of sandboxes.
        say: Told why there is no sandbox.
    """
    return Renderer(_provider(home, say), Shelf(home.database, home.blobs), scratch=scratch)


def drawing_provider(home: Home) -> tuple[SandboxProvider, tuple[str, str] | None]:
    """Where the project renders files, and what is wrong with it and mends it.

    Docker's sandboxes render in the image that was built for it, where that is there and no other is named.
    """
    options = home.settings.options
    if home.settings.sandbox == "docker" and options.docker_image is None:
        options = options.model_copy(update={"docker_image": renderer_image()})
    chosen = provider(home.settings.sandbox, home.state, options)
    try:
        return chosen, chosen.problem()
    except BadInput as error:
        return chosen, (error.what, error.mend or f"change {error.field}")


def _provider(home: Home, say: Callable[[str], None]) -> SandboxProvider | None:
    chosen, problem = drawing_provider(home)
    if problem is None:
        return chosen
    say(f"files are shown only as far as others have rendered them: {problem[0]}; to mend it: {problem[1]}")
    return None


async def render_ahead(home: Home, renderer: Renderer) -> None:
    """Until cancelled render what awaits review, one file at a time; then close the renderer."""
    seen: set[str] = set()
    try:
        while True:
            try:
                found = await in_thread(files_awaiting, home.database, FILES_AHEAD)
            except StoreFault:
                found = []  # asked again in a moment; whoever opens a file is told what is wrong
            await renderer.in_turn([file for file in found if file.sha256 not in seen])
            seen |= {file.sha256 for file in found}
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        await renderer.close()
