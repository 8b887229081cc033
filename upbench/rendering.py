"""Rendering for reviewers and judges: the project's renderer, and what is rendered before anybody asks."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from core import BadInput, StoreFault, in_thread
from grading import Renderer, Shelf, files_awaiting
from runs import DiskGuard, Level, own_folder, places_of
from sandbox import provider, renderer_image

if TYPE_CHECKING:
    from sandbox import SandboxProvider
    from upbench.home import Home

LOOK_SECONDS = 5.0
FILES_AHEAD = 500
BUSY_SECONDS = 300.0
"""So long a worker on a busy machine lets a file wait, before it renders it all the same."""

_log = logging.getLogger("upbench.rendering")


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


@asynccontextmanager
async def rendering_ahead(home: Home) -> AsyncIterator[None]:
    """Within the block a worker renders what awaits review, one file at a time, in time that it has to spare.

    Rendering has sandboxes of its own and no part in any round: trials never wait for it. Nothing is rendered
    where there is no sandbox, or while the disk is full.
    """
    scratch = home.state / "scratch" / f"rendering-{os.getpid()}"
    chosen, problem = drawing_provider(home)
    if problem is not None:
        _log.info("nothing is rendered ahead here: %s", problem[0])
        yield
        return
    with own_folder(scratch):
        renderer = Renderer(chosen, Shelf(home.database, home.blobs), scratch=scratch)
        guard = DiskGuard(places_of(home.state, chosen.name))
        working = asyncio.create_task(render_ahead(home, renderer, spare=lambda: until_spare(guard)))
        try:
            yield
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


async def until_spare(guard: DiskGuard) -> None:
    """Return when the machine has room, and has time or was busy for `BUSY_SECONDS`."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        time_to_spare = not is_busy() or time.monotonic() >= until
        if time_to_spare and guard.look().level is Level.ok:
            return
        await asyncio.sleep(LOOK_SECONDS)


def is_busy() -> bool:
    """Whether every processor here has something to do."""
    return os.getloadavg()[0] >= (os.cpu_count() or 1)


async def render_ahead(
    home: Home, renderer: Renderer, *, spare: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Until cancelled render what awaits review, one file at a time; then close the renderer.

    Args:
        home: The project.
        renderer: Closed at the end.
        spare: Waited for before each file. Those who wait so take the files in any order: they are several.
    """
    seen: set[str] = set()
    try:
        while True:
            try:
                found = await in_thread(files_awaiting, home.database, FILES_AHEAD)
            except StoreFault:
                found = []  # asked again in a moment; whoever opens a file is told what is wrong
            new = [file for file in found if file.sha256 not in seen]
            if spare is not None:
                random.shuffle(new)
            for file in new:
                if spare is not None:
                    await spare()
                await renderer.in_turn([file])
            seen |= {file.sha256 for file in found}
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        await renderer.close()
