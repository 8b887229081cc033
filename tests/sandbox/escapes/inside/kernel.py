"""Asking the kernel for what no agent needs: each call here works for root on an unprotected host."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import time

from .kit import ARM, Facts, Report, call, in_child, libc, opens_for_writing, program, read


@program
def bpf(report: Report, facts: Facts) -> None:
    """Make a BPF map, and load a program of two instructions."""
    array = struct.pack("IIIII", 2, 4, 8, 1, 0) + bytes(100)
    report.attempt("map", lambda: call("bpf", 0, array, len(array)))
    code = ctypes.create_string_buffer(struct.pack("<BBhi", 0xB7, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0))
    licence = ctypes.create_string_buffer(b"GPL")
    load = struct.pack("IIQQ", 1, 2, ctypes.addressof(code), ctypes.addressof(licence)) + bytes(96)
    report.attempt("program", lambda: call("bpf", 5, load, len(load)))


@program
def perf(report: Report, facts: Facts) -> None:
    """Count the kernel's events, of this process and of every process on a core."""
    about = struct.pack("IIQQQQQ", 1, 112, 0, 0, 0, 0, 0) + bytes(64)
    report.attempt("own events", lambda: call("perf_event_open", about, 0, -1, -1, 0))
    report.attempt("a core's events", lambda: call("perf_event_open", about, -1, 0, -1, 0))


@program
def userfaultfd(report: Report, facts: Facts) -> None:
    """Ask for a userfaultfd that also handles the kernel's own faults."""
    report.attempt("of the kernel", lambda: call("userfaultfd", os.O_CLOEXEC))
    report.attempt("by its device", lambda: opens_for_writing("/dev/userfaultfd"))


@program
def io_uring(report: Report, facts: Facts) -> None:
    """Set up an io_uring, whose operations no system call filter sees."""
    about = ctypes.create_string_buffer(120)
    report.attempt("ring", lambda: call("io_uring_setup", 8, about))


@program
def modules(report: Report, facts: Facts) -> None:
    """Load and remove kernel modules."""
    image = ctypes.create_string_buffer(64)
    report.attempt("init_module", lambda: _beyond("init_module", image, 64, b""))
    handle = os.open("/usr/bin/env", os.O_RDONLY)
    report.attempt("finit_module", lambda: _beyond("finit_module", handle, b"", 0))
    report.attempt("delete_module", lambda: _beyond("delete_module", b"no_such_module", 0))


def _beyond(name: str, *arguments: object) -> None:
    """A call that fails for nonsense only after the kernel has allowed it: that counts as done."""
    try:
        call(name, *arguments)
    except OSError as error:
        if error.errno not in (8, 22, 2):  # ENOEXEC, EINVAL, ENOENT: it got to look at what it was given
            raise


@program
def reboot(report: Report, facts: Facts) -> None:
    """Restart the machine; in a pid namespace of its own that ends its first process only."""
    in_child_of_root = facts.get("control")
    if in_child_of_root:
        report.attempt("reboot", _reboot_own)
    else:
        report.attempt("restart", lambda: call("reboot", 0xFEE1DEAD, 672274793, 0x1234567, 0))
        report.attempt("halt", lambda: call("reboot", 0xFEE1DEAD, 672274793, 0xCDEF0123, 0))
        report.attempt("no keyboard", lambda: call("reboot", 0xFEE1DEAD, 672274793, 0, 0))


def _reboot_own() -> None:
    # A child in one more pid namespace asks, and dies of it: SIGHUP is how a namespace is restarted.
    call("unshare", 0x20000000)
    pid = os.fork()
    if pid == 0:
        call("reboot", 0xFEE1DEAD, 672274793, 0x1234567, 0)
        os._exit(7)
    _, status = os.waitpid(pid, 0)
    if not os.WIFSIGNALED(status):
        raise OSError(1, "it was not restarted")


@program
def kexec(report: Report, facts: Facts) -> None:
    """Load another kernel."""
    report.attempt("kexec_load", lambda: _beyond("kexec_load", 0, 0, None, 0))


@program
def hostname(report: Report, facts: Facts) -> None:
    """Rename the machine."""
    report.attempt("host name", lambda: call("sethostname", b"taken", 5))
    report.attempt("domain name", lambda: call("setdomainname", b"taken", 5))
    report.attempt("by /proc", lambda: opens_for_writing("/proc/sys/kernel/hostname"))


@program
def clocks(report: Report, facts: Facts) -> None:
    """Set the machine's clock an hour ahead (on the host: to what it is)."""
    ahead = 0 if facts.get("control") else 3600
    now = time.time()
    when = struct.pack("qq", int(now) + ahead, int(now % 1 * 1e9))
    micro = struct.pack("qq", int(now) + ahead, int(now % 1 * 1e6))
    report.attempt("clock_settime", lambda: call("clock_settime", 0, when))
    report.attempt("settimeofday", lambda: call("settimeofday", micro, None))
    shift = struct.pack("I4xqqqq", 0x0100, ahead, 0, 0, 0) + bytes(200)
    shift = ctypes.create_string_buffer(shift, 256).raw if ahead else bytes(256)
    report.attempt("adjtimex", lambda: _adjusted(shift))


