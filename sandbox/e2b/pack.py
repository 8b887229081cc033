"""What is sent to a cloud machine, as compressed archives that belong to root and are readable by all."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import io
import os
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from core import BadInput
from sandbox.places import absolute
from sandbox.protocol import SandboxSpec
from sandbox.supervisor.program import PROGRAM
from sandbox.toolbox import cache_folder, toolbox_digest, toolbox_path

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
START = Path(__file__).parent / "start.sh"
LEVEL = 1  # a fast line is more common than a fast processor
SPOOL = 8 << 20


class Pack(NamedTuple):
    """An archive to be unpacked into the folder `target` of the machine, where it is recognised by its digest."""

    target: str
    data: IO[bytes]


@functools.cache
def program_folder() -> str:
    """Where the supervisor's program and `start.sh` lie in a machine: another folder for another content."""
    digest = hashlib.sha256(b"\0".join(source.read_bytes() for source in (START, *PROGRAM))).hexdigest()
    return f"/opt/upbench-{digest[:16]}"


@functools.cache
def toolbox_folder() -> str:
    """Where the toolbox of our lock, for our Python, lies in a machine; a template may hold it there."""
    return f"/opt/toolbox-{toolbox_digest()[:16]}-cp{PYTHON.replace('.', '')}"


def program_pack() -> Pack:
    """The supervisor's program, and what starts it."""
    found = io.BytesIO()
    with tarfile.open(fileobj=found, mode="w:gz", compresslevel=LEVEL) as archive:
        for source in (START, *PROGRAM):
            archive.add(source, source.name, filter=_plain)
    found.seek(0)
    return Pack(program_folder(), found)


def toolbox_pack() -> Pack:
    """The installed toolbox, packed once for each lock and Python; who comes second waits for the first."""
    folder = cache_folder() / "e2b"
    file = folder / f"{toolbox_path().name}.tar.gz"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            fresh = folder / f".{file.name}"  # what a process left there that was killed is written over
            with tarfile.open(fresh, mode="w:gz", compresslevel=LEVEL) as archive:
                archive.add(toolbox_path(), ".", filter=_plain)
            fresh.rename(file)
    return Pack(toolbox_folder(), file.open("rb"))


def shown_digest(spec: SandboxSpec) -> str:
    """Names what `spec` shows read-only by the state of the host's files.

    Raises:
        BadInput: One of them is not there.
    """
    digest = hashlib.sha256()
    for name, source in _shown(spec):
        if not source.exists():
            raise BadInput("no such file or folder", file=source)
        digest.update(f"{name}\0".encode())
        for path in (source, *(sorted(source.rglob("*")) if source.is_dir() else ())):
            about = path.lstat()
            row = f"{path.relative_to(source)}\0{about.st_mode}\0{about.st_mtime_ns}\0{about.st_size}\0"
            digest.update(row.encode("utf-8", "surrogateescape"))
    for mount in spec.mounts:
        digest.update(absolute(mount.target).encode("utf-8", "surrogateescape") + b"\0")
    return digest.hexdigest()[:16]


def shown_pack(spec: SandboxSpec, target: str) -> Pack:
    """`inputs/`, and for each mount `mounts/N/source` and the path `mounts/N/target`. Links stay links."""
    found = tempfile.SpooledTemporaryFile(SPOOL)  # noqa: SIM115  # whoever sends it closes it
    with tarfile.open(fileobj=found, mode="w:gz", compresslevel=LEVEL) as archive:
        for name, source in _shown(spec):
            archive.add(os.path.realpath(source), name, filter=_plain)
        if spec.inputs is None:
            archive.addfile(_folder("inputs"))
        for number, mount in enumerate(spec.mounts):
            text = absolute(mount.target).encode("utf-8", "surrogateescape")
            row = tarfile.TarInfo(f"mounts/{number}/target")
            row.size = len(text)
            archive.addfile(row, io.BytesIO(text))
    found.seek(0)
    return Pack(target, found)


def _shown(spec: SandboxSpec) -> Iterator[tuple[str, Path]]:
    if spec.inputs is not None:
        yield "inputs", spec.inputs
    for number, mount in enumerate(spec.mounts):
        yield f"mounts/{number}/source", mount.source


def _folder(name: str) -> tarfile.TarInfo:
    row = tarfile.TarInfo(name)
    row.type, row.mode = tarfile.DIRTYPE, 0o755
    return row


def _plain(row: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """As root's, readable by all; what is no file, folder or link is left out."""
    if not (row.isreg() or row.isdir() or row.issym() or row.islnk()):
        return None
    row.uid = row.gid = 0
    row.uname = row.gname = ""
    if not row.issym():
        row.mode = 0o755 if row.isdir() or row.mode & 0o100 else 0o644
    return row
