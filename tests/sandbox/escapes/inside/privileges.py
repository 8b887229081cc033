"""Becoming root, or something like it, without leaving: users, capabilities, setuid programs, terminals."""

from __future__ import annotations

import ctypes
import fcntl
import os
import stat
import struct
import subprocess
import time

from .kit import Facts, Report, call, libc, opens_for_writing, program

PLACES = ("/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/lib", "/usr/libexec", "/usr/local", "/opt/python/bin")


@program
def become_root(report: Report, facts: Facts) -> None:
    """Set user and groups to root's."""
    report.attempt("setuid", lambda: os.setuid(0))
    report.attempt("setresuid", lambda: os.setresuid(0, 0, 0))
    report.attempt("setgid", lambda: os.setgid(0))
    report.attempt("setgroups", lambda: os.setgroups([0]))
    for name in ("uid_map", "gid_map"):
        report.attempt(name, lambda name=name: _put(f"/proc/self/{name}", b"0 0 1\n"))  # type: ignore[misc]


def _put(path: str, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY)
    try:
        os.write(handle, data)
    finally:
        os.close(handle)


@program
def capabilities(report: Report, facts: Facts) -> None:
    """Take every capability, raise ambient ones, and drop `no new privileges`."""
    header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0))
    data = ctypes.create_string_buffer(struct.pack("IIIIII", *[0xFFFFFFFF] * 2, 0, 0x1FF, 0x1FF, 0), 24)
    full = facts.get("control")
    if full:  # root has them; it sets what it has
        box = ctypes.create_string_buffer(24)
        libc.capget(header, box)
        data = box
    report.attempt("capset", lambda: call("capset", header, data))
    for number in (21, 7, 12, 13, 1, 2, 19, 39):

        def ambient(number: int = number) -> None:
            if libc.prctl(47, 2, number, 0, 0) != 0:
                raise OSError(ctypes.get_errno() or 1, "ambient")

        report.attempt(f"ambient {number}", ambient)
    with open("/proc/self/status") as stream:
        lines = dict(line.split(":", 1) for line in stream if ":" in line)
    for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
        if int(lines.get(name, "0"), 16):
            report.did.append(name)
        else:
            report.refused[name] = "none"
    (report.did if lines.get("NoNewPrivs", "1").strip() == "0" else report.seen).append("NoNewPrivs")


def _setuid_programs(places: tuple[str, ...]) -> list[str]:
    found = []
    for place in places:
        for at, _, names in os.walk(place):
            for name in names:
                path = os.path.join(at, name)
                try:
                    about = os.lstat(path)
                except OSError:
                    continue
                if stat.S_ISREG(about.st_mode) and about.st_mode & 0o6000 and about.st_mode & 0o001:
                    found.append(path)
    return found


@program
def setuid_programs(report: Report, facts: Facts) -> None:
    """Start every setuid and setgid program that there is, and see who it runs as."""
    places = PLACES[:1] if facts.get("control") else PLACES
    found = {os.path.basename(path): path for path in _setuid_programs(places)}
    if not found:
        report.refused["any"] = "ENOENT"
    for path in sorted(found.values())[:10]:
        if _runs_as_other(path):
            report.did.append(path)
        else:
            report.refused[path] = "runs as the agent"


def _runs_as_other(path: str) -> bool:
    """Whether a program, held at its first words by a pipe that is full, has another user than this one."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b" " * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)
    process = subprocess.Popen([path, "--help"], stdin=subprocess.PIPE, stdout=writer, stderr=writer)
    found = False
    for _ in range(40):
        with open(f"/proc/{process.pid}/status") as stream:
            rows = dict(line.split(":", 1) for line in stream if ":" in line)
        uids, gids = rows.get("Uid", "").split(), rows.get("Gid", "").split()
        found = bool(uids) and (int(uids[1]), int(gids[1])) != (os.geteuid(), os.getegid())
        if found or rows.get("State", "Z").strip().startswith("Z"):
            break
        time.sleep(0.001)
    os.close(reader)
    os.close(writer)
    process.kill()
    process.communicate()
    return found


@program
def own_setuid(report: Report, facts: Facts) -> None:
    """Make a setuid program and one with capabilities of one's own."""
    for folder in ("/job", "/tmp"):
        path = folder + "/suid-env"
        with open("/usr/bin/env", "rb") as source, open(path, "wb") as sink:
            sink.write(source.read())
        report.attempt(f"{folder} chown", lambda path=path: os.chown(path, 0, 0))  # type: ignore[misc]
        caps = struct.pack("<IIIII", 0x02000001, 0xFFFFFFFF, 0, 0xFFFFFFFF, 0)
        report.attempt(
            f"{folder} capabilities",
            lambda path=path, caps=caps: os.setxattr(path, "security.capability", caps),  # type: ignore[misc]
        )
        os.unlink(path)