def _adjusted(about: bytes) -> None:
    # Reading is allowed to everybody; only a change counts.
    if not any(about):
        about = struct.pack("I4xqqqq", 0x4000, 0, 0, 0, 0) + struct.pack("q", 10000) * 24  # ADJ_TICK as it is
        about = about[:256]
    call("adjtimex", ctypes.create_string_buffer(about, 256))


@program
def administration(report: Report, facts: Facts) -> None:
    """Calls of a system's administrator: accounting, swap, quotas, file events, the console, I/O ports."""
    report.attempt("accounting", lambda: call("acct", None))
    report.attempt("swap", lambda: _beyond("swapon", b"/usr/bin/env", 0))
    report.attempt("quotas", _quota)
    report.attempt("file events", lambda: call("fanotify_init", 4, 0))
    if not ARM:
        report.attempt("I/O ports", lambda: in_child(lambda: call("iopl", 3)))
        report.attempt("an I/O port", lambda: in_child(lambda: call("ioperm", 0x80, 1, 1)))


def _quota() -> None:
    try:
        call("quotactl", (0x800001 << 8), None, 0, None)  # Q_SYNC of all
    except OSError as error:
        if error.errno != 3:  # ESRCH: allowed, but there are no quotas
            raise


@program
def priorities(report: Report, facts: Facts) -> None:
    """Take the processor for itself: nice -20, a real-time class, locked memory, higher limits."""
    import resource

    report.attempt("nice", lambda: os.setpriority(os.PRIO_PROCESS, 0, -20))
    report.attempt("real time", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50)))
    report.attempt("oom score", lambda: _put("/proc/self/oom_score_adj", b"-1000"))
    for name in ("FSIZE", "NPROC", "NOFILE", "CORE"):
        number = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(number)[1]
        if hard == resource.RLIM_INFINITY:
            continue
        report.attempt(name, lambda number=number, hard=hard: _raise(number, hard + 1))  # type: ignore[misc]


def _raise(number: int, value: int) -> None:
    import resource

    try:
        resource.setrlimit(number, (value, value))
    except ValueError as error:
        raise PermissionError(1, str(error)) from error


def _put(path: str, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY)
    try:
        os.write(handle, data)
    finally:
        os.close(handle)


@program
def keyring(report: Report, facts: Facts) -> None:
    """Find and read the key that the harness keeps in the session keyring that its children inherit."""
    name = str(facts["key"]).encode()
    for ring in (-3, -4, -5):  # session, user, user session
        report.attempt(f"search {ring}", lambda ring=ring: _read_key(report, ring, name))  # type: ignore[misc]
    report.attempt("own key", lambda: call("add_key", b"user", b"own", b"x", 1, -4))


def _read_key(report: Report, ring: int, name: bytes) -> None:
    serial = call("keyctl", 10, ring, b"user", name, 0)
    box = ctypes.create_string_buffer(200)
    size = call("keyctl", 11, serial, box, 200)
    report.saw(box.raw[:size].decode("latin-1"))


@program
def shared_memory(report: Report, facts: Facts) -> None:
    """Attach to the host's System V memory, and open its POSIX memory."""
    report.attempt("System V", lambda: _attach(report, int(facts["shm"])))
    report.attempt("POSIX", lambda: report.saw(read(facts["posix_shm"]).decode("latin-1")))


def _attach(report: Report, key: int) -> None:
    number = call("shmget", key, 64, 0)
    libc.shmat.restype = ctypes.c_void_p
    at = libc.shmat(number, None, 0o10000)
    if at in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno() or 13, "shmat")
    report.saw(ctypes.string_at(at, 64).decode("latin-1"))


@program
def kernel_log(report: Report, facts: Facts) -> None:
    """Read the kernel's log."""
    box = ctypes.create_string_buffer(1000)
    report.attempt("syslog", lambda: call("syslog", 3, box, 1000))
    report.attempt("kmsg", lambda: os.close(os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)))
    report.attempt("proc", lambda: os.close(os.open("/proc/kmsg", os.O_RDONLY | os.O_NONBLOCK)))


@program
def families(report: Report, facts: Facts) -> None:
    """Open sockets that no namespace bounds or few have ever tried: vsock, crypto, keys, CAN, TIPC, XDP ..."""
    named = {"vsock": 40, "alg": 38, "key": 15, "can": 29, "tipc": 30, "rds": 21, "xdp": 44, "bluetooth": 31}
    for name, family in named.items():
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
            if report.attempt(name, lambda f=family, k=kind: socket.socket(f, k).close()):  # type: ignore[misc]
                break
