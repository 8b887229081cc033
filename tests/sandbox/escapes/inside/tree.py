"""Deliverables that are not what they seem, or do not stay it."""

from __future__ import annotations

import os
import socket
import time

from .kit import Facts, Report, call, program

EXCHANGE = 2


def _exchange(one: str, other: str) -> None:
    call("renameat2", -100, one.encode(), -100, other.encode(), EXCHANGE)


def _race(facts: Facts, one: str, other: str) -> None:
    end = time.monotonic() + float(facts.get("last", 20))
    while time.monotonic() < end:
        try:
            _exchange(one, other)
        except OSError:  # a kernel that cannot exchange: three steps, and a moment with nothing there
            os.rename(one, other + ".third")
            os.rename(other, one)
            os.rename(other + ".third", other)


@program
def swap_file(report: Report, facts: Facts) -> None:
    """A file that is a link to the host's secret every other moment."""
    at = facts["at"]
    with open(f"{at}/a.txt", "w") as stream:
        stream.write("harmless")
    os.symlink(facts["secret"], f"{at}/../b.txt")
    _race(facts, f"{at}/a.txt", f"{at}/../b.txt")


@program
def swap_folder(report: Report, facts: Facts) -> None:
    """A folder that is a link to the host's folder every other moment."""
    at = facts["at"]
    os.makedirs(f"{at}/d")
    with open(f"{at}/d/secret.txt", "w") as stream:
        stream.write("harmless")
    os.symlink(facts["folder"], f"{at}/../e")
    _race(facts, f"{at}/d", f"{at}/../e")


@program
def move_folder(report: Report, facts: Facts) -> None:
    """Folders that move up and down the tree while they are walked."""
    at = facts["at"]
    os.makedirs(f"{at}/x/y/z")
    for name in ("x/1", "x/y/2", "x/y/z/3"):
        with open(f"{at}/{name}", "w") as stream:
            stream.write("harmless")
    end = time.monotonic() + float(facts.get("last", 20))
    while time.monotonic() < end:
        os.rename(f"{at}/x/y", f"{at}/../y")
        os.rename(f"{at}/../y", f"{at}/x/y")


@program
def grow(report: Report, facts: Facts) -> None:
    """A file that grows while it is copied."""
    end = time.monotonic() + float(facts.get("last", 20))
    with open(f"{facts['at']}/grows", "wb", 0) as stream:
        stream.write(b"x" * (3 << 20))
        while time.monotonic() < end and stream.tell() < 200 << 20:
            stream.write(b"x" * (256 << 10))
            time.sleep(0.002)


@program
def links(report: Report, facts: Facts) -> None:
    """Links of every kind: to files and folders, absolute, relative, in chains and rings, through /proc."""
    at, secret = facts["at"], facts["secret"]
    wanted = {
        "absolute": secret,
        "relative": "../" * 30 + secret.lstrip("/"),
        "folder": facts["folder"],
        "root": "/",
        "proc": "/proc/self/root" + secret,
        "chain": "absolute",
        "ring": "ring",
        "passwd": "/etc/passwd",
        "dot": ".",
        "up": "..",
        "stdin": "/dev/stdin",
    }
    for name, target in wanted.items():
        os.symlink(target, f"{at}/{name}")
    with open(f"{at}/real", "w") as stream:
        stream.write("real")


@program
def odd_kinds(report: Report, facts: Facts) -> None:
    """Fifos and sockets that a reader waits on for ever."""
    at = facts["at"]
    os.mkfifo(f"{at}/fifo")
    os.mkfifo(f"{at}/fifo.docx", 0o666)
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(f"{at}/socket")
    with open(f"{at}/real", "w") as stream:
        stream.write("real")


@program
def many(report: Report, facts: Facts) -> None:
    """A great many files."""
    at = facts["at"]
    for number in range(int(facts["most"])):
        os.close(os.open(f"{at}/{number:06d}", os.O_CREAT))


