"""What an agent handed in before is shown within its workspace, read-only: a second try starts from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import Blobs
from sandbox import Mount, SandboxProvider, SandboxSpec, Tree, TreeLimits
from tests.sandbox.contract.helpers import Openings, sh

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def previous(tmp_path: Path) -> Path:
    folder = tmp_path / "previous"
    (folder / "sub").mkdir(parents=True)
    (folder / "total.csv").write_text("total\n59\n")
    (folder / "sub" / "note.txt").write_text("private to its owner")
    (folder / "sub" / "note.txt").chmod(0o600)
    return folder


async def test_the_previous_submission_is_read_only_within_the_workspace(
    openings: Openings, previous: Path
) -> None:
    spec = SandboxSpec(workspace=openings.key(), mounts=(Mount(source=previous, target="/job/previous"),))
    box = await openings(spec)
    result = await sh(box, "cat /job/previous/total.csv /job/previous/sub/note.txt")
    assert result.stdout.text == "total\n59\nprivate to its owner"
    for line in ("echo 60 > /job/previous/total.csv", "touch /job/previous/new", "rm -r /job/previous/sub"):
        assert (await sh(box, line)).exit_code != 0
    copied = await sh(box, "cp /job/previous/total.csv /job/deliverables/ && sed -i s/59/60/ /job/deliverables/*")
    assert copied.exit_code == 0
    assert (previous / "total.csv").read_text() == "total\n59\n"


async def test_it_is_there_again_when_the_workspace_is_and_nothing_of_it_is_collected(
    openings: Openings, made: SandboxProvider, previous: Path, tmp_path: Path
) -> None:
    spec = SandboxSpec(workspace=openings.key(), mounts=(Mount(source=previous, target="/job/previous"),))
    box = await openings(spec)
    assert (await sh(box, "cp /job/previous/total.csv /job/deliverables/mended.csv")).exit_code == 0
    await box.close()
    again = await openings(spec)
    result = await sh(again, "cat /job/previous/total.csv; ls /job/deliverables")
    assert result.stdout.text == "total\n59\nmended.csv\n"
    await again.close()
    (tmp_path / "out").mkdir()
    taken = await made.collect(spec.workspace, tmp_path / "out", TreeLimits())
    assert taken.files == ("mended.csv",)


async def test_no_snapshot_holds_it_and_it_is_there_where_one_is_put_back(
    openings: Openings, previous: Path, tmp_path: Path
) -> None:
    shown = (Mount(source=previous, target="/job/previous"),)
    store = Blobs(tmp_path / "blobs")
    box = await openings(SandboxSpec(workspace=openings.key(), mounts=shown))
    assert (await sh(box, "mkdir /job/mine && cp /job/previous/total.csv /job/mine/copy.csv")).exit_code == 0
    kept = await box.snapshot(Tree(), store)
    assert not [path for path in kept.tree.rows if path.startswith("previous")]
    assert "mine/copy.csv" in kept.tree.rows
    other = await openings(SandboxSpec(workspace=openings.key(), mounts=shown))
    await other.restore(kept.tree, store)
    result = await sh(other, "cat /job/mine/copy.csv /job/previous/total.csv")
    assert result.stdout.text == "total\n59\n" * 2


async def test_it_can_be_taken_out(openings: Openings, previous: Path, tmp_path: Path) -> None:
    spec = SandboxSpec(workspace=openings.key(), mounts=(Mount(source=previous, target="/job/previous"),))
    box = await openings(spec)
    (tmp_path / "out").mkdir()
    taken = await box.download("/job/previous", tmp_path / "out", TreeLimits())
    assert "total.csv" in taken.files
    assert (tmp_path / "out" / "total.csv").read_text() == "total\n59\n"
