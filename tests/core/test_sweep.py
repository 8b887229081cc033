"""Sweeping blobs: what nothing names goes in two steps, and nothing that anybody was promised is ever lost."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest

from core import BadInput, Blobs, Database, Owner, StoreFault, Swept, owner_of
from core.store import sweep as sweeping
from core.store.attic import BucketPlace, Lying
from core.store.identity import STORE_MIGRATIONS
from tests.core.blobs_process import PATIENCE
from tests.standins.s3.server import S3

LONG = 86400.0
OVER = -3600.0
"""By this everything has lain there for longer."""


@pytest.fixture(params=["folder", "bucket"])
def remote(request: pytest.FixtureRequest) -> str | None:
    if request.param == "folder":
        return None
    s3: S3 = request.getfixturevalue("s3")
    return s3.remote()


def blobs_in(folder: Path, remote: str | None, owner: str = "one") -> Blobs:
    return Blobs(folder, remote, patience=PATIENCE, owner=lambda: Owner(owner, "1", f"the database {owner}"))


def swept(
    blobs: Blobs, *named: str, seconds: float = OVER, dry_run: bool = False, beside: Callable[[], object] = tuple
) -> Swept:
    """What a sweep did where blobs that nobody has a copy of lie: in the bucket, where there is one."""

    def names() -> Iterable[str]:
        beside()
        return named

    blobs.refuse_others()
    return blobs.sweep(names, seconds=seconds, dry_run=dry_run)[-1]


def test_what_nothing_names_goes_in_two_steps(remote: str | None, tmp_path: Path) -> None:
    blobs = blobs_in(tmp_path / "here", remote)
    kept, free = blobs.put_bytes(b"kept"), blobs.put_bytes(b"free!")
    done = swept(blobs, kept, seconds=LONG)
    assert (done.named.files, done.young.files, done.put_away.files) == (1, 1, 0), "it may be named in a moment"
    told = swept(blobs, kept, dry_run=True)
    done = swept(blobs, kept)
    assert told == done
    assert (done.named.files, done.put_away.files, done.put_away.bytes, done.removed.files) == (1, 1, 5, 0)
    assert swept(blobs, kept, seconds=LONG).waiting.files == 1
    assert swept(blobs, kept, dry_run=True).removed.files == 1
    assert swept(blobs, kept).removed.files == 1
    assert not blobs_in(tmp_path / "here", remote).has(free)
    with pytest.raises(StoreFault, match="missing"):
        blobs_in(tmp_path / "there", remote).get_bytes(free)
    assert blobs_in(tmp_path / "here", remote).get_bytes(kept) == b"kept"


@pytest.mark.parametrize("ask", ["get_bytes", "fetch", "has"])
def test_what_was_put_away_is_there_for_whoever_asks(remote: str | None, tmp_path: Path, ask: str) -> None:
    free = blobs_in(tmp_path / "here", remote).put_bytes(b"free")
    assert swept(blobs_in(tmp_path / "here", remote)).put_away.files == 1
    reader = blobs_in(tmp_path / ("here" if remote is None else "there"), remote)
    found = getattr(reader, ask)(free)
    assert {"get_bytes": b"free", "has": True}.get(ask, reader.path(free)) == found
    assert reader.get_bytes(free) == b"free"


def test_what_is_named_again_is_taken_back(remote: str | None, tmp_path: Path) -> None:
    blobs = blobs_in(tmp_path / "here", remote)
    free = blobs.put_bytes(b"free")
    swept(blobs)
    assert swept(blobs, free).taken_back.files == 1
    done = swept(blobs, free)
    assert (done.named.files, done.waiting.files, done.removed.files) == (1, 0, 0)
    assert blobs.get_bytes(free) == b"free"


def test_a_blob_that_is_put_while_it_is_swept_is_not_lost(remote: str | None, tmp_path: Path) -> None:
    """Whoever puts it finds it there, so that it is not written again; it is named only when the sweep is over."""
    machine = "here" if remote is None else "there"
    free = blobs_in(tmp_path / "here", remote).put_bytes(b"free")
    other = blobs_in(tmp_path / machine, remote)
    swept(blobs_in(tmp_path / "here", remote), beside=lambda: other.put_bytes(b"free"))
    assert blobs_in(tmp_path / "third" if remote else tmp_path / "here", remote).get_bytes(free) == b"free"
    swept(other, free)
    assert blobs_in(tmp_path / "fourth" if remote else tmp_path / "here", remote).get_bytes(free) == b"free"


def test_a_process_does_not_believe_for_days_that_the_bucket_has_what_it_sent(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = s3.remote()
    old = blobs_in(tmp_path / "here", remote)
    free = old.put_bytes(b"free")
    for _ in range(2):
        swept(blobs_in(tmp_path / "there", remote))
    monkeypatch.setattr("core.store.blobs.KNOWN_SECONDS", 0.0)
    assert old.put_bytes(b"free") == free
    assert blobs_in(tmp_path / "third", remote).get_bytes(free) == b"free"


def test_copies_of_what_the_bucket_has_need_no_attic(s3: S3, tmp_path: Path) -> None:
    blobs = blobs_in(tmp_path / "here", s3.remote())
    kept, free = blobs.put_bytes(b"kept"), blobs.put_bytes(b"free")
    here, _ = blobs.sweep(lambda: [kept], seconds=OVER)
    assert (here.named.files, here.removed.files, here.put_away.files) == (1, 1, 0)
    assert not blobs.path(free).exists()
    assert blobs.get_bytes(free) == b"free", "the bucket has it still"


def test_killed_between_a_copy_and_a_removal_both_are_there(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = s3.remote()
    blobs = blobs_in(tmp_path / "here", remote)
    free = blobs.put_bytes(b"free")

    with monkeypatch.context() as patched:
        patched.setattr("core.store.attic.BucketPlace.put_away", killed_after_copy)
        with pytest.raises(KeyboardInterrupt):
            swept(blobs)
    assert blobs_in(tmp_path / "there", remote).get_bytes(free) == b"free"
    assert swept(blobs).put_away.files == 1
    assert blobs_in(tmp_path / "third", remote).get_bytes(free) == b"free"


def killed_after_copy(place: BucketPlace, one: Lying, _: float) -> bool:
    assert place._bucket.copy(f"{one.sha256[:2]}/{one.sha256}", f"attic/{one.sha256}/{'0' * 16}")
    raise KeyboardInterrupt


def test_a_sweep_that_is_killed_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    blobs = blobs_in(tmp_path / "here", None)
    made = {blobs.put_bytes(b"%d" % number): b"%d" % number for number in range(600)}
    (blobs.root / "ab").mkdir(exist_ok=True)
    (blobs.root / "ab" / ".somebody's").touch()
    code = "import sys, pathlib, core; core.Blobs(pathlib.Path(sys.argv[1])).sweep(tuple, seconds=-3600)"
    process = subprocess.Popen([sys.executable, "-c", code, str(blobs.root)])
    until = time.monotonic() + 60
    while process.poll() is None and not any(blobs.root.glob("attic/??/*")):
        assert time.monotonic() < until
    process.kill()
    process.wait()
    assert any(blobs.root.glob("attic/??/*"))
    assert {sha256: blobs_in(blobs.root, None).get_bytes(sha256) for sha256 in made} == made
    assert swept(blobs, *made).named.files == len(made)


def test_where_another_database_names_files_nothing_is_swept(remote: str | None, tmp_path: Path) -> None:
    ours, theirs = (blobs_in(tmp_path / "here", remote, owner) for owner in ("one", "two"))
    ours.put_bytes(b"ours")
    shared = theirs.put_bytes(b"theirs")
    with pytest.raises(BadInput, match="the database two") as refused:
        swept(ours)
    assert theirs.get_bytes(shared) == b"theirs"
    with pytest.raises(BadInput, match="no other database"):
        ours.refuse_others(["nobody"])
    for _ in range(1 if remote is None else 2):  # the folder has a mark, and the bucket one of its own
        with pytest.raises(BadInput) as refused:
            ours.refuse_others()
        (mark,) = re.findall("--gone ([0-9a-z]+)", str(refused.value))
        with pytest.raises(BadInput) if remote and mark == "two" else nullcontext():
            ours.refuse_others([mark], dry_run=True)
        with pytest.raises(BadInput) if remote and mark == "two" else nullcontext():
            ours.refuse_others([mark])
    assert swept(ours).put_away.files == 2


def test_a_copy_of_a_database_is_another_one(tmp_path: Path) -> None:
    def owner(name: str) -> Owner:
        database = Database(tmp_path / name, STORE_MIGRATIONS)
        try:
            return owner_of(database)
        finally:
            database.close()

    first = owner("a.db")
    (tmp_path / "b.db").write_bytes((tmp_path / "a.db").read_bytes())
    copied, fresh = owner("b.db"), owner("c.db")
    assert owner("a.db") == first
    assert first.id == copied.id != fresh.id
    assert len({one.alone for one in (first, copied, fresh)}) == 3


class Killed(BaseException):
    """A sweep is killed."""


class World:
    """A place in memory, with a clock, people who put and name blobs, and sweeps that are cut in on anywhere."""

    name = "memory"

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.clock, self.number, self.depth = 100.0, 0, 2
        self.main: dict[str, float] = {}
        self.away: dict[str, tuple[str, float]] = {}
        self.promised: dict[str, float] = {}
        self.named: set[str] = set()

    def meanwhile(self) -> None:
        """What others do between any two steps of a sweep."""
        for _ in range(self.chance.randrange(6)):
            blob = f"{self.chance.randrange(6):064x}"
            act = self.chance.randrange(12)
            if act < 4:
                self.clock += self.chance.random() * 0.2
            elif act < 6:
                self.main.setdefault(blob, self.clock)
                self.promised.setdefault(blob, self.clock)
            elif act < 7 and blob in self.promised | dict.fromkeys(self.named):
                self.take_back(blob)
            elif act < 8 and self.depth:
                self.depth -= 1
                self.sweep()
                self.depth += 1
            elif act < 9:
                self.named.discard(blob)  # as by a rendering that is forgotten
            self.keep_promises()
            self.check()

    def keep_promises(self) -> None:
        """Whoever was promised a blob names it in time."""
        for one, at in list(self.promised.items()):
            if self.chance.random() < 0.03 or self.clock - at > 1.85:
                self.named.add(one)
                del self.promised[one]

    def check(self) -> None:
        """Whoever was promised a blob, or has named it, can read it."""
        there = set(self.main) | {blob for blob, _ in self.away.values()}
        assert self.promised.keys() | self.named <= there

    def sweep(self) -> None:
        try:
            sweeping.sweep([self], self.names, seconds=2.5)
        except Killed:
            return

    def names(self) -> Iterator[str]:
        self.meanwhile()
        found = list(self.named)
        for _ in range(self.chance.randrange(8)):  # to read all records takes long
            self.clock += 0.2
            self.keep_promises()
        self.meanwhile()
        yield from found

    def may_be_killed(self) -> None:
        self.meanwhile()
        if self.chance.random() < 0.03:
            raise Killed

    def now(self) -> float:
        return self.clock

    def lying(self) -> Iterator[Lying]:
        self.meanwhile()
        yield from [Lying(blob, 1, since) for blob, since in self.main.items()]

    def attic(self) -> Iterator[Lying]:
        self.meanwhile()
        yield from [Lying(blob, 1, since, key) for key, (blob, since) in self.away.items()]

    def put_away(self, one: Lying, before: float) -> bool:
        self.may_be_killed()
        if one.sha256 not in self.main:
            return False
        self.number += 1
        begun = self.clock
        self.away[str(self.number)] = one.sha256, self.clock
        self.may_be_killed()
        if self.clock - begun > 0.4:
            return False
        self.main.pop(one.sha256, None)
        self.check()
        return True

    def take_back(self, sha256: str) -> bool:
        if sha256 not in self.main and any(blob == sha256 for blob, _ in self.away.values()):
            self.main[sha256] = self.clock
        return sha256 in self.main

    def remove(self, away: Sequence[Lying]) -> None:
        for one in away:
            self.may_be_killed()
            self.away.pop(one.at, None)
            self.check()


def test_in_any_order_nothing_that_was_promised_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "side_by_side", lambda call, items, _: [call(one) for one in items])
    removed = 0
    for seed in range(150):
        world = World(seed)
        for _ in range(12):
            world.meanwhile()
            before = len(world.away)
            world.sweep()
            removed += len(world.away) < before
    assert removed > 30, "they do remove something"