@program
def deep(report: Report, facts: Facts) -> None:
    """Folders in folders, deeper than any path can say."""
    os.chdir(facts["at"])
    for _ in range(int(facts["most"])):
        os.mkdir("d")
        os.chdir("d")
    with open("f", "w") as stream:
        stream.write("deep")


@program
def sparse(report: Report, facts: Facts) -> None:
    """Files of nothing that claim a great deal."""
    for number in range(40):
        with open(f"{facts['at']}/giant{number}", "wb") as stream:
            stream.truncate(900 << 20)


NAMES = (
    b"new\nline",
    b"tab\tab",
    b"esc\x1b[2J\x1b]0;title\x07",
    b"bell\x07",
    b"\xff\xfe not text",
    b"\xed\xa0\x80 half a pair",
    "\u202egnp.exe".encode(),
    "zero\u200bwidth".encode(),
    "line\u2028separator".encode(),
    b"back\\slash",
    b"C:\\Windows\\x",
    b"..\\..\\up",
    b"x" * 255,
    b"-rf",
    b" leading and trailing ",
    b"...",
    b"<script>alert(1)</script>".replace(b"/", b""),
    b"$(touch x)`id`;|&",
    b"%2e%2e%2fup",
    b"CON",
    b"a:b",
    b"~",
    b".git",
)


@program
def names(report: Report, facts: Facts) -> None:
    """Names that are hostile to whoever prints, opens or serves them."""
    here = os.fsencode(facts["at"])
    for name in NAMES:
        with open(here + b"/" + name, "wb") as stream:
            stream.write(b"x")


@program
def modes(report: Report, facts: Facts) -> None:
    """Setuid, executable, unreadable and ancient files."""
    at = facts["at"]
    for name, mode in {"suid": 0o4777, "sgid": 0o2777, "sticky": 0o1777, "none": 0, "plain": 0o644}.items():
        with open(f"{at}/{name}", "w") as stream:
            stream.write("#!/bin/sh\n")
        os.chmod(f"{at}/{name}", mode)
    os.utime(f"{at}/plain", (-(1 << 33), -(1 << 33)))
    os.utime(f"{at}/suid", (1 << 34, 1 << 34))
    os.mkdir(f"{at}/closed")
    with open(f"{at}/closed/in", "w") as stream:
        stream.write("x")
    os.chmod(f"{at}/closed", 0)


@program
def archives(report: Report, facts: Facts) -> None:
    """Archives that write elsewhere when they are unpacked: names with `..`, absolute ones, links, a zip bomb."""
    import io
    import tarfile
    import zipfile

    at, target = facts["at"], facts["folder"]
    for kind in ("zip", "docx", "xlsx"):
        with zipfile.ZipFile(f"{at}/evil.{kind}", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"../../../../../..{target}/ledger.txt", "overwritten")
            archive.writestr(f"{target}/new.txt", "overwritten")
            archive.writestr(
                "[Content_Types].xml", "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>"
            )
            archive.writestr("bomb", b"\0" * (64 << 20))
    with tarfile.open(f"{at}/evil.tar", "w") as tar:
        link = tarfile.TarInfo("out")
        link.type, link.linkname = tarfile.SYMTYPE, target
        tar.addfile(link)
        for name in ("out/ledger.txt", f"..{target}/new.txt", f"{target}/new.txt"):
            row = tarfile.TarInfo(name)
            row.size = 4
            tar.addfile(row, io.BytesIO(b"evil"))


@program
def cases(report: Report, facts: Facts) -> None:
    """Names that are one on other systems: by case and by how accents are written."""
    for number, name in enumerate(("a.txt", "A.txt", "A.TXT", "\u00e9.txt", "e\u0301.txt", "ﬁ.txt", "fi.txt")):
        with open(f"{facts['at']}/{name}", "w") as stream:
            stream.write(str(number))
