"""What /proc and /sys tell and allow."""

from __future__ import annotations

import os
import re

from .kit import Facts, Report, opens_for_writing, pids, program, read, shown_fully


@program
def settings(report: Report, facts: Facts) -> None:
    """Open every setting of /proc/sys for writing: core_pattern, modprobe, and all others."""
    named = ("kernel/core_pattern", "kernel/modprobe", "fs/suid_dumpable", "vm/overcommit_memory")
    for name in named:
        report.attempt(name, lambda name=name: opens_for_writing(f"/proc/sys/{name}"))  # type: ignore[misc]
    opened = [path for path in shown_fully("/proc/sys", 100 if facts.get("control") else 4000) if _opens(path)]
    if not facts.get("control"):
        opened = [path for path in opened if _takes(path)]
    if opened:
        report.did += opened[:8]
    else:
        report.refused["all others"] = "EACCES"


def _takes(path: str) -> bool:
    """Whether a file takes what it holds: some may be opened by all and written by none."""
    try:
        text = read(path)
        handle = os.open(path, os.O_WRONLY)
        try:
            os.write(handle, text)
        finally:
            os.close(handle)
    except OSError:
        return False
    return True


def _opens(path: str) -> bool:
    try:
        opens_for_writing(path)
    except OSError:
        return False
    return True


@program
def triggers(report: Report, facts: Facts) -> None:
    """Files of /proc that do things: sysrq-trigger, timer and scheduler switches, interrupts, bus nodes."""
    names = ("sysrq-trigger", "sys/kernel/sysrq", "irq/default_smp_affinity", "mtrr", "acpi/wakeup", "scsi/scsi")
    for name in (*names, "sys/vm/drop_caches", "sys/kernel/random/boot_id"):
        report.attempt(name, lambda name=name: opens_for_writing(f"/proc/{name}"))  # type: ignore[misc]


@program
def kernel_memory(report: Report, facts: Facts) -> None:
    """The kernel's memory and addresses: kcore, kmem, kallsyms, page maps."""
    for path in ("/proc/kcore", "/dev/mem", "/dev/kmem", "/proc/kpageflags", "/proc/kpagecount"):
        report.attempt(path, lambda path=path: _read_some(path))  # type: ignore[misc]

    def addresses() -> None:
        with open("/proc/kallsyms") as stream:
            found = [stream.readline().split()[0] for _ in range(50)]
        if not any(int(word, 16) for word in found if re.fullmatch("[0-9a-f]+", word)):
            raise PermissionError(13, "zeros")

    report.attempt("addresses", lambda: _zeros(addresses))


def _zeros(work: object) -> None:
    assert callable(work)
    try:
        work()
    except IndexError:
        raise PermissionError(13, "empty") from None


def _read_some(path: str) -> None:
    if not read(path, 64):
        raise PermissionError(13, "empty")


@program
def sys_files(report: Report, facts: Facts) -> None:
    """Open every file of /sys for writing (uevent_helper, cgroups, devices)."""
    opened = [path for path in shown_fully("/sys", 100 if facts.get("control") else 6000) if _opens(path)]
    if opened:
        report.did += opened[:8]
    else:
        report.refused["all"] = "EACCES"


@program
def environments(report: Report, facts: Facts) -> None:
    """The environment, the command line and the memory of every process, for keys."""
    for pid in sorted({*pids(), int(facts["bystander"]), int(facts["harness"])}):
        for name in ("environ", "cmdline", "comm"):
            _see(report, f"/proc/{pid}/{name}")
        _see_memory(report, pid)
    report.saw("\n".join(f"{name}={value}" for name, value in os.environ.items()))
    for pid in (int(facts["bystander"]), int(facts["harness"])):
        report.attempt("environ", lambda pid=pid: read(f"/proc/{pid}/environ"))  # type: ignore[misc]


def _see(report: Report, path: str) -> None:
    try:
        report.saw(read(path, 65536).decode("latin-1"))
    except OSError:
        return


def _see_memory(report: Report, pid: int) -> None:
    """Any word of another's memory that looks like a key."""
    if pid == os.getpid():
        return
    try:
        with open(f"/proc/{pid}/maps") as stream:
            rows = [line.split() for line in stream]
        with open(f"/proc/{pid}/mem", "rb", 0) as memory:
            for row in rows:
                start, end = (int(word, 16) for word in row[0].split("-"))
                if "r" not in row[1] or end - start > 8 << 20:
                    continue
                try:
                    memory.seek(start)
                    data = memory.read(end - start)
                except (OSError, OverflowError, ValueError):
                    continue
                for found in re.findall(rb"sk-[a-z0-9-]{8,80}", data)[:20]:
                    report.saw(found.decode("latin-1"))
    except OSError:
        return


@program
def mount_table(report: Report, facts: Facts) -> None:
    """The host's paths as the mount table tells them, and what opens of these."""
    paths = set()
    for name in ("mountinfo", "mounts", "mountstats"):
        try:
            with open(f"/proc/self/{name}") as stream:
                paths |= {word for line in stream for word in line.split() if word.startswith("/")}
        except OSError:
            continue
    own = ("/job", "/proc", "/sys", "/dev", "/usr", "/etc", "/opt", "/tmp", "/lib", "/bin", "/sbin", "/var/tmp")
    told = [path for path in paths if not path.startswith(own) and path != "/"]
    told += [path for path in paths if facts["mark"] in path or path.startswith(facts["state"])]
    for path in told:
        report.attempt(path, lambda path=path: os.listdir(path))  # type: ignore[misc]
    report.attempt("state", lambda: os.listdir(facts["state"]))


@program
def processes(report: Report, facts: Facts) -> None:
    """The host's processes by number."""
    for name in ("bystander", "harness"):
        number = int(facts[name])
        text = f"/proc/{number}/cmdline"
        report.attempt(name, lambda text=text: _is_host(read(text), facts))  # type: ignore[misc]
    if len(pids()) > 14:
        report.did.append(f"{len(pids())} processes are seen")


def _is_host(line: bytes, facts: Facts) -> None:
    if facts["mark"].encode() not in line and b"pytest" not in line and b"execnet" not in line:
        raise ProcessLookupError(3, "another process has this number")
