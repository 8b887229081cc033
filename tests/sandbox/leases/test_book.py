from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core import Cause, SandboxFault
from sandbox.leases.book import CLOSED_SECONDS, LARGEST, Lease, LeaseBook, providers_written_down
from tests.sandbox.leases.support import holder, kill, tell

RACE = """
import os, sys, time
from pathlib import Path
from core import SandboxFault
from sandbox.leases.book import LeaseBook
state, seconds = Path(sys.argv[1]), float(sys.argv[2])
book, mark, got, refused = LeaseBook(state, "bwrap"), state / "mark", 0, 0
until = time.monotonic() + seconds
while time.monotonic() < until:
    try:
        lease = book.take("w")
    except SandboxFault:
        refused += 1
        book.held("w")
        continue
    handle = os.open(mark, os.O_CREAT | os.O_EXCL)  # fails where two hold it
    os.close(handle)
    mark.unlink()
    got += 1
    lease.release(forget=got % 3 == 0)
    if got % 5 == 0:
        book.forget("w")
print(got, refused)
"""


@pytest.fixture
def book(tmp_path: Path) -> LeaseBook:
    return LeaseBook(tmp_path, "bwrap")


def test_a_workspace_is_held_once(book: LeaseBook) -> None:
    lease = book.take("w")
    assert book.held("w")
    assert not book.held("other")
    with pytest.raises(SandboxFault, match=f"held by process {os.getpid()}") as caught:
        book.take("w")
    assert caught.value.cause is Cause.sandbox_start
    lease.release()
    lease.release()
    assert not book.held("w")
    again = book.take("w")
    assert again.id != lease.id
    again.release(forget=True)
    assert list(book.workspaces()) == []


def test_the_next_holder_reads_what_the_last_wrote_down(tmp_path: Path, book: LeaseBook) -> None:
    with holder(tmp_path, "w", {"container": "c1", "token": "t" * 400}) as process:
        with pytest.raises(SandboxFault, match=f"held by process {process.pid}"):
            book.take("w")
        kill(process)
        assert not book.held("w"), "the kernel let go of it"
        lease = book.take("w")
    assert lease.note == {"container": "c1", "token": "t" * 400}
    lease.write({"container": "c2"})
    lease.release()
    assert book.take("w").note == {"container": "c2"}


def test_a_writer_killed_at_any_moment_leaves_a_note_that_can_be_read(tmp_path: Path, book: LeaseBook) -> None:
    code = (
        "import sys, itertools\nfrom pathlib import Path\nfrom sandbox.leases.book import LeaseBook\n"
        "lease = LeaseBook(Path(sys.argv[1]), 'bwrap').take('w')\nprint('on', flush=True)\n"
        "for n in itertools.count(): lease.write({'n': n, 'pad': 'x' * (n % 7) * 300})\n"
    )
    seen = []
    for wait in (0.0, 0.003, 0.01, 0.02):
        with subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            assert process.stdout.readline() == "on\n"
            time.sleep(wait)
            process.kill()
        lease = book.take("w")
        seen.append(lease.note)
        lease.release()
    assert all(len(note["pad"]) == note["n"] % 7 * 300 for note in seen if note)
    assert sum(bool(note) for note in seen) >= 3


def test_many_processes_and_threads_want_the_same_workspace(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RACE, str(tmp_path), "1.0"]
    racers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    said = [racer.communicate(timeout=120) for racer in racers]
    assert [error for _, error in said] == [""] * 4, "nobody held it beside another"
    counts = [tuple(map(int, out.split())) for out, _ in said]
    assert sum(got for got, _ in counts) > 10
    assert sum(refused for _, refused in counts) > 0


def test_looking_never_refuses_a_taker(book: LeaseBook) -> None:
    stop = threading.Event()

    def look() -> int:
        looks = 0
        while not stop.is_set():
            book.held("w")
            looks += 1
        return looks

    with ThreadPoolExecutor(3) as pool:
        lookers = [pool.submit(look) for _ in range(3)]
        try:
            for _ in range(500):
                book.take("w").release()
        finally:
            stop.set()
        looks = sum(looker.result() for looker in lookers)
    assert looks > 10


def test_forgetting_leaves_a_held_workspace_alone_and_makes_nothing(tmp_path: Path, book: LeaseBook) -> None:
    book.forget("never")
    assert not (tmp_path / "leases").exists()
    lease = book.take("w")
    lease.write({"a": 1})
    book.forget("w")
    assert book.held("w")
    lease.release()
    assert book.take("w").note == {"a": 1}
    assert not book.held("x")
    book.take("x").release()
    book.forget("x")
    assert list(book.workspaces()) == ["w"]


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 40, b"{", b'{"note": 3}', b"[1]", b"[" * 60_000, b"\xff\xfe", b'{"note": {"a": 1}}trailing'],
)
def test_a_damaged_file_is_no_obstacle(tmp_path: Path, book: LeaseBook, data: bytes) -> None:
    folder = tmp_path / "leases" / "bwrap"
    folder.mkdir(parents=True)
    (folder / "w").write_bytes(data)
    assert not book.held("w")
    lease = book.take("w")
    assert lease.note == ({"a": 1} if data.endswith(b"trailing") else {})
    lease.release()


