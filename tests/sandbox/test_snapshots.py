"""Snapshots of workspaces whose sandbox lies, and of workspaces that are made to cost."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from core import Blobs, Cause, SandboxFault, StoreFault
from sandbox import Tree, tree_of
from sandbox.snapshots.host import HostHands
from sandbox.snapshots.take import put_back, take
from sandbox.snapshots.tree import SnapshotLimits
from sandbox.snapshots.wire import WireHands
from sandbox.supervisor.client import Wire

LIMITS = SnapshotLimits(max_entries=50, max_file_bytes=100_000, max_total_bytes=250_000, max_depth=3)
FILE = b"f 644 1 1 1 1 1"
ANSWER = list[tuple[bytes, bytes, bytes]]


class Liar:
    """A wire whose other end answers as it likes."""

    def __init__(self, answer: Callable[[list[bytes]], ANSWER]) -> None:
        self.answer, self.asked = answer, 0

    async def scan(self, root: bytes, most: int, folders: Sequence[bytes]) -> tuple[int, ANSWER]:
        self.asked += 1
        return 10**18, self.answer(list(folders))

    async def read_part(self, path: bytes, offset: int, length: int) -> bytes:
        return b"x" * length

    def fail(self, fault: SandboxFault) -> SandboxFault:
        return fault


def hands(answer: Callable[[list[bytes]], ANSWER], folder: Path) -> WireHands:
    return WireHands(cast(Wire, Liar(answer)), folder, frozenset({"inputs"}))


LIES: dict[str, ANSWER] = {
    "climbs": [(FILE, b"..", b"")],
    "is elsewhere": [(FILE, b"other/f", b"")],
    "is absolute": [(FILE, b"/etc/passwd", b"")],
    "has no name": [(FILE, b"", b"")],
    "holds a NUL": [(FILE, b"a\0b", b"")],
    "is there twice": [(FILE, b"a", b""), (FILE, b"a", b"")],
    "has no facts": [(b"", b"a", b"")],
    "has odd facts": [(b"f 999 1 1 1 1 1", b"a", b"")],
    "has endless facts": [(b"f 644 " + b"9" * 40 + b" 1 1 1 1", b"a", b"")],
    "has a long target": [(b"l 777 1 1 1 1 1", b"a", b"t" * 5000)],
    "is put off for ever": [(b"p", b"", b"")],
    "cannot be read, twice": [(b"u", b"", b""), (b"u", b"", b"")],
    "was not asked for": [(b"p", b"a", b"")],
    "cannot be read": [(b"u", b"a", b"")],
}


@pytest.mark.parametrize("lie", LIES, ids=str)
async def test_what_makes_no_sense_is_not_believed(lie: str, tmp_path: Path) -> None:
    with pytest.raises(SandboxFault) as fault:
        await hands(lambda _: LIES[lie], tmp_path).look(LIMITS)
    assert fault.value.cause is Cause.sandbox_protocol


async def test_folders_without_end_come_to_an_end(tmp_path: Path) -> None:
    def deeper(folders: list[bytes]) -> ANSWER:
        names = (b"%s/%d" % (one, n) if one else b"%d" % n for one in folders for n in range(20))
        return [(b"d 755 0 1 1 1 1", name, b"") for name in names]

    seen = await hands(deeper, tmp_path).look(LIMITS)
    assert len(seen.rows) <= LIMITS.max_entries
    assert seen.left_out


async def test_folders_that_are_put_off_come_to_an_end(tmp_path: Path) -> None:
    def later(folders: list[bytes]) -> ANSWER:
        if folders == [b""]:
            return [(b"d 755 0 1 1 1 1", b"%d" % number, b"") for number in range(20)]
        return [(b"p", one, b"") for one in folders[1:]] * 100

    liar = hands(later, tmp_path)
    assert len((await liar.look(LIMITS)).rows) == 20


async def test_what_is_nothing_to_keep_counts_as_well(tmp_path: Path) -> None:
    odd = [(b"o 644 0 1 1 1 1", b"%d" % number, b"") for number in range(5000)]
    seen = await hands(lambda _: odd, tmp_path).look(LIMITS)
    assert len(seen.left_out) <= LIMITS.max_entries + 1


async def test_a_file_of_any_size_that_is_said_costs_no_more_than_its_cap(tmp_path: Path) -> None:
    sizes = [(b"f 644 %d 1 1 %d 1" % (size, size), b"%d" % size, b"") for size in (70_000, 10**18)]
    kept = await take(hands(lambda _: sizes, tmp_path), Tree(), Blobs(tmp_path / "blobs"), LIMITS)
    assert list(kept.tree.rows) == ["70000"]
    assert kept.body["left_out"] == [[str(10**18), "larger than 100000 bytes"]]


def made(folder: Path) -> HostHands:
    folder.mkdir()
    return HostHands(folder, None, frozenset({"inputs"}))


async def test_caps(tmp_path: Path) -> None:
    root = tmp_path / "job"
    here, store = made(root), Blobs(tmp_path / "blobs")
    for name in ("1", "2", "3"):
        (root / name).write_bytes(b"x" * 90_000)
    (root / "a/b/c/d").mkdir(parents=True)
    (root / "large").write_bytes(b"x" * 100_001)
    kept = await take(here, Tree(), store, LIMITS)
    why = dict(kept.body["left_out"])
    assert why == {
        "3": "all files together are larger than 250000 bytes",
        "large": "larger than 100000 bytes",
        "a/b/c": "too deep",
    }
    assert set(kept.tree.rows) == {"1", "2", "a", "a/b", "a/b/c"}
    for number in range(60):
        (root / f"f{number:02}").touch()
    crowded = await take(here, kept.tree, store, LIMITS)
    assert len(crowded.tree.rows) <= 50
    assert "more than 50 files and folders" in dict(crowded.body["left_out"]).values()


async def test_what_was_closed_since_stays_kept(tmp_path: Path) -> None:
    """Only another user than root meets this on the host; everybody does in the sandbox."""
    closed = [(b"d 0 0 1 2 1 1", b"a", b"")]
    opened = [(b"d 755 0 1 1 1 1", b"a", b"")]
    inner = [(b"f 644 5 1 1 2 1", b"a/f", b"")]
    store = Blobs(tmp_path / "blobs")
    first = await take(hands(lambda f: opened if f == [b""] else inner, tmp_path), Tree(), store, LIMITS)
    shut = hands(lambda f: closed if f == [b""] else [(b"u", b"a", b"")], tmp_path)
    second = await take(shut, first.tree, store, LIMITS)
    assert second.tree.rows["a/f"] == first.tree.rows["a/f"]
    assert second.tree.rows["a"].mode == 0
    assert second.body["left_out"] == [["a", "cannot be read"]]


async def test_thousands_of_small_files_are_few_blobs(tmp_path: Path) -> None:
    root = tmp_path / "job"
    here, store = made(root), Blobs(tmp_path / "blobs")
    for number in range(2000):
        (root / f"f{number}").write_bytes(b"%d" % number * 20)
    kept = await take(here, Tree(), store, SnapshotLimits())
    assert len(kept.tree.blobs()) == 1
    there = made(tmp_path / "other")
    await put_back(there, tree_of([kept.body]), store, SnapshotLimits())
    assert {p.name: p.read_bytes() for p in (tmp_path / "other").iterdir()} == {
        p.name: p.read_bytes() for p in root.iterdir()
    }


@pytest.mark.parametrize("path", ["../out", "a/../../out", "/out", "a//b", ".", ""])
def test_what_leads_out_is_damaged(path: str) -> None:
    row: list[Any] = [path, "l", 0o777, 0, 1, 1, 0, "/etc"]
    with pytest.raises(StoreFault):
        tree_of([{"changed": [row]}])


async def test_links_lead_nobody_out(tmp_path: Path) -> None:
    """Neither what is read nor what is put back goes through a link, also one that appears in between."""
    root, outside = tmp_path / "job", tmp_path / "outside"
    here, store = made(root), Blobs(tmp_path / "blobs")
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (root / "d").mkdir()
    (root / "d" / "secret").write_text("mine")
    seen = await here.look(LIMITS)
    (root / "d").rename(root / "moved")
    (root / "d").symlink_to(outside)

    class Raced(HostHands):
        async def look(self, limits: SnapshotLimits) -> Any:
            return seen

    kept = await take(Raced(root, None, frozenset()), Tree(), store, LIMITS)
    assert "d/secret" not in kept.tree.rows
    assert "secret" not in str(kept.body.get("packs"))
    target = made(tmp_path / "other")
    os.symlink(outside, tmp_path / "other" / "d")
    body = {"changed": [["d", "d", 0o755, 0, 1, 1, 0, ""], ["d/new", "l", 0o777, 0, 1, 1, 0, "x"]]}
    back = await put_back(target, tree_of([body]), store, LIMITS)
    assert not (outside / "new").is_symlink()
    assert len(back.body["left_out"]) == 2


async def test_modes_that_lift_rights_are_not_put_back(tmp_path: Path) -> None:
    root = tmp_path / "job"
    here, store = made(root), Blobs(tmp_path / "blobs")
    (root / "f").write_text("x")
    (root / "f").chmod(0o6755)
    kept = await take(here, Tree(), store, LIMITS)
    await put_back(made(tmp_path / "other"), kept.tree, store, LIMITS)
    assert (tmp_path / "other" / "f").stat().st_mode & 0o7777 == 0o755
