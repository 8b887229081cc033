"""The reaper's rules, over a provider whose resources are plain files (what each real one keeps: `tests/runs`)."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core import Cause, Fault, MissingTool, SandboxFault
from sandbox import Audit, NetworkPolicy, Resource, Sandbox, SandboxSpec, Taken, TreeLimits, owner_of, provider
from sandbox.leases import reaper
from sandbox.leases.book import CLOSED_SECONDS, LeaseBook
from sandbox.leases.reaper import Standing, reap, survey
from tests.sandbox.leases.support import holder, kill, tell

HOLDER = "bwrap"  # the book that `support.holder` writes in


class Files:
    """A provider that keeps its resources as files `kind:workspace:owner[:running]` in one folder.

    `trouble`: part of a file's name -> the error that its removal raises.
    """

    name = HOLDER

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trouble: dict[str, Exception] = {}
        self.listing: Exception | None = None
        self.slow = 0.0
        folder.mkdir(exist_ok=True)

    def make(self, kind: str, workspace: str, owner: str, *, running: bool = False) -> Path:
        file = self.folder / ":".join([kind, workspace, owner, *(["running"] if running else [])])
        file.touch()
        return file

    async def resources(self) -> tuple[Resource, ...]:
        if self.listing is not None:
            raise self.listing
        found = []
        for file in sorted(self.folder.iterdir()):
            kind, workspace, owner, *running = file.name.split(":")
            found.append(
                Resource(
                    provider=self.name,
                    kind=kind,
                    id=file.name,
                    workspace=workspace or None,
                    owner=owner,
                    running=bool(running),
                )
            )
        return tuple(found)

    async def remove(self, resource: Resource) -> None:
        await asyncio.sleep(self.slow)
        for part, error in self.trouble.items():
            if part in resource.id:
                raise error
        (self.folder / resource.id).unlink(missing_ok=True)

    def problem(self) -> tuple[str, str] | None:
        return None

    def refuses(self, network: NetworkPolicy) -> str | None:
        return str(network)

    async def open(self, spec: SandboxSpec, *, audit: Audit = print) -> Sandbox:
        raise SandboxFault(Cause.sandbox_start, f"{spec} {audit}")

    async def collect(self, workspace: str, target: Path, limits: TreeLimits) -> Taken:
        raise FileNotFoundError(workspace, target, limits)

    async def discard(self, workspace: str) -> None:
        raise FileNotFoundError(workspace)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "things")


@pytest.fixture
def owner(tmp_path: Path) -> str:
    return owner_of(tmp_path)


def nothing(_workspace: str) -> bool:
    return False


async def test_each_rule(tmp_path: Path, files: Files, owner: str) -> None:
    other = "f" * 16
    book = LeaseBook(tmp_path, HOLDER)
    stay = [
        files.make("volume", "foreign", other),
        files.make("volume", "wanted", owner),
        files.make("container", "held", owner, running=True),
        files.make("cgroup", "", owner, running=True),
        files.make("cgroup", "", other),
    ]
    go = [
        files.make("volume", "left", owner),
        files.make("container", "left", owner, running=True),
        files.make("cgroup", "", owner),
    ]
    lease = book.take("held")
    book.take("gone-already").release()
    old = time.time() - CLOSED_SECONDS - 1
    os.utime(tmp_path / "leases" / HOLDER / "gone-already", (old, old))

    def wanted(workspace: str) -> bool:
        return workspace == "wanted"

    stands = {one.resource.id: one.standing for one in (await survey(tmp_path, [files], wanted)).found}
    assert stands == {
        stay[1].name: Standing.wanted,
        stay[2].name: Standing.held,
        stay[3].name: Standing.in_use,
        **{file.name: Standing.left_over for file in go},
    }
    reaped = await reap(tmp_path, [files], wanted)
    assert {one.id for one in reaped.removed} == {file.name for file in go}
    order = [one.kind for one in reaped.removed if one.workspace == "left"]
    assert order == ["container", "volume"], "a volume goes after the container that uses it"
    assert all(file.exists() for file in stay)
    assert not any(file.exists() for file in go)
    assert list(book.workspaces()) == ["held"]
    assert (reaped.failed, reaped.not_asked) == ((), ())
    lease.release(forget=True)


async def test_a_failure_is_noted_and_the_rest_goes_on(tmp_path: Path, files: Files, owner: str) -> None:
    bad, good = files.make("volume", "a", owner), files.make("volume", "b", owner)
    files.trouble["volume:a"] = SandboxFault(Cause.sandbox_lost, "the engine says no")
    reaped = await reap(tmp_path, [files], nothing)
    assert [one.id for one in reaped.removed] == [good.name]
    assert [(one.provider, one.id) for one in reaped.failed] == [(HOLDER, bad.name)]
    assert "engine says no" in reaped.failed[0].why
    files.trouble.clear()
    again = await reap(tmp_path, [files], nothing)
    assert [one.id for one in again.removed] == [bad.name], "the next one tries again, at once"
    assert list(LeaseBook(tmp_path, HOLDER).workspaces()) == []


@pytest.mark.parametrize("error", [MissingTool("no engine answers", mend="start it"), OSError(5, "broken")])
async def test_a_provider_that_cannot_be_asked(tmp_path: Path, owner: str, error: Exception) -> None:
    silent, other = Files(tmp_path / "silent"), Files(tmp_path / "other")
    silent.listing = error
    left = other.make("volume", "left", owner)
    reaped = await reap(tmp_path, [silent, other], nothing)
    assert [one.id for one in reaped.removed] == [left.name]
    assert bool(reaped.not_asked) == isinstance(error, MissingTool)
    assert bool(reaped.failed) != bool(reaped.not_asked)


async def test_one_that_does_not_answer_is_not_waited_for(
    tmp_path: Path, files: Files, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.make("volume", "slow", owner)
    files.slow = 60
    monkeypatch.setattr(reaper, "REMOVE_SECONDS", 0.1)
    began = time.monotonic()
    reaped = await reap(tmp_path, [files], nothing)
    assert time.monotonic() - began < 20
    assert [one.why for one in reaped.failed] == ["no answer in time"]


async def test_records_that_cannot_be_read_keep_everything(tmp_path: Path, files: Files, owner: str) -> None:
    file = files.make("volume", "w", owner)

    def wanted(workspace: str) -> bool:
        raise Fault(Cause.store_failed, workspace)

    reaped = await reap(tmp_path, [files], wanted)
    assert file.exists()
    assert [one.id for one in reaped.failed] == ["w"]


async def test_where_nothing_was_ever_made_nothing_is_asked_or_written(tmp_path: Path) -> None:
    files = Files(tmp_path / "things")
    files.listing = OSError("never asked")
    state = tmp_path / "state"
    assert await reap(state, [files], nothing) == reaper.Reaped()
    assert await survey(state, [files], nothing) == reaper.Survey()
    assert not state.exists()


async def test_the_holder_dies_and_only_then_is_it_left_over(tmp_path: Path, files: Files, owner: str) -> None:
    file = files.make("container", "w", owner, running=True)
    with holder(tmp_path, "w") as process:
        assert (await reap(tmp_path, [files], nothing)).removed == ()
        kill(process)
        assert [one.id for one in (await reap(tmp_path, [files], nothing)).removed] == [file.name]


async def test_what_a_living_process_has_just_closed_is_left_to_it(
    tmp_path: Path, files: Files, owner: str
) -> None:
    file = files.make("volume", "w", owner)
    with holder(tmp_path, "w") as process:
        tell(process, "release")
        assert (await reap(tmp_path, [files], nothing)).removed == ()
        assert file.exists()
    assert (await reap(tmp_path, [files], nothing)).removed != ()


async def test_an_execution_that_begins_while_the_reaper_looks(tmp_path: Path, files: Files, owner: str) -> None:
    file = files.make("volume", "w", owner)
    answers = iter([False, True])
    assert (await reap(tmp_path, [files], lambda _: next(answers))).removed == ()
    assert file.exists()
    assert not LeaseBook(tmp_path, HOLDER).held("w")


OPENER = """
import asyncio, sys
from pathlib import Path
from sandbox import owner_of
from sandbox.leases.book import LeaseBook
state, folder, mine, count = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
owner, book = owner_of(state), LeaseBook(state, "bwrap")

