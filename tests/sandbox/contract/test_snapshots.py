"""What was kept of a workspace is put back in another one as it was."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from core import Blobs, StoreFault, canonical_json
from sandbox import Command, Kept, Mount, Sandbox, SandboxSpec, Tree, tree_of
from tests.sandbox.contract.helpers import Openings, sh

pytestmark = pytest.mark.asyncio(loop_scope="session")

WORK = """
cd /job
mkdir -p empty deep/er/est 'na me'
echo one > deliverables/report.txt
printf '#!/bin/sh\\necho ran\\n' > run.sh; chmod 750 run.sh
head -c 300000 /dev/zero | tr '\\0' x > deep/er/est/large
: > 'na me/no bytes'
ln -s deliverables/report.txt inside
ln -s /etc/passwd outside
ln -s nowhere/at/all dangling
ln run.sh deep/other-name
chmod 700 deep/er
touch -d '2001-02-03 04:05:06.789' deliverables/report.txt
touch -d '2002-02-03 04:05:06.789' empty
touch -h -d '2003-02-03 04:05:06' inside
python3 -c "open(b'/job/odd-\\xff', 'w').write('odd')"
"""
LOOK = """
import hashlib, json, os, stat
found = {}
for folder, folders, files in os.walk(b'/job'):
    if folder == b'/job':
        folders.remove(b'inputs')
    for name in folders + files:
        path = os.path.join(folder, name)
        s = os.lstat(path)
        what = ''
        if stat.S_ISLNK(s.st_mode):
            what = os.readlink(path).decode()
        elif stat.S_ISREG(s.st_mode):
            what = hashlib.sha256(open(path, 'rb').read()).hexdigest()
        found[path.decode('latin-1')] = [oct(s.st_mode), s.st_mtime_ns // 1000, what]
print(json.dumps(found))
"""


async def look(box: Sandbox) -> dict[str, list[object]]:
    result = await box.run(Command(argv=("python3", "-S", "-c", LOOK), cwd="/"))
    found: dict[str, list[object]] = json.loads(result.stdout.head)
    return found


async def moved(openings: Openings, kept: Kept, store: Blobs) -> Sandbox:
    """Another workspace with what was kept, which was written down and read meanwhile."""
    other = await openings()
    assert other.info.fresh
    await other.restore(tree_of([json.loads(canonical_json(kept.body))]), store)
    return other


async def test_all_is_put_back_as_it_was(openings: Openings, tmp_path: Path) -> None:
    box, store = await openings(), Blobs(tmp_path / "blobs")
    assert (await sh(box, WORK)).exit_code == 0
    kept = await box.snapshot(Tree(), store)
    assert kept.body["files"] == 6
    assert "left_out" not in kept.body
    other = await moved(openings, kept, store)
    there, here = await look(other), await look(box)
    assert there == here
    assert here["/job/outside"][2] == "/etc/passwd"
    links = await sh(other, "cd /job; ./run.sh; echo more >> run.sh; tail -1 deep/other-name")
    assert links.stdout.text == "ran\nmore\n"


async def test_only_what_changed_is_kept_anew(openings: Openings, tmp_path: Path) -> None:
    box, store = await openings(), Blobs(tmp_path / "blobs")
    await sh(box, WORK)
    await asyncio.sleep(0.1)
    first = await box.snapshot(Tree(), store)
    assert (await box.snapshot(first.tree, store)).body == {}
    await sh(box, "cd /job; echo two >> deliverables/report.txt; rm -r empty; chmod 640 run.sh")
    second = await box.snapshot(first.tree, store)
    changed = {row[0] for row in second.body["changed"]}
    assert changed == {"deliverables/report.txt", "run.sh", "deep/other-name"}
    assert second.body["gone"] == ["empty"]
    assert second.body["stored"] == len("one\ntwo\n")
    whole = tree_of([first.body, second.body])
    assert whole.rows.keys() == second.tree.rows.keys()
    other = await openings()
    there = await other.restore(whole, store)
    assert await look(other) == await look(box)
    again = await other.snapshot(there.tree, store)
    assert again.body == {}, "what was put back is not read again"


async def test_bytes_are_seen_to_change_whatever_times_say(openings: Openings, tmp_path: Path) -> None:
    box, store = await openings(), Blobs(tmp_path / "blobs")
    await sh(box, "cd /job; echo aaaa > f; touch -d 2001-01-01 f; sleep 0.1")
    first = await box.snapshot(Tree(), store)
    await sh(box, "cd /job; printf bbbb | dd of=f conv=notrunc status=none; touch -d 2001-01-01 f")
    second = await box.snapshot(first.tree, store)
    assert [row[0] for row in second.body["changed"]] == ["f"]
    other = await moved(openings, second, store)
    assert await other.read("/job/f", max_bytes=9) == b"bbbb\n"


async def test_bytes_that_change_within_a_tick_of_the_clock_are_seen(openings: Openings, tmp_path: Path) -> None:
    box, store = await openings(), Blobs(tmp_path / "blobs")
    tree = Tree()
    for number in range(10):
        await box.write("/job/f", b"%d" % number)
        tree = (await box.snapshot(tree, store)).tree
        other = tree_of([])
        assert tree.rows["f"].size == 1
        assert other.rows == {}
    await box.write("/job/f", b"x")
    kept = await box.snapshot(tree, store)
    copy = await moved(openings, kept, store)
    assert await copy.read("/job/f", max_bytes=9) == b"x"


async def test_a_file_that_is_being_written_is_kept_in_the_end(openings: Openings, tmp_path: Path) -> None:
    box, store = await openings(), Blobs(tmp_path / "blobs")
    await sh(box, "{ while :; do printf %900s x; sleep 0.002; done > log; } & echo $! > pid", keep=True)
    tree = Tree()
    for _ in range(5):
        kept = await box.snapshot(tree, store)
        tree = kept.tree
    await sh(box, "kill $(cat /job/pid); sleep 0.1")
    kept = await box.snapshot(tree, store)
    said = await box.run(Command(argv=("stat", "-c", "%s", "/job/log")))
    assert kept.tree.rows["log"].size == int(said.stdout.text)


async def test_what_cannot_be_kept_is_named(openings: Openings, tmp_path: Path) -> None:
    box, store = await openings(), Blobs(tmp_path / "blobs")
    await sh(box, "cd /job; mkfifo pipe; echo x > x")
    kept = await box.snapshot(Tree(), store)
    assert kept.body["left_out"] == [["pipe", "not a regular file"]]
    assert "x" in kept.tree.rows
    other = await moved(openings, kept, store)
    assert (await other.read("/job/x", max_bytes=9)) == b"x\n"


async def test_what_is_shown_is_not_kept(openings: Openings, tmp_path: Path) -> None:
    store, folder = Blobs(tmp_path / "blobs"), tmp_path / "previous"
    folder.mkdir()
    (folder / "old.txt").write_text("old")
    shown = {"inputs": folder, "mounts": (Mount(source=folder, target="/job/previous"),)}
    box = await openings(SandboxSpec(workspace=openings.key(), **shown))
    await sh(box, "mkdir mine; cp previous/old.txt mine/")
    kept = await box.snapshot(Tree(), store)
    assert set(kept.tree.rows) == {"deliverables", "mine", "mine/old.txt"}
    other = await openings(SandboxSpec(workspace=openings.key(), **shown))
    assert "left_out" not in (await other.restore(kept.tree, store)).body
    assert (await sh(other, "cat mine/old.txt previous/old.txt")).stdout.text == "oldold"


async def test_damaged_bytes_are_not_put_back(openings: Openings, tmp_path: Path) -> None:
    box, store = await openings(), Blobs(tmp_path / "blobs")
    await sh(box, "head -c 200000 /dev/urandom > /job/large")
    kept = await box.snapshot(Tree(), store)
    (sha256,) = kept.tree.blobs()
    store.path(sha256).write_bytes(b"other")
    other = await openings()
    with pytest.raises(StoreFault):
        await other.restore(kept.tree, Blobs(tmp_path / "blobs"))


async def test_workspaces_have_names(openings: Openings) -> None:
    key = openings.key()
    first = await openings(SandboxSpec(workspace=key))
    assert first.info.fresh
    assert first.info.workspace
    await first.close()
    again = await openings(SandboxSpec(workspace=key))
    assert (again.info.fresh, again.info.workspace) == (False, first.info.workspace)
    await again.close()
    await openings.made.discard(key)
    other = await openings(SandboxSpec(workspace=key))
    assert other.info.fresh
    assert other.info.workspace != first.info.workspace
