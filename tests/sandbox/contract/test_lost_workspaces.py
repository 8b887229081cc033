"""A workspace that was lost with its machine, or is an old one, is made anew as the transcript tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents import SqlTranscript
from core import Blobs
from runs.snapshots import Snapshots, open_where_left
from sandbox import Sandbox, SandboxProvider, SandboxSpec
from sandbox.e2b import cloud
from sandbox.e2b.box import E2BSandbox
from tests.agents.support import Office
from tests.sandbox.contract.helpers import Openings, sh

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Work:
    """An execution's records, and its workspace under one key."""

    def __init__(self, made: SandboxProvider, key: str, folder: Path) -> None:
        self.made, self.spec = made, SandboxSpec(workspace=key)
        self.store = Blobs(folder / "snapshots")
        self.story: SqlTranscript = Office(folder).transcript()

    async def open(self) -> Sandbox:
        box = await open_where_left(
            lambda: self.made.open(self.spec),
            lambda: self.made.discard(self.spec.workspace),
            self.story,
            self.store,
        )
        if not self.story.events():
            self.story.append("assignment", {"workspace": box.info.workspace})
        return box

    async def step(self, box: Sandbox, line: str) -> None:
        assert (await sh(box, line)).exit_code == 0
        self.story.append(
            "snapshot", {**await Snapshots(box, self.story.events(), self.store).take(), "seconds": 0.0}
        )

    def restorations(self) -> int:
        return sum(event.kind == "restored" for event in self.story.events())


@pytest.mark.parametrize("behind_our_back", [False, True])
async def test_it_is_made_anew(
    openings: Openings, made: SandboxProvider, tmp_path: Path, behind_our_back: bool
) -> None:
    work = Work(made, openings.key(), tmp_path)
    box = await work.open()
    await work.step(box, "cd /job; echo a > log; mkdir empty")
    await work.step(box, "cd /job; echo b >> log; chmod 700 empty")
    await sh(box, "echo never kept > /job/late")
    if behind_our_back and isinstance(box, E2BSandbox):
        await cloud.kill(box.machine.sandbox_id)
    await box.close()
    if not behind_our_back:
        await made.discard(work.spec.workspace)
    again = await work.open()
    try:
        lost = not behind_our_back or isinstance(box, E2BSandbox)
        assert work.restorations() == lost
        assert (await sh(again, "cd /job; cat log; stat -c %a empty; ls")).stdout.text.split() == [
            *("a", "b", "700", "deliverables", "empty", "inputs"),
            *([] if lost else ["late"]),
            "log",
        ]
    finally:
        await again.close()
        await made.discard(work.spec.workspace)


async def test_an_old_one_that_is_still_alive_is_not_worked_in(
    openings: Openings, made: SandboxProvider, tmp_path: Path
) -> None:
    """Another machine went on meanwhile: what runs here and what lies here is old."""
    work = Work(made, openings.key(), tmp_path)
    box = await work.open()
    await work.step(box, "cd /job; echo a > log")
    await sh(box, "{ while :; do echo old >> /job/log; sleep 0.05; done; } &", keep=True)
    await box.close()
    work.story.append("restored", {"workspace": "of another machine", "files": 1, "bytes": 2})
    again = await work.open()
    try:
        assert (await again.read("/job/log", max_bytes=100)) == b"a\n"
        assert again.info.fresh
        assert work.restorations() == 2
    finally:
        await again.close()
        await made.discard(work.spec.workspace)
