"""Entering the machine: its namespaces, and a user namespace in which its root is nobody on the host."""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import socket
import struct
import tarfile
from contextlib import ExitStack
from pathlib import Path

from tests.standins.e2b.machine.plan import MachinePlan
from tests.standins.e2b.machine.root import furnish
from tests.standins.e2b.machine.snapshot import put

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
IDS = 65536
PR_SET_CHILD_SUBREAPER = 36
MNT_DETACH = 2
COVERED = ("sys", "sysrq-trigger", "irq", "bus")  # by bwrap, in /proc
ENTERED = ("pid", "ipc", "uts", "net", "mnt")  # the mounts last: the paths of the others lie outside
SIOCSIFFLAGS = 0x8914
IFF_UP_RUNNING = 0x41

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def adopt_orphans() -> None:
    """Be the parent of what children leave behind: the host's first process may take seconds to notice an end."""
    _checked(_libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP_RUNNING))


def _move_in(plan: MachinePlan, init: int) -> None:
    with ExitStack() as stack:
        # What lies outside is opened before.
        archive = None if plan.archive is None else stack.enter_context(tarfile.open(plan.archive))
        handles = [os.open(f"/proc/{init}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in ENTERED]
        for handle, kind in zip(handles, ENTERED, strict=True):
            _checked(_libc.setns(handle, 0), f"setns {kind}")
        os.chdir("/")
        # The kernel lets a machine's root mount a /proc of its own, as E2B's may, only where nothing of this one
        # is covered. Without the covers it is safe too: none of these belongs to a user of the machine.
        for name in COVERED:
            _libc.umount2(f"/proc/{name}".encode(), MNT_DETACH)
        furnish(plan)
        if archive is not None:
            put(plan, archive)


def enter(plan: MachinePlan, init: int, unshared: int, mapped: int) -> None:
    """Become root of the machine whose first process is `init`; children are in its process namespace.

    The kernel lets nobody map their own user namespace to 65536 users, so a process outside does it: it is told
    through the pipe `unshared` and answers through the pipe `mapped`.

    Raises:
        OSError: The kernel refused.
    """
    _move_in(plan, init)
    # Its root owns these, as in a machine of its own: it may mount, and set up its loopback.
    kinds = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC
    _checked(_libc.unshare(kinds), "unshare")
    os.write(unshared, b".")
    os.read(mapped, 1)
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    _loopback_up()
    _checked(_libc.sethostname(b"e2b.local", 9), "sethostname")
    resource.setrlimit(resource.RLIMIT_NPROC, (plan.processes, plan.processes))


def map_users(process: int, first: int) -> None:
    """Map users and groups 0 to 65535 of a process's new user namespace to `first` and on."""
    for name in ("uid_map", "gid_map"):
        Path(f"/proc/{process}/{name}").write_text(f"0 {first} {IDS}\n", encoding="ascii")
