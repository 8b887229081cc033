"""The renderer: one file, one sandbox, once; whoever asks meanwhile waits for the same."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from pydantic import Field, ValidationError

from core import (
    Cause,
    Deliverable,
    Fault,
    Frozen,
    SandboxFault,
    StoreFault,
    again_and_again,
    digest_of,
    digest_tree,
    in_thread,
)
from grading.checks.program import MADE, PROGRAM, ROOM, ProgramEnded, run_program
from grading.render.accept import LIMITS as MADE_LIMITS
from grading.render.accept import Refused, accepted
from grading.render.entries import Entries, Entry
from grading.render.model import Rendered, suffix_of
from grading.render.shelf import HOLD_SECONDS, TRIES, Shelf
from sandbox import SandboxLimits, SandboxProvider, toolbox_digest

MIB = 1 << 20
MAX_ANSWER = 32 * MIB
POLL_SECONDS = 0.5
AT_ONCE = 2
RECENT = 32
LIMITS = SandboxLimits(
    memory_bytes=4096 * MIB,
    processes=256,
    file_bytes=512 * MIB,
    workspace_bytes=2048 * MIB,
    command_seconds=600.0,
    output_bytes=16 * 1024,
)
# Faults of a sandbox that what runs in it may bring about.
OF_WHAT_RUNS = {Cause.sandbox_lost, Cause.sandbox_protocol, Cause.workspace_full}
NO_SANDBOX = "there is no sandbox here to read files in; download it to look at it"


class _Tools(Frozen):
    office: Annotated[str, Field(max_length=200)] | None
    media: Annotated[str, Field(max_length=200)] | None
    browser: Annotated[str, Field(max_length=200)] | None
    fonts: Annotated[str, Field(max_length=64)]


class Renderer:
    """Renders files in grading sandboxes. Belongs to one event loop; `close` it there.

    Args:
        provider: Opens the sandboxes; None: only what others have rendered is there.
        shelf: Where renderings are kept.
        scratch: A folder for what comes out of a sandbox.
        at_once: Sandboxes at one time for those who wait; what is made ahead has one.
    """

    def __init__(
        self, provider: SandboxProvider | None, shelf: Shelf, *, scratch: Path, at_once: int = AT_ONCE
    ) -> None:
        self._provider, self._shelf, self._scratch = provider, shelf, scratch
        self._holder = secrets.token_hex(8)
        self._gate, self._behind = asyncio.Semaphore(at_once), asyncio.Semaphore(1)
        self._entries = Entries(shelf.blobs, scratch, self._gate)
        self._asking = asyncio.Lock()
        self._digest: str | None = None
        self._recent: dict[tuple[str, str], Rendered] = {}
        self._known: set[tuple[str, str]] = set()
        self._work: dict[tuple[str, str], asyncio.Task[Rendered]] = {}
        self._ahead: set[asyncio.Task[None]] = set()

    @property
    def shelf(self) -> Shelf:
        """Where renderings are kept."""
        return self._shelf

    async def rendering_of(self, file: Deliverable) -> Rendered:
        """The rendering of a file, made now where nobody has made it yet.

        Raises:
            Fault: The sandbox or the store failed; a later call may do better.
        """
        return await asyncio.shield(self._begin(file))

    async def within(self, file: Deliverable, seconds: float) -> Rendered | None:
        """As `rendering_of`; None where it takes longer, and then it goes on."""
        if (recent := self._recent.get((file.sha256, suffix_of(file)))) is not None:
            return recent
        done, _ = await asyncio.wait([self._begin(file)], timeout=seconds)
        return done.pop().result() if done else None

    async def entry(self, archive: Deliverable, number: int, seconds: float) -> Entry | None:
        """An entry of an archive (from 0, as they are listed), to be rendered like any file; None: it goes on.

        Raises:
            Fault: The sandbox or the store failed; a later call may do better.
        """
        if self._provider is None:
            return Entry(problem=NO_SANDBOX)
        program = partial(run_program, self._provider, request=None, limits=LIMITS, max_answer=MIB)
        return await self._entries.within(program, archive, number, seconds)

    def ahead(self, files: Sequence[Deliverable]) -> None:
        """Render these beside other work, one at a time; what fails is tried again when it is asked for."""
        task = asyncio.create_task(self.in_turn(files))
        self._ahead.add(task)
        task.add_done_callback(self._ahead.discard)

    async def in_turn(self, files: Sequence[Deliverable]) -> None:
        """Render these one after the other, and nothing else ahead meanwhile."""
        for file in files:
            if (file.sha256, suffix_of(file)) not in self._known:
                async with self._behind:
                    await asyncio.wait([self._begin(file)])

    async def close(self) -> None:
        """End what is being made; somebody else makes it at once."""
        await self._entries.close()
        tasks = [*self._ahead, *self._work.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, file: Deliverable) -> asyncio.Task[Rendered]:
        key = (file.sha256, suffix_of(file))
        task = self._work.get(key)
        if task is None:
            task = self._work[key] = asyncio.create_task(self._rendered(*key))
            task.add_done_callback(lambda done: self._over(key, done))
        return task

    def _over(self, key: tuple[str, str], done: asyncio.Task[Rendered]) -> None:
        self._work.pop(key, None)
        # An exception is heard here, also where nobody waits for it any more.
        if done.cancelled() or done.exception() is not None or done.result().passing:
            return
        self._known.add(key)
        self._recent[key] = done.result()
        while len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]

    async def _rendered(self, sha256: str, suffix: str) -> Rendered:
        if self._provider is None:
            found = await in_thread(self._shelf.find, sha256, suffix, None)
            return found or Rendered(sha256=sha256, suffix=suffix, kind="text", problem=NO_SANDBOX, passing=True)
        renderer = await self._renderer(self._provider)
        while True:
            found = await in_thread(self._shelf.find, sha256, suffix, renderer)
            if found is not None:
                return found
            async with self._gate:
                held = (sha256, suffix, renderer, self._holder)
                if tries := await in_thread(self._shelf.claim, *held):
                    return await self._make(self._provider, held, last=tries >= TRIES)
            await asyncio.sleep(POLL_SECONDS)

    async def _make(self, provider: SandboxProvider, held: tuple[str, str, str, str], *, last: bool) -> Rendered:
        sha256, suffix, renderer, _ = held
        began = time.monotonic()
        kept = False
        try:
            async with again_and_again(lambda: in_thread(self._shelf.go_on, *held), HOLD_SECONDS / 3, _unheard):
                try:
                    rendered = await self._draw(provider, sha256, suffix)
                except SandboxFault as fault:
                    if not last or fault.cause not in OF_WHAT_RUNS:
                        raise
                    rendered = _stopped(sha256, suffix, f"its sandbox was lost each time: {fault.detail}")
            await in_thread(self._shelf.keep, rendered, renderer, self._holder, time.monotonic() - began)
            kept = True
            return rendered
        finally:
            if not kept:
                await in_thread(self._shelf.go_on, *held, 0.0)

    async def _draw(self, provider: SandboxProvider, sha256: str, suffix: str) -> Rendered:
        source = await in_thread(self._shelf.blobs.fetch, sha256)
        name = f"file{suffix}"
        with TemporaryDirectory(dir=self._scratch) as made:
            try:
                answer = await run_program(
                    provider,
                    key=f"view.{sha256[:12]}.{secrets.token_hex(4)}",
                    arguments=("view", f"{ROOM}/{name}", "--into", MADE),
                    mounts={name: source},
                    request=None,
                    limits=LIMITS,
                    max_answer=MAX_ANSWER,
                    made=(Path(made), MADE_LIMITS),
                )
                return await in_thread(
                    accepted, answer, Path(made), self._shelf.blobs, sha256=sha256, suffix=suffix
                )
            except (ProgramEnded, Refused) as ended:
                # The file has ended or bent what looked into it: that is said of it, and is no fault of ours.
                return _stopped(sha256, suffix, ended.detail)

    async def _renderer(self, provider: SandboxProvider) -> str:
        """The digest of all that decides how a file looks: program, toolbox, fonts and what else draws."""
        async with self._asking:
            if self._digest is None:
                answer = await run_program(
                    provider,
                    key=f"tools.{secrets.token_hex(4)}",
                    arguments=("tools",),
                    mounts={},
                    request=None,
                    limits=LIMITS,
                    max_answer=MIB,
                )
                try:
                    tools = _Tools.model_validate(answer)
                except ValidationError as error:
                    raise Fault(Cause.check_failed_to_run, "the list of tools is malformed") from error
                program = await in_thread(digest_tree, PROGRAM)
                self._digest = digest_of([program, toolbox_digest(), tools.model_dump()])
        return self._digest


def _stopped(sha256: str, suffix: str, why: str) -> Rendered:
    problem = f"what looked into it was stopped ({why})"[:600]
    return Rendered(sha256=sha256, suffix=suffix, kind="text", problem=problem, truncated=True, passing=True)


def _unheard(_: StoreFault) -> None:
    """A claim that could not be put off runs out after a minute; then another makes the same once more."""
