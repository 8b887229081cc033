"""Looking for the host's files from inside, by every road there is."""

from __future__ import annotations

import os
import stat

from .kit import Facts, Report, opens_for_writing, pids, program, read


def _take(report: Report, path: str) -> None:
    report.saw(read(path).decode("latin-1"))


@program
def by_path(report: Report, facts: Facts) -> None:
    """Read the secret and its folder by their paths, and append to the file that everybody may write."""
    report.attempt("read", lambda: _take(report, facts["secret"]))
    report.attempt("list", lambda: report.saw(" ".join(os.listdir(facts["folder"]))))
    report.attempt("append", lambda: opens_for_writing(facts["ledger"]))
    report.attempt("a file of the home", lambda: _take(report, facts["home_secret"]))


@program
def by_search(report: Report, facts: Facts) -> None:
    """Walk all that can be seen for names that only the host has."""
    mark = facts["mark"]
    found = []
    for top in sorted(set(os.listdir("/")) - {"proc", "sys", "usr", "opt", "lib", "lib64", "bin", "sbin"}):
        for at, folders, names in os.walk("/" + top):
            if at.count("/") > (1 if facts.get("control") else 8):
                folders.clear()
            found += [os.path.join(at, name) for name in (*folders, *names) if mark in name]
    if found:
        report.did += found[:5]
    else:
        report.refused["search"] = "nothing found"


@program
def by_processes(report: Report, facts: Facts) -> None:
    """Through the root, the working folder and the open files of every process that can be seen."""
    secret, mark = facts["secret"], facts["mark"]
    for pid in sorted({*pids(), int(facts["bystander"]), int(facts["harness"])}):
        for road in (f"/proc/{pid}/root{secret}", f"/proc/{pid}/cwd/../../../../../..{secret}"):
            _try(report, "root or cwd", road)
        for kind in ("fd", "map_files"):
            try:
                names = os.listdir(f"/proc/{pid}/{kind}")
            except OSError:
                continue
            for name in names:
                road = f"/proc/{pid}/{kind}/{name}"
                try:
                    where = os.readlink(road)
                    about = os.stat(road)
                except OSError:
                    continue
                if mark in where:
                    report.did.append(where)
                if stat.S_ISDIR(about.st_mode):
                    _try(report, "from an open folder", f"{road}/../../../../../../..{secret}")
    report.refused.setdefault("open files", "none lead out")


def _try(report: Report, what: str, road: str) -> None:
    def go() -> None:
        text = read(road).decode("latin-1")
        report.saw(text)

    report.attempt(what, go)


@program
def by_steps(report: Report, facts: Facts) -> None:
    """Upwards by `..`: from the workspace, the inputs, open folders, and a folder that was moved."""
    secret = facts["secret"]
    for folder in ("/job", "/job/inputs", "/job/deliverables", "/tmp", "/dev/shm", "/opt/toolbox", "/opt/upbench"):
        if not os.path.isdir(folder):
            continue
        handle = os.open(folder, os.O_RDONLY)

        def climb(handle: int = handle) -> None:
            inner = os.open("../" * 40 + secret.lstrip("/"), os.O_RDONLY, dir_fd=handle)
            report.saw(os.read(inner, 200).decode("latin-1"))

        report.attempt(folder, climb)
        os.close(handle)
    _moved(report, secret)


def _moved(report: Report, secret: str) -> None:
    # A folder that is moved from under a process has another parent than its path said.
    os.makedirs("/job/a/b/c", exist_ok=True)
    handle = os.open("/job/a/b/c", os.O_RDONLY)
    os.rename("/job/a/b", "/job/b")

    def climb() -> None:
        inner = os.open("../" * 12 + secret.lstrip("/"), os.O_RDONLY, dir_fd=handle)
        report.saw(os.read(inner, 200).decode("latin-1"))

    report.attempt("moved", climb)
    os.close(handle)
    os.removedirs("/job/b/c")
    os.rmdir("/job/a")


@program
def state_folder(report: Report, facts: Facts) -> None:
    """The provider's state: other trials' workspaces, by path, and beside one's own."""
    report.attempt("neighbour by path", lambda: _take(report, facts["neighbour"]))
    report.attempt("state", lambda: report.saw(" ".join(os.listdir(facts["state"]))))
    name = os.path.basename(os.path.dirname(facts["neighbour"]))
    for road in (
        f"/job/../{name}/note.txt",
        f"/proc/self/cwd/../{name}/note.txt",
        f"/proc/1/cwd/../{name}/note.txt",
    ):
        _try(report, "beside mine", road)
    for place in ("/var/lib/docker/volumes", "/var/lib/docker", "/run/containerd"):
        report.attempt(place, lambda place=place: report.saw(" ".join(os.listdir(place))))  # type: ignore[misc]