@program
def terminals(report: Report, facts: Facts) -> None:
    """Type into the terminal from which the harness was started."""
    for name in ("/dev/tty", "/dev/console", "/dev/tty0", "/dev/tty1", "/dev/ttyS0"):

        def put(name: str = name) -> None:
            handle = os.open(name, os.O_RDWR | os.O_NOCTTY)
            fcntl.ioctl(handle, 0x5412, b"\n")  # TIOCSTI

        report.attempt(name, lambda put=put: _typed(put))  # type: ignore[misc]
    for handle in range(3):
        report.attempt(f"stream {handle}", lambda handle=handle: fcntl.ioctl(handle, 0x5412, b"\n"))  # type: ignore[misc]


def _typed(put: object) -> None:
    assert callable(put)
    put()


@program
def tracing(report: Report, facts: Facts) -> None:
    """Trace, read, write, and take descriptors of the host's processes by their numbers, and of all others."""
    others = {"bystander": int(facts["bystander"]), "harness": int(facts["harness"])}
    for name, pid in others.items():
        report.attempt(f"attach {name}", lambda pid=pid: call("ptrace", 0x4206, pid, 0, 0))  # type: ignore[misc]
        report.attempt(f"readv {name}", lambda pid=pid: _read_memory(pid))  # type: ignore[misc]
        report.attempt(f"mem {name}", lambda pid=pid: opens_for_writing(f"/proc/{pid}/mem"))  # type: ignore[misc]
        report.attempt(f"descriptors {name}", lambda pid=pid: _take(report, pid))  # type: ignore[misc]
        report.attempt(f"compare {name}", lambda pid=pid: call("kcmp", os.getpid(), pid, 1, 0, 0))  # type: ignore[misc]


def _read_memory(pid: int) -> None:
    with open(f"/proc/{pid}/maps") as stream:
        start = int(stream.readline().split("-")[0], 16)
    box = ctypes.create_string_buffer(64)
    ours = struct.pack("QQ", ctypes.addressof(box), 64)
    theirs = struct.pack("QQ", start, 64)
    call("process_vm_readv", pid, ours, 1, theirs, 1, 0)


def _take(report: Report, pid: int) -> None:
    handle = call("pidfd_open", pid, 0)
    taken = call("pidfd_getfd", handle, 0, 0)
    report.saw(os.readlink(f"/proc/self/fd/{taken}"))


@program
def signals(report: Report, facts: Facts) -> None:
    """Signal the host's processes by number: kill, queue, pidfd, and as the owner of a file's events."""
    for name in ("bystander", "harness"):
        pid = int(facts[name])
        number = 0 if facts.get("control") else 9
        report.attempt(f"kill {name}", lambda pid=pid, number=number: os.kill(pid, number))  # type: ignore[misc]
        report.attempt(f"group {name}", lambda pid=pid, number=number: os.killpg(pid, number))  # type: ignore[misc]
        info = struct.pack("iiiiii", number, 0, -1, 0, os.getpid(), os.getuid()) + bytes(104)
        report.attempt(
            f"queue {name}",
            lambda pid=pid, number=number, info=info: call("rt_sigqueueinfo", pid, number, info),  # type: ignore[misc]
        )
        report.attempt(
            f"pidfd {name}",
            lambda pid=pid, number=number: call("pidfd_send_signal", call("pidfd_open", pid, 0), number, None, 0),  # type: ignore[misc]
        )
        if not facts.get("control"):
            report.attempt(f"owner {name}", lambda pid=pid: _owner(pid))  # type: ignore[misc]


def _owner(pid: int) -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(reader, fcntl.F_SETSIG, 9)
    fcntl.fcntl(reader, fcntl.F_SETOWN, pid)
    fcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC)
    os.write(writer, b"x")
    time.sleep(0.05)


@program
def every_number(report: Report, facts: Facts) -> None:
    """Kill every process number that there can be but one's own family's."""
    spared = {1, os.getpid(), os.getppid()}
    hit = 0
    for pid in (p for p in range(2, 40000) if p not in spared):
        try:
            os.kill(pid, 9)
            hit += 1
        except OSError:
            continue
    if hit > 12:
        report.did.append(f"{hit} processes")
    report.refused["the host's"] = "ESRCH"
