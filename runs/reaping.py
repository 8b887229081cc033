"""The reaper at work: when a run (or grading) begins, each minute while it goes on, and when it has ended.

It never stands in the way: the beginning waits for it for a bounded time, what fails is a warning, and a
provider that cannot be used here is not asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

from core import UpBenchError
from runs.records import Records
from sandbox import Reaped, SandboxProvider, Survey, Trouble, providers_written_down, reap, survey

EVERY_SECONDS = 60.0
BEGINNING_SECONDS = 20.0
END_SECONDS = 10.0
CHEAP = "bwrap"
_log = logging.getLogger("upbench.reaper")


class Reaper:
    """Removes what the dead processes of one project have left in its sandbox providers.

    Args:
        state: The project's data.
        records: Say which executions have not ended: their workspaces are wanted.
        open_provider: Gives the provider of a name.
        keep_workspaces: The workspaces of executions that have ended are wanted as well.
    """

    def __init__(
        self,
        state: Path,
        records: Records,
        open_provider: Callable[[str], SandboxProvider],
        *,
        keep_workspaces: bool = False,
    ) -> None:
        self._state, self._records, self._open = state, records, open_provider
        self._keep = keep_workspaces
        self._said: set[Trouble] = set()

    def wanted(self, workspace: str) -> bool:
        """Whether a workspace must stay though nobody holds it. Grading workspaces never must."""
        ended = self._records.has_ended(workspace)
        return ended is not None and (self._keep or not ended)

    async def reap(self, *own: SandboxProvider, names: Iterable[str] | None = None) -> Reaped:
        """Remove what is left over.

        Args:
            own: Providers that are open already.
            names: Of others to ask; default: those of whose workspaces something is written down, and bwrap,
                which costs nothing and whose control groups may outlive that. What was never used here is not
                even imported.
        """
        providers, failed = await self._providers(own, names)
        found = await reap(self._state, providers, self.wanted)
        return found.model_copy(update={"failed": (*failed, *found.failed)})

    async def survey(self, names: Iterable[str]) -> Survey:
        """What exists in the providers of these names, and how it stands."""
        providers, failed = await self._providers((), names)
        found = await survey(self._state, providers, self.wanted)
        return found.model_copy(update={"failed": (*failed, *found.failed)})

    async def _providers(
        self, own: Iterable[SandboxProvider], names: Iterable[str] | None
    ) -> tuple[list[SandboxProvider], list[Trouble]]:
        found = {one.name: one for one in own}
        failed = []
        for name in (*providers_written_down(self._state), CHEAP) if names is None else names:
            if name not in found:
                try:
                    found[name] = await asyncio.to_thread(self._open, name)  # SDKs are slow to import
                except UpBenchError as error:
                    failed.append(Trouble(provider=name, why=str(error)))
        return list(found.values()), failed

    @contextlib.asynccontextmanager
    async def at_work(self, *own: SandboxProvider) -> AsyncIterator[None]:
        """Reap at the beginning of the block, each minute within it, and at its end if it came to its end.

        Args:
            own: Providers that are open already.
        """
        first = asyncio.create_task(self._once(*own))
        # Trials come after it: a grading workspace that a dead process left may be one that they open.
        await asyncio.wait({first}, timeout=BEGINNING_SECONDS)
        going = asyncio.create_task(self._each_minute(first, *own))
        try:
            yield
        finally:
            await _end(first, going)
        last = asyncio.create_task(self._once(*own))
        await asyncio.wait({last}, timeout=END_SECONDS)
        await _end(last)

    async def _each_minute(self, first: asyncio.Task[None], *own: SandboxProvider) -> None:
        await asyncio.wait({first})
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self._once(*own)

    async def _once(self, *own: SandboxProvider) -> None:
        try:
            reaped = await self.reap(*own)
        except (UpBenchError, OSError) as error:
            names = ", ".join(provider.name for provider in own) or "sandboxes"
            reaped = Reaped(failed=(Trouble(provider=names, why=str(error)),))
        for trouble in reaped.failed:
            if trouble not in self._said:
                self._said.add(trouble)
                _log.warning("left over in %s: %s: %s", trouble.provider, trouble.id or "not listed", trouble.why)


async def _end(*tasks: asyncio.Task[None]) -> None:
    """End tasks of the reaper; a bug in one of them is no end of the work that it goes beside."""
    for task in tasks:
        task.cancel()
    for found in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(found, Exception):
            _log.error("the reaper failed", exc_info=found)