async def main():
    for n in range(count):
        workspace = f"shared-{n % 3}" if mine == "a" else f"own-{n}"
        lease = await book.hold(workspace)
        file = folder / f"volume:{workspace}:{owner}"
        file.touch()
        for _ in range(5):
            await asyncio.sleep(0.001)
            if not file.exists():
                print("removed under a holder's feet", flush=True)
        lease.release()
        if not file.exists():
            print("removed before its closer could discard it", flush=True)
        await asyncio.sleep(0)
        file.unlink(missing_ok=True)
        book.forget(workspace)
    print("done", flush=True)

asyncio.run(main())
"""


def opener(state: Path, folder: Path, who: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OPENER, str(state), str(folder), who, str(count)], stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("who", ["a", "b"])
async def test_reaping_without_end_beside_processes_that_open_and_discard(
    tmp_path: Path, files: Files, owner: str, who: str
) -> None:
    assert owner
    for number in range(3):
        files.make("volume", f"shared-{number}", owner)  # what a dead process left under the same name
    process = opener(tmp_path, files.folder, who, 120)
    rounds = 0
    while process.poll() is None:
        reaped = await reap(tmp_path, [files], nothing)
        assert reaped.failed == ()
        rounds += 1
        await asyncio.sleep(0)
    assert process.communicate()[0].split("\n")[:-1] == ["done"]
    assert rounds > 10
    await reap(tmp_path, [files], nothing)
    assert list(files.folder.iterdir()) == []


async def test_two_reapers_at_once_do_each_thing_once(tmp_path: Path, files: Files, owner: str) -> None:
    for number in range(20):
        files.make("volume", f"w{number}", owner)
    files.slow = 0.01
    first, second = await asyncio.gather(*(reap(tmp_path, [files], nothing) for _ in range(2)))
    removed = [one.id for one in (*first.removed, *second.removed)]
    assert len(set(removed)) == 20
    assert (first.failed, second.failed) == ((), ())
    assert list(files.folder.iterdir()) == []


@contextmanager
def waiting(folder: Path, key: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that looks as one does which `bwrap` has made and not let run."""
    words = ["/usr/bin/bwrap", "-c", "read line", "bwrap", "--bind", f"{folder}/workspaces/{key}", "/job"]
    with subprocess.Popen(words, executable="/bin/sh", stdin=subprocess.PIPE) as process:
        try:
            while b"workspaces" not in Path("/proc", str(process.pid), "cmdline").read_bytes():
                time.sleep(0.001)
            yield process
        finally:
            process.kill()


async def test_a_process_that_its_launcher_left_waiting_is_ended(tmp_path: Path, owner: str) -> None:
    assert owner
    book, made = LeaseBook(tmp_path, "bwrap"), provider("bwrap", tmp_path)
    held = book.take("held")
    other = tmp_path / "other"
    with waiting(tmp_path, "held") as stays, waiting(tmp_path, "gone") as goes, waiting(other, "gone") as foreign:
        reaped = await reap(tmp_path, [made], lambda _: True)
        assert [one.id.partition("-")[0] for one in reaped.removed] == [str(goes.pid)]
        assert goes.wait(timeout=60) == -9
        assert (await reap(tmp_path, [made], lambda _: True)).removed == ()
        assert stays.poll() is None
        held.release()
        assert len((await reap(tmp_path, [made], lambda _: True)).removed) == 1
        assert stays.wait(timeout=60) == -9
        assert foreign.poll() is None
