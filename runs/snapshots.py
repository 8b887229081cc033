"""Keeping an execution's workspace, and putting it back where it was lost.

The transcript names the workspace that it was written against: first in `assignment`, then in every `restored`.
One with another name (on a machine that never had it, or that had it before another went on) is not what the agent
worked in. It is discarded and made anew, and `/job` is put back from the snapshots that the transcript tells of;
`restored` is written when all of it is there, so that one which was cut off in the middle is made anew as well.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from agents import Event, Transcript
from core import Blobs, Cause, SandboxFault
from sandbox import Sandbox, Taken, Tree, TreeLimits, kept_files, tree_of

Open = Callable[[], Awaitable[Sandbox]]
Discard = Callable[[], Awaitable[None]]


class Snapshots:
    """The snapshots of one execution, while its sandbox is open.

    Args:
        sandbox: Open, its `/job` as the transcript tells.
        events: What its transcript tells so far.
        store: Where the bytes go; one that this execution alone uses can be removed with it.
        forget: Given the sha256 of blobs that no later snapshot needs, once that is certain: only for a store that
            nothing else uses. None: all are kept.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        events: Sequence[Event],
        store: Blobs,
        forget: Callable[[set[str]], object] | None = None,
    ) -> None:
        self._sandbox, self._store, self._forget = sandbox, store, forget
        self._tree = _told(events)
        self._needed = self._tree.blobs()
        self._unneeded: set[str] = set()

    async def take(self) -> dict[str, Any]:
        """Keep `/job` as it is now. Returns what the event `snapshot` is to say; nothing where nothing changed.

        What it returns is taken as written: after a failure to write it, no other may be taken.

        Raises:
            SandboxFault: The sandbox is lost. StoreFault: The bytes cannot be kept.
        """
        if self._unneeded and self._forget is not None:  # the last snapshot has been written by now
            await asyncio.to_thread(self._forget, self._unneeded)
            self._unneeded = set()
        kept = await self._sandbox.snapshot(self._tree, self._store)
        self._tree = kept.tree
        if self._forget is not None and kept.body:
            needed = kept.tree.blobs()
            self._needed, self._unneeded = needed, self._needed - needed
        return kept.body


async def open_where_left(open_it: Open, discard: Discard, transcript: Transcript, store: Blobs) -> Sandbox:
    """Open the workspace of an execution as its transcript left it.

    Args:
        open_it: Opens the execution's workspace.
        discard: Removes it.
        transcript: Of the execution; gets an event `restored` where `/job` was put back.
        store: Where the bytes of its snapshots are.

    Raises:
        SandboxFault: As `open_it`; and `sandbox_lost` where the workspace is lost, its agent had changed something
            in it, and no snapshot was kept.
        StoreFault: Bytes of the snapshots are missing or damaged.
    """
    events = await transcript.read()
    name = _workspace(events)
    try:
        sandbox = await open_it()
    except SandboxFault as fault:
        if fault.cause is not Cause.sandbox_lost or name is None:
            raise
        sandbox = await open_it()  # what held the workspace is gone, and that has been said
    if name is None or sandbox.info.workspace in (None, name):
        return sandbox
    done = False
    try:
        if not sandbox.info.fresh:
            await sandbox.close()
            await discard()
            sandbox = await open_it()
        await _put_back(sandbox, events, transcript, store)
        done = True
        return sandbox
    finally:
        if not done:
            await sandbox.close()


async def _put_back(sandbox: Sandbox, events: Sequence[Event], transcript: Transcript, store: Blobs) -> None:
    begun = time.monotonic()
    snapshots = [event.seq for event in events if event.kind == "snapshot"]
    if not snapshots and _has_worked(events):
        raise SandboxFault(Cause.sandbox_lost, "the workspace is gone, and no snapshot of it was kept")
    kept = await sandbox.restore(_told(events), store)
    where = {"workspace": sandbox.info.workspace, "snapshot": snapshots[-1] if snapshots else None}
    await transcript.add("restored", {**kept.body, **where, "seconds": round(time.monotonic() - begun, 3)})


def deliverables_kept(transcript: Transcript, store: Blobs, target: Path, limits: TreeLimits) -> Taken | None:
    """What the last snapshot holds of `/job/deliverables`, copied to the host folder `target`, without a sandbox.

    For an execution whose work is done and whose workspace is on another machine, or gone. Waits.

    Returns:
        As `SandboxProvider.collect`; None where no snapshot was kept.

    Raises:
        StoreFault: Bytes are missing or damaged.
    """
    events = transcript.events()
    if not any(event.kind == "snapshot" for event in events):
        return None
    return kept_files(_told(events), "deliverables", store, target, limits)


def _told(events: Sequence[Event]) -> Tree:
    """All that is kept, as the events tell."""
    return tree_of(event.body for event in events if event.kind == "snapshot")


def _workspace(events: Sequence[Event]) -> str | None:
    """The name of the workspace that the events were written against; None: they name none."""
    names = [event.body.get("workspace") for event in events if event.kind in {"assignment", "restored"}]
    last = names[-1] if names else None
    return last if isinstance(last, str) else None


def _has_worked(events: Sequence[Event]) -> bool:
    """A tool call came to its end that may have changed something."""
    changes = True
    for event in events:
        if event.kind == "tool_started":
            changes = event.body.get("changes", True)
        elif event.kind == "tool_done" and changes:
            return True
    return False
