"""The reaper: removes what sandboxes have left behind whose harness is dead, and never anything else.

For each resource of this owner, in this order: held by a living process, it stays; wanted (its execution can still
be resumed), it stays; belonging to no workspace, it stays while it is in use. All else is left over. Before any of
a workspace is removed, the reaper holds its lease, and asks again whether it is wanted: nobody opens it meanwhile.
A lease is taken before anything is made, so what is listed and being made at this moment is found held.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path

from core import Fault, Frozen, MissingTool, UpBenchError
from sandbox.leases.book import LeaseBook
from sandbox.leases.owner import NAME, owner_of
from sandbox.protocol import Resource, SandboxProvider

LIST_SECONDS = 30.0
REMOVE_SECONDS = 60.0
AT_ONCE = 8
# Volumes cannot go before the containers that use them.
LAST = ("workspace", "volume")

Wanted = Callable[[str], bool]


class Standing(StrEnum):
    """Why a resource stays, or that it is left over."""

    held = "held"
    wanted = "wanted"
    in_use = "in use"
    left_over = "left over"


class Found(Frozen):
    """A resource and how it stands."""

    resource: Resource
    standing: Standing


class Trouble(Frozen):
    """What could not be listed (`id` empty) or removed, and why."""

    provider: str
    id: str = ""
    why: str


class Reaped(Frozen):
    """What a reaper did.

    Attributes:
        failed: What could not be listed or removed; the rest was done all the same.
        not_asked: Providers that cannot be used here now, so that nothing is known of what they keep.
    """

    removed: tuple[Resource, ...] = ()
    failed: tuple[Trouble, ...] = ()
    not_asked: tuple[Trouble, ...] = ()


class Survey(Frozen):
    """What exists of this owner's, and how it stands."""

    found: tuple[Found, ...] = ()
    failed: tuple[Trouble, ...] = ()
    not_asked: tuple[Trouble, ...] = ()


async def reap(state: Path, providers: Sequence[SandboxProvider], wanted: Wanted) -> Reaped:
    """Remove what is left over of these providers' resources. Each failure is noted, and the rest goes on.

    Args:
        state: The project data whose owner they belong to.
        providers: As many as are asked, each for at most `LIST_SECONDS`.
        wanted: Whether a workspace must stay though nobody holds it.
    """
    if not (state / NAME).exists():
        return Reaped()  # nothing was ever made
    owner = owner_of(state)
    every = await asyncio.gather(*(_reap_one(state, owner, one, wanted) for one in providers))
    return Reaped(
        removed=tuple(one for some in every for one in some.removed),
        failed=tuple(one for some in every for one in some.failed),
        not_asked=tuple(one for some in every for one in some.not_asked),
    )


async def survey(state: Path, providers: Sequence[SandboxProvider], wanted: Wanted) -> Survey:
    """What exists of this owner's resources, and how each stands; nothing is changed."""
    if not (state / NAME).exists():
        return Survey()
    owner = owner_of(state)
    found: list[Found] = []
    failed: list[Trouble] = []
    not_asked: list[Trouble] = []
    for provider in providers:
        listed = await _listed(provider, owner)
        if isinstance(listed, Reaped):
            failed += listed.failed
            not_asked += listed.not_asked
            continue
        book = LeaseBook(state, provider.name)
        found += [Found(resource=one, standing=_standing(one, book, wanted)) for one in listed]
    return Survey(found=tuple(found), failed=tuple(failed), not_asked=tuple(not_asked))


def _standing(resource: Resource, book: LeaseBook, wanted: Wanted) -> Standing:
    if resource.workspace is None:
        return Standing.in_use if resource.running else Standing.left_over
    if book.held(resource.workspace):
        return Standing.held
    return Standing.wanted if wanted(resource.workspace) else Standing.left_over


async def _reap_one(state: Path, owner: str, provider: SandboxProvider, wanted: Wanted) -> Reaped:
    listed = await _listed(provider, owner)
    if isinstance(listed, Reaped):
        return listed
    return await _Round(provider, LeaseBook(state, provider.name), wanted).over(listed)


class _Round:
    """One look at one provider's resources, removing what is left over."""

    def __init__(self, provider: SandboxProvider, book: LeaseBook, wanted: Wanted) -> None:
        self._provider, self._book, self._wanted = provider, book, wanted
        self._removed: list[Resource] = []
        self._failed: list[Trouble] = []
        self._room = asyncio.Semaphore(AT_ONCE)

    async def over(self, listed: list[Resource]) -> Reaped:
        groups: dict[str, list[Resource]] = {name: [] for name in self._book.workspaces()}
        for one in listed:
            if one.workspace is not None:
                groups.setdefault(one.workspace, []).append(one)
        loose = [one for one in listed if one.workspace is None and not one.running]
        await asyncio.gather(
            *(self._workspace(name, resources) for name, resources in groups.items()),
            *(self._remove([one]) for one in loose),
        )
        return Reaped(removed=tuple(self._removed), failed=tuple(self._failed))

    async def _workspace(self, workspace: str, resources: list[Resource]) -> None:
        try:
            lease = None if self._wanted(workspace) else self._book.reclaim(workspace)
            if lease is None:
                return
            gone = False
            try:
                # Asked again: an execution may have begun before the lease was ours.
                if not self._wanted(workspace):
                    gone = await self._remove(resources)
            finally:
                lease.release(forget=gone)
        except Fault as fault:  # records or leases cannot be read: what nobody knows stays
            self._failed.append(Trouble(provider=self._provider.name, id=workspace, why=str(fault)))

    async def _remove(self, resources: list[Resource]) -> bool:
        """Remove some resources; whether all are gone."""
        gone = True
        async with self._room:
            for resource in sorted(resources, key=lambda one: (one.kind in LAST, one.kind, one.id)):
                try:
                    async with asyncio.timeout(REMOVE_SECONDS):
                        await self._provider.remove(resource)
                    self._removed.append(resource)
                except (UpBenchError, OSError) as error:  # a TimeoutError is an OSError
                    gone = False
                    trouble = Trouble(provider=self._provider.name, id=resource.id, why=_said(error))
                    self._failed.append(trouble)
        return gone


async def _listed(provider: SandboxProvider, owner: str) -> list[Resource] | Reaped:
    """The provider's resources that are this owner's, or why they are not known."""
    try:
        async with asyncio.timeout(LIST_SECONDS):
            return [one for one in await provider.resources() if one.owner == owner]
    except MissingTool as missing:
        return Reaped(not_asked=(Trouble(provider=provider.name, why=missing.what),))
    except (UpBenchError, OSError) as error:
        return Reaped(failed=(Trouble(provider=provider.name, why=_said(error)),))


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or "no answer in time"