@program
def hard_links(report: Report, facts: Facts) -> None:
    """Hard links in the workspace to what lies outside of it, to be collected or changed later."""
    for source in ("/etc/passwd", "/usr/bin/env", "/opt/upbench/inside.pyc", facts["secret"]):

        def go(source: str = source) -> None:
            os.link(source, "/job/hard", follow_symlinks=False)
            report.did.append("linked")
            os.unlink("/job/hard")

        report.attempt(source, go)


@program
def system_files(report: Report, facts: Facts) -> None:
    """Write to the system, the toolbox and the supervisor's program, to poison the next trial."""
    places = [
        "/usr/bin",
        "/etc",
        "/opt/toolbox",
        "/opt/upbench",
        "/opt/python/bin",
        "/usr/lib",
        "/",
        "/job/inputs",
    ]
    for folder in (p for p in places if os.path.isdir(p)):

        def make(folder: str = folder) -> None:
            path = os.path.join(folder, "poison")
            with open(path, "w") as stream:
                stream.write("x")
            os.unlink(path)

        report.attempt(f"new in {folder}", make)
    files = ["/usr/bin/env", "/etc/passwd", "/opt/upbench/inside.pyc", "/opt/upbench/inside_files.pyc"]
    files += ["/opt/toolbox/openpyxl/__init__.py", "/etc/ld.so.preload", "/etc/ld.so.cache"]
    for path in files:
        if os.path.exists(path):
            report.attempt(f"write {path}", lambda path=path: opens_for_writing(path))  # type: ignore[misc]
            report.attempt(f"mode {path}", lambda path=path: os.chmod(path, os.stat(path).st_mode & 0o7777))  # type: ignore[misc]
            report.attempt(f"time {path}", lambda path=path: os.utime(path))  # type: ignore[misc]


@program
def inputs(report: Report, facts: Facts) -> None:
    """Replace the inputs: rename, remove, chmod, link over, write, truncate."""
    report.attempt("rename", lambda: os.rename("/job/inputs", "/job/gone"))
    report.attempt("remove", lambda: os.rmdir("/job/inputs"))
    report.attempt("chmod", lambda: os.chmod("/job/inputs", 0o777))
    report.attempt("exchange", lambda: os.replace("/job/deliverables", "/job/inputs"))
    path = "/job/inputs/brief.txt"
    report.attempt("write", lambda: opens_for_writing(path))
    report.attempt("truncate", lambda: os.truncate(path, 0))
    report.attempt("unlink", lambda: os.unlink(path))
    report.attempt("own", lambda: os.chown(path, 1000, 1000))
    report.attempt("new", lambda: os.close(os.open("/job/inputs/new", os.O_CREAT | os.O_WRONLY)))


@program
def programs_running(report: Report, facts: Facts) -> None:
    """Overwrite the program that runs: /proc/PID/exe of all (as in runc's CVE-2019-5736), also by O_PATH."""
    for pid in sorted({1, os.getppid(), os.getpid(), *pids()}):
        road = f"/proc/{pid}/exe"
        report.attempt("exe", lambda road=road: opens_for_writing(road))  # type: ignore[misc]

        def again(road: str = road) -> None:
            handle = os.open(road, os.O_PATH)
            try:
                opens_for_writing(f"/proc/self/fd/{handle}")
            finally:
                os.close(handle)

        report.attempt("exe by O_PATH", again)
    report.attempt("sh", lambda: opens_for_writing("/bin/sh"))


@program
def nodes(report: Report, facts: Facts) -> None:
    """Make a node of the host's disk, of its memory and of its console, and read them."""
    disk = tuple(facts["disk"])
    for folder in ("/job", "/tmp", "/dev/shm", *(() if facts.get("control") else ("/dev",))):
        for name, kind, number in (
            ("disk", stat.S_IFBLK, disk),
            ("memory", stat.S_IFCHR, (1, 1)),
            ("console", stat.S_IFCHR, (5, 1)),
        ):

            def go(path: str = f"{folder}/{name}", kind: int = kind, number: tuple[int, ...] = number) -> None:
                os.mknod(path, kind | 0o666, os.makedev(*number))
                try:
                    report.saw(read(path, 512).decode("latin-1"))
                except OSError:
                    return
                finally:
                    os.unlink(path)

            report.attempt(f"{name} in {folder}", go)


@program
def devices(report: Report, facts: Facts) -> None:
    """Open every device that is shown, and those that a host has."""
    usual = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "console", "core"}
    usual |= {"stdin", "stdout", "stderr", "fd", "shm", "pts", "mqueue"}
    odd = [name for name in os.listdir("/dev") if name not in usual]
    wanted = "kvm fuse loop-control loop0 vda sda nvme0n1 mem kmem port kmsg net/tun vsock vhost-net vhost-vsock"
    for name in dict.fromkeys(
        [*odd, *wanted.split(), "btrfs-control", "cpu_dma_latency", "hwrng", "zram0", "uinput"]
    ):
        path = f"/dev/{name}"
        report.attempt(path, lambda path=path: os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK)))  # type: ignore[misc]
