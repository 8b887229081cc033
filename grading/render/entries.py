"""Entries of archives, each taken out in a sandbox when it is asked for; then it is a file like any other."""

from __future__ import annotations

import asyncio
import mimetypes
import re
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from pydantic import Field, ValidationError

from core import Blobs, Deliverable, Frozen, in_thread
from grading.checks.program import MADE, ROOM, ProgramEnded
from grading.render.accept import MIB
from grading.render.model import suffix_of
from sandbox import TreeLimits

LIMITS = TreeLimits(max_files=1, max_file_bytes=64 * MIB, max_total_bytes=64 * MIB, max_depth=1)
KEPT = 512
_ENTRY = "entry"

Program = Callable[..., Awaitable[object]]
"""`run_program` with all but `key`, `arguments`, `mounts` and `made`."""


class Entry(Frozen):
    """An entry of an archive: a file under its own name, or the reason why it cannot be looked at."""

    file: Deliverable | None = None
    problem: str | None = None


class _Said(Frozen):
    name: Annotated[str, Field(max_length=300)]
    problem: Annotated[str, Field(max_length=600)] | None


class Entries:
    """Takes entries out of archives. Their bytes are kept as blobs; where each lies is forgotten with the process.

    Args:
        blobs: Where archives and entries lie.
        scratch: A folder for what comes out of a sandbox.
        gate: Bounds how many sandboxes there are.
    """

    def __init__(self, blobs: Blobs, scratch: Path, gate: asyncio.Semaphore) -> None:
        self._blobs, self._scratch, self._gate = blobs, scratch, gate
        self._known: dict[tuple[str, int], Entry] = {}
        self._work: dict[tuple[str, int], asyncio.Task[Entry]] = {}

    async def within(self, program: Program, archive: Deliverable, number: int, seconds: float) -> Entry | None:
        """The entry (`number` from 0, as it is listed), or None where it takes longer; then it goes on.

        Raises:
            Fault: The sandbox or the store failed; a later call may do better.
        """
        key = (archive.sha256, number)
        known = self._known.get(key)
        # A blob that nobody refers to may be swept away; then it is taken out once more.
        if known is not None and (known.file is None or await in_thread(self._blobs.has, known.file.sha256)):
            return known
        task = self._work.get(key)
        if task is None:
            task = self._work[key] = asyncio.create_task(self._taken(program, archive, number))
            task.add_done_callback(lambda done: self._over(key, done))
        done, _ = await asyncio.wait([task], timeout=seconds)
        return task.result() if done else None

    async def close(self) -> None:
        """End what is being taken out."""
        tasks = [*self._work.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _over(self, key: tuple[str, int], done: asyncio.Task[Entry]) -> None:
        self._work.pop(key, None)
        if not done.cancelled() and done.exception() is None:
            self._known[key] = done.result()
            while len(self._known) > KEPT:
                del self._known[next(iter(self._known))]

    async def _taken(self, program: Program, archive: Deliverable, number: int) -> Entry:
        source = await in_thread(self._blobs.fetch, archive.sha256)
        name = f"file{suffix_of(archive)}"
        async with self._gate:
            with TemporaryDirectory(dir=self._scratch) as made:
                try:
                    answer = await program(
                        key=f"entry.{archive.sha256[:12]}.{secrets.token_hex(4)}",
                        arguments=("unpack", f"{ROOM}/{name}", str(number), "--into", MADE),
                        mounts={name: source},
                        made=(Path(made), LIMITS),
                    )
                except ProgramEnded as ended:
                    return Entry(problem=f"what took it out was stopped ({ended.detail})")
                return await in_thread(self._kept, answer, Path(made) / _ENTRY, number)

    def _kept(self, answer: object, made: Path, number: int) -> Entry:
        """What left the sandbox as a file: its bytes under their digest, its name made harmless. Blocks."""
        try:
            said = _Said.model_validate(answer)
        except ValidationError:
            return Entry(problem="what took it out gave no answer that can be read")
        if said.problem is not None or not made.is_file():
            return Entry(problem=said.problem or "it did not leave the sandbox")
        path = _named(said.name, number)
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        size = made.stat().st_size
        sha256 = self._blobs.put_file(made)
        return Entry(file=Deliverable(path=path, size=size, media_type=kind, sha256=sha256))


def _named(name: str, number: int) -> str:
    last = re.split(r"[\\/]", name)[-1]
    plain = "".join(char if char.isprintable() else "_" for char in last).strip()[-150:]
    return f"entry-{number}" if plain in {"", ".", ".."} else plain