def test_strange_things_in_the_folder_are_not_workspaces(tmp_path: Path, book: LeaseBook) -> None:
    book.take("w").release()
    folder = tmp_path / "leases" / "bwrap"
    (folder / ".swp").write_text("")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "folder").mkdir()
    for name in ("link", "folder"):
        with pytest.raises(SandboxFault):
            book.take(name)
        assert not book.held(name)
        book.forget(name)
    assert ".swp" not in list(book.workspaces())
    assert not (tmp_path / "elsewhere").exists()


def test_a_state_that_cannot_be_written_is_a_fault_with_a_cause(tmp_path: Path) -> None:
    (tmp_path / "leases").write_text("a file where a folder must be")
    with pytest.raises(SandboxFault, match="lease cannot be written") as caught:
        LeaseBook(tmp_path, "bwrap").take("w")
    assert caught.value.cause is Cause.sandbox_start
    assert list(LeaseBook(tmp_path, "bwrap").workspaces()) == []
    assert providers_written_down(tmp_path) == ()


def test_a_full_disk_is_named_and_the_workspace_is_not_held(book: LeaseBook) -> None:
    book.take("w").release(forget=True)
    full = os.open("/dev/full", os.O_RDWR)
    with pytest.raises(SandboxFault) as caught:
        Lease(Path("/dev/full"), full, {})
    os.close(full)
    assert caught.value.cause is Cause.disk_full


def test_a_note_is_small_and_written_by_a_holder_only(book: LeaseBook) -> None:
    lease = book.take("w")
    with pytest.raises(ValueError, match="small"):
        lease.write({"a": "x" * LARGEST})
    lease.release()
    with pytest.raises(ValueError, match="released"):
        lease.write({})
    assert book.take("w").note == {}


def test_what_a_dead_process_held_can_be_reclaimed_at_once(tmp_path: Path, book: LeaseBook) -> None:
    with holder(tmp_path, "w", {"c": 1}) as process:
        assert book.reclaim("w") is None, "it lives"
        kill(process)
        lease = book.reclaim("w")
    assert lease is not None
    assert lease.note == {"c": 1}
    lease.release(forget=True)


def test_what_a_living_process_let_go_of_is_left_to_it_for_a_while(tmp_path: Path, book: LeaseBook) -> None:
    with holder(tmp_path, "w") as process:
        assert tell(process, "release") == "released"
        assert not book.held("w")
        assert book.reclaim("w") is None, "it may be about to discard it"
        old = time.time() - CLOSED_SECONDS - 1
        os.utime(tmp_path / "leases" / "bwrap" / "w", (old, old))
        lease = book.reclaim("w")
        assert lease is not None
        lease.release()
    kept = book.reclaim("w")
    assert kept is not None, "a reaper that did not finish leaves it to the next"
    kept.release(forget=True)


def test_what_a_process_let_go_of_before_it_died_can_be_reclaimed(tmp_path: Path, book: LeaseBook) -> None:
    with holder(tmp_path, "w") as process:
        tell(process, "release")
        kill(process)
        lease = book.reclaim("w")
    assert lease is not None
    lease.release(forget=True)


async def test_whoever_opens_waits_for_a_reaper_but_not_for_a_holder(book: LeaseBook) -> None:
    reaping = book.reclaim("w")
    assert reaping is not None
    with pytest.raises(SandboxFault):
        book.take("w")
    asyncio.get_running_loop().call_later(0.2, lambda: reaping.release(forget=True))
    began = time.monotonic()
    lease = await book.hold("w")
    assert 0.15 < time.monotonic() - began < 20
    began = time.monotonic()
    with pytest.raises(SandboxFault, match="is held by"):
        await book.hold("w")
    assert time.monotonic() - began < 30
    lease.release()


def test_which_providers_were_used(tmp_path: Path) -> None:
    assert providers_written_down(tmp_path / "nothing") == ()
    LeaseBook(tmp_path, "docker").take("w").release()
    LeaseBook(tmp_path, "e2b").take("w").release(forget=True)
    assert providers_written_down(tmp_path) == ("docker",)


def test_a_lease_costs_little(book: LeaseBook) -> None:
    times = []
    for _ in range(300):
        began = time.perf_counter()
        book.take("w").release()
        times.append(time.perf_counter() - began)
    assert statistics.median(times) < 0.01, "0.1 ms on a quiet machine"


def test_a_pipe_in_the_place_of_a_lease_holds_nobody_up(tmp_path: Path) -> None:
    book = LeaseBook(tmp_path, "bwrap")
    book.take("other").release()
    os.mkfifo(tmp_path / "leases/bwrap/pipe")
    assert not book.held("pipe")
    assert book.written("pipe") == ("", {})
    with pytest.raises(SandboxFault) as fault:
        book.take("pipe")
    assert fault.value.cause is Cause.sandbox_start
    with pytest.raises(SandboxFault):
        book.reclaim("pipe")
