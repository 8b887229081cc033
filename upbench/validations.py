"""The projects of `jobs validate`: temporary folders; what a killed one left is removed by the next command."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core import UpBenchError
from runs import left_behind, own_folder
from sandbox import ProviderOptions, Reaped, provider, providers_written_down, reap, remove_tree

PREFIX = "upbench-validate-"
HOME = Path("home")
SECONDS = 15.0


@contextmanager
def own_project() -> Iterator[Path]:
    """A project folder for the length of the block, whose data is to lie below `HOME`."""
    with own_folder(Path(tempfile.mkdtemp(prefix=PREFIX))) as folder:
        yield folder


async def reap_validations(options: ProviderOptions | None = None) -> list[Reaped]:
    """Remove what killed validations of this user left; what cannot be removed now is left to the next time."""
    done: list[Reaped] = []
    for folder in _own_folders():
        try:
            async with asyncio.timeout(SECONDS):
                done += await _reap_one(folder, options)
        except (UpBenchError, OSError):  # a TimeoutError is an OSError
            continue
    return done


async def _reap_one(folder: Path, options: ProviderOptions | None) -> list[Reaped]:
    with left_behind(folder) as dead:
        if not dead:
            return []
        state = folder / HOME
        names = providers_written_down(state)
        providers = [await asyncio.to_thread(provider, name, state, options) for name in names]
        done = await reap(state, providers, lambda _workspace: False)
        if not done.failed and not done.not_asked:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(remove_tree, folder)
    return [done]


def _own_folders() -> list[Path]:
    """Folders of that name that this user has made, and no links."""
    found = []
    for folder in sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}*")):
        with contextlib.suppress(FileNotFoundError):
            about = folder.lstat()
            if stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid():
                found.append(folder)
    return found
