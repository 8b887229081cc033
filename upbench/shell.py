"""`runs shell TRIAL`: an attempt's workspace as it was, in a sandbox of its own.

What the agent's own workspace holds is copied, and never worked in: a look must not change what is graded, or what
a resume goes on with.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from agents import SqlTranscript
from core import BadInput, Blobs, Frozen, MissingTool, SandboxFault, StoreFault, Submission, in_thread
from runs import (
    PREVIOUS,
    AttemptRow,
    ExecutionRow,
    Records,
    Workplace,
    lay_out,
    lay_out_previous,
    own_folder,
)
from sandbox import Mount, Sandbox, SandboxSpec, Tree, tree_of
from upbench.home import Home
from upbench.wiring import jobs_of, open_workplace

Source = Literal["workspace", "snapshot", "submission", "inputs"]
SAYS: dict[Source, str] = {
    "workspace": "a copy of the workspace as it was left",
    "snapshot": "the workspace as it was last kept",
    "submission": "what was handed in, and the inputs (the setting keep_workspaces keeps all of it)",
    "inputs": "the inputs alone: nothing else of it is kept",
}
OUTPUT_BYTES = 64 << 20


class Look(Frozen):
    """What is looked at: which execution of which attempt, and where what lies in `/job` comes from."""

    attempt: str
    execution: str
    source: Source

    @property
    def says(self) -> str:
        """In a line."""
        return f"{self.execution}: {SAYS[self.source]}"


@asynccontextmanager
async def look_into(home: Home, trial: str) -> AsyncIterator[tuple[Look, Sandbox]]:
    """An open sandbox with the workspace of an attempt; removed at the end of the block.

    Args:
        home: The project.
        trial: Its id (its last attempt that was begun), an attempt's, or an execution's.

    Raises:
        BadInput: There is none, or it was not begun, or it is at work and nothing of it is kept yet.
        MissingTool: Its sandboxes cannot be used here. SandboxFault: The sandbox is lost.
    """
    attempt, execution = _chosen(home, trial)
    place = _place(home, attempt)
    with own_folder(place.scratch):
        look = _Looking(place, attempt, execution)
        with TemporaryDirectory(dir=place.scratch) as folder:
            sandbox, source = await look.opened(Path(folder))
            try:
                yield Look(attempt=attempt.id, execution=execution.id, source=source), sandbox
            finally:
                await sandbox.close()
                await place.provider.discard(look.name)


def _chosen(home: Home, trial: str) -> tuple[AttemptRow, ExecutionRow]:
    records = Records(home.database)
    attempts = records.attempts_of_trial(trial)
    executions = records.executions([attempt.id for attempt in attempts])
    wanted = [one for one in executions if trial in (one.id, one.attempt, one.attempt.split(".")[0])]
    if not wanted:
        what = "no such attempt, or it was not begun"
        raise BadInput(
            f"{trial!r}: {what}", field="TRIAL", mend=f"`upbench runs why {attempts[0].trial}` names them"
        )
    by_id = {attempt.id: attempt for attempt in attempts}
    last = max(wanted, key=lambda one: (by_id[one.attempt].k, one.started, one.e))
    return by_id[last.attempt], last


def _place(home: Home, attempt: AttemptRow) -> Workplace:
    row = Records(home.database).run(attempt.run)
    jobs = jobs_of(home, row, snapshot=True)
    place = open_workplace(home, row.id, row.config, jobs, options=row.options, execute=False, here=False)
    problem = place.provider.problem()
    if problem is not None:
        raise MissingTool(problem[0], mend=problem[1])
    return place


class _Looking:
    def __init__(self, place: Workplace, attempt: AttemptRow, execution: ExecutionRow) -> None:
        self._place, self._attempt, self._execution = place, attempt, execution
        self.name = f"shell-{attempt.id}-{secrets.token_hex(3)}"

    async def opened(self, scratch: Path) -> tuple[Sandbox, Source]:
        shown = self._previous(scratch)
        copies = Blobs(scratch / "copies")
        tree = await self._copied(copies, shown)
        if tree is not None:
            return await self._restored(tree, copies, shown), "workspace"
        if (kept := self._kept()) is not None:
            try:
                return await self._restored(*kept, shown), "snapshot"
            except StoreFault:  # what an attempt no longer needs once it has ended goes
                await self._place.provider.discard(self.name)
        if self._execution.cause is None and self._held:
            mend = "wait until it has ended, or stop the run first"
            raise BadInput(f"{self._execution.id} is at work", field="TRIAL", mend=mend)
        return await self._handed_in(scratch / "submission", shown)

    _held = False

    def _previous(self, scratch: Path) -> tuple[Mount, ...]:
        if self._attempt.parent is None:
            return ()
        folder = scratch / "previous"
        folder.mkdir()
        lay_out_previous(self._place.records.attempt(self._attempt.parent), self._place.blobs, folder)
        return (Mount(source=folder, target=PREVIOUS),)

    def _spec(self, workspace: str, shown: tuple[Mount, ...]) -> SandboxSpec:
        limits = self._place.config.sandbox_limits
        return SandboxSpec(
            workspace=workspace,
            inputs=self._place.jobs[self._attempt.job].inputs_dir,
            mounts=shown,
            limits=limits.model_copy(update={"output_bytes": max(limits.output_bytes, OUTPUT_BYTES)}),
            labels={"run": self._attempt.run, "trial": self._attempt.trial},
        )

    async def _copied(self, store: Blobs, shown: tuple[Mount, ...]) -> Tree | None:
        """All that lies in the agent's own workspace; None where it is gone, or somebody holds it."""
        provider, name = self._place.provider, self._execution.id
        if not any(one.workspace == name for one in await provider.resources()):
            return None
        try:
            sandbox = await provider.open(self._spec(name, shown))
        except SandboxFault:
            self._held = True
            return None
        fresh = sandbox.info.fresh
        try:
            return None if fresh else (await sandbox.snapshot(Tree(), store)).tree
        finally:
            await sandbox.close()
            if fresh:
                await provider.discard(name)

    def _kept(self) -> tuple[Tree, Blobs] | None:
        store = self._place.snapshots_of(self._execution.id)
        events = SqlTranscript(self._place.database, self._place.blobs, self._execution.id).events()
        bodies = [event.body for event in events if event.kind == "snapshot"]
        return None if store is None or not bodies else (tree_of(bodies), store)

    async def _restored(self, tree: Tree, store: Blobs, shown: tuple[Mount, ...]) -> Sandbox:
        sandbox = await self._place.provider.open(self._spec(self.name, shown))
        done = False
        try:
            await sandbox.restore(tree, store)
            done = True
            return sandbox
        finally:
            if not done:
                await sandbox.close()

    def _lay_out(self, submission: Submission, folder: Path) -> None:
        folder.mkdir()
        lay_out(submission, self._place.blobs, folder)

    async def _handed_in(self, folder: Path, shown: tuple[Mount, ...]) -> tuple[Sandbox, Source]:
        sandbox = await self._place.provider.open(self._spec(self.name, shown))
        submission = self._attempt.submission
        if submission is None or not submission.files:
            return sandbox, "inputs"
        await in_thread(self._lay_out, submission, folder)
        await sandbox.upload(folder, "/job/deliverables")
        return sandbox, "submission"
