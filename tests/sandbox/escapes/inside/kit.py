"""Raw system calls, and a plain report of how each step of an attempt went."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import struct
import sys
from collections.abc import Callable
from typing import Any

Facts = dict[str, Any]
Program = Callable[["Report", Facts], None]
PROGRAMS: dict[str, Program] = {}
ARM = platform.machine() == "aarch64"
libc = ctypes.CDLL(None, use_errno=True)

# name: (x86_64, aarch64)
NUMBERS = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "capset": (126, 91),
    "clock_settime": (227, 112),
    "clone": (56, 220),
    "clone3": (435, 435),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "init_module": (175, 105),
    "delete_module": (176, 106),
    "io_uring_setup": (425, 425),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "keyctl": (250, 219),
    "kexec_load": (246, 104),
    "kcmp": (312, 272),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "mq_open": (240, 180),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "renameat2": (316, 276),
    "rt_sigqueueinfo": (129, 138),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "shmat": (30, 196),
    "shmget": (29, 194),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}


class Report:
    """What an attempt did, what was refused and how, and what it saw."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.refused: dict[str, str] = {}
        self.seen: list[str] = []

    def attempt(self, what: str, work: Callable[[], object]) -> bool:
        """Do one step; True when it succeeded. An OSError is a refusal, and nothing else is."""
        try:
            work()
        except OSError as error:
            self.refused[what] = errno.errorcode.get(error.errno or 0, str(error))
            return False
        self.did.append(what)
        return True

    def saw(self, text: str) -> None:
        """Something to be looked through for the host's secret."""
        self.seen.append(text[:2000])

    def write(self) -> None:
        """Print the report as one JSON line."""
        found = {"did": self.did, "refused": self.refused, "seen": self.seen}
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


def program(work: Program) -> Program:
    """Make an attempt known by its name."""
    PROGRAMS[work.__name__] = work
    return work


def call(name: str, *arguments: Any) -> int:
    """A raw system call. Raises OSError, ENOSYS where this machine's processor has no such call."""
    number = NUMBERS[name][ARM]
    if number < 0:
        raise OSError(errno.ENOSYS, name)
    plain = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    ctypes.set_errno(0)
    result = int(libc.syscall(ctypes.c_long(number), *plain))
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def in_child(work: Callable[[], object]) -> None:
    """Do `work` in a child. Raises the OSError that it raised, or EFAULT when a signal killed it."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 0
        try:
            work()
        except OSError as error:
            code = error.errno or errno.EIO
        os.write(writer, struct.pack("i", code))
        os._exit(0)
    os.close(writer)
    said = os.read(reader, 4)
    os.close(reader)
    os.waitpid(pid, 0)
    if len(said) < 4:
        raise OSError(errno.EFAULT, "killed by a signal")
    (code,) = struct.unpack("i", said)
    if code:
        raise OSError(code, os.strerror(code))


def read(path: str, most: int = 4096) -> bytes:
    """The first bytes of a file. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        return os.read(handle, most)
    finally:
        os.close(handle)


def opens_for_writing(path: str) -> None:
    """Open a file for writing and write nothing. Raises OSError."""
    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY))


def pids() -> list[int]:
    """The processes that can be seen."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def shown_fully(folder: str, most: int = 4000) -> list[str]:
    """Files below a folder, links not followed, at most so many."""
    found: list[str] = []
    for at, _, names in os.walk(folder):
        found += [os.path.join(at, name) for name in names]
        if len(found) >= most:
            break
    return found[:most]
