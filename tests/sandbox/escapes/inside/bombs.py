"""Taking more than is given. Every bomb has an end of its own, so that a host that does not hold is not harmed."""

from __future__ import annotations

import _thread
import contextlib
import os
import socket
import time

from .kit import Facts, Report, program

MIB = 1 << 20


@program
def forks(report: Report, facts: Facts) -> None:
    """Start processes that stay, as many as asked for at most; say how many there were."""
    report.saw(str(_stay(int(facts["most"]), lambda: time.sleep(30))))


def _stay(most: int, work: object) -> int:
    count = 0
    for _ in range(most):
        try:
            pid = os.fork()
        except OSError:
            break
        if pid == 0:
            assert callable(work)
            work()
            os._exit(0)
        count += 1
    return count


@program
def zombies(report: Report, facts: Facts) -> None:
    """Start processes that end at once and are not waited for."""
    report.saw(str(_stay(int(facts["most"]), lambda: None)))


@program
def threads(report: Report, facts: Facts) -> None:
    """Start threads that stay."""
    count = 0
    with contextlib.suppress(RuntimeError, OSError):
        _thread.stack_size(64 << 10)
        for _ in range(int(facts["most"])):
            _thread.start_new_thread(time.sleep, (30,))
            count += 1
    report.saw(str(count))


@program
def memory(report: Report, facts: Facts) -> None:
    """Touch memory, MiB by MiB."""
    kept = []
    for count in range(int(facts["most"])):
        kept.append(b"x" * MIB)
        if count % 16 == 0:
            os.write(2, b"%d\n" % count)
    report.saw(str(len(kept)))


@program
def memory_files(report: Report, facts: Facts) -> None:
    """Memory that belongs to no process: files without a name, full pipes and sockets."""
    handle = os.memfd_create("bomb")
    block = b"x" * MIB
    for count in range(int(facts["most"])):
        os.write(handle, block)
        if count % 16 == 0:
            os.write(2, b"%d\n" % count)
    kept = []
    for _ in range(1000):
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with contextlib.suppress(OSError):
            while True:
                ours.send(block)
        kept.append((ours, theirs))
    report.saw(facts["most"])


@program
def folder(report: Report, facts: Facts) -> None:
    """Fill a folder with files of 8 MiB, then wait to be noticed."""
    at = facts["at"]
    os.makedirs(at, exist_ok=True)
    block, written = b"x" * MIB, 0
    with contextlib.suppress(OSError):
        for number in range(int(facts["most"]) // 8):
            handle = os.open(f"{at}/{number}", os.O_CREAT | os.O_WRONLY)
            for _ in range(8):
                written += os.write(handle, block)
            os.close(handle)
            time.sleep(0.02)
    if facts.get("wait"):
        time.sleep(float(facts["wait"]))
    report.saw(str(written))


@program
def inodes(report: Report, facts: Facts) -> None:
    """Make empty files and folders without end, then wait to be noticed."""
    count = 0
    with contextlib.suppress(OSError):
        for number in range(int(facts["most"])):
            if number % 1000 == 0:
                os.makedirs(f"{facts['at']}/{number}")
            os.close(os.open(f"{facts['at']}/{number - number % 1000}/{number}", os.O_CREAT))
            count += 1
    time.sleep(float(facts["wait"]))
    report.saw(str(count))


@program
def descriptors(report: Report, facts: Facts) -> None:
    """Open files until no more can be."""
    count = 0
    with contextlib.suppress(OSError):
        for _ in range(int(facts["most"])):
            os.open("/dev/null", os.O_RDONLY)
            count += 1
    report.saw(str(count))


@program
def giant(report: Report, facts: Facts) -> None:
    """Files that claim to be terabytes."""
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for size in (1 << 40, 1 << 50, (1 << 62) - 1):

        def claim(size: int = size) -> None:
            handle = os.open("/job/giant", os.O_CREAT | os.O_WRONLY)
            try:
                os.ftruncate(handle, size)
            finally:
                os.close(handle)
                os.unlink("/job/giant")

        report.attempt(f"{size} bytes", claim)
        report.attempt(f"fallocate {size}", lambda size=size: _allocate(size))  # type: ignore[misc]


def _allocate(size: int) -> None:
    handle = os.open("/job/giant", os.O_CREAT | os.O_WRONLY)
    try:
        os.posix_fallocate(handle, 0, size)
    finally:
        os.close(handle)
        os.unlink("/job/giant")


@program
def processor(report: Report, facts: Facts) -> None:
    """Keep every core busy with many processes that never wait."""
    end = time.monotonic() + float(facts["last"])

    def spin() -> None:
        while time.monotonic() < end:
            sum(range(1000))

    count = _stay(12, spin)
    spin()
    report.saw(f"{count} {sum(os.times()[:4]):.2f}")
