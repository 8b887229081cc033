"""The system that a bubblewrap sandbox sees: the host's programs read-only, and a small `/etc` of our own.

What is made for it (that `/etc`, the compiled supervisor, the filter of system calls) is kept beside the toolbox.
"""

from __future__ import annotations

import functools
import hashlib
import os
import py_compile
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

from sandbox.bubblewrap.seccomp import syscall_filter
from sandbox.supervisor.program import FOLDER, PROGRAM, program_digest
from sandbox.toolbox import cache_folder

FILTER = "syscalls"
ETC = {
    "passwd": "root:x:0:0:root:/root:/usr/sbin/nologin\nagent:x:1000:1000:agent:/tmp:/bin/bash\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "group": "root:x:0:\nagent:x:1000:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "hostname": "sandbox\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "machine-id": "0" * 32 + "\n",
}
# Nothing of these tells about the host's users, network or services.
ETC_OF_HOST = (
    "alternatives",
    "bash.bashrc",
    "fonts",
    "ImageMagick-6",
    "java-17-openjdk",
    "ld.so.cache",
    "libreoffice",
    "locale.alias",
    "magic",
    "magic.mime",
    "mime.types",
    "os-release",
    "perl",
    "ssl/certs/ca-certificates.crt",
    "ssl/openssl.cnf",
    "services",
    "terminfo",
)


@functools.cache
def python_inside() -> tuple[str, Path | None]:
    """The interpreter inside, and the host's installation to be shown at `/opt/python` (None: the system's)."""
    tag = f"{sys.version_info.major}.{sys.version_info.minor}"
    system = Path("/usr/bin/python3")
    if system.exists():
        said = subprocess.run([system, "-I", "-S", "--version"], capture_output=True, text=True, check=False)
        if said.stdout.startswith(f"Python {tag}."):
            return str(system), None
    return f"/opt/python/bin/python{tag}", Path(sys.base_prefix)


@functools.cache
def system_folder() -> Path:
    """The folder with our `etc` and the compiled supervisor, made once for each content."""
    parts = [program_digest().encode(), sys.version.encode(), repr(sorted(ETC.items())).encode()]
    parts += [syscall_filter() or b"", b"one folder"]
    for name in ETC_OF_HOST:
        path = Path("/etc") / name
        if path.exists():
            about = path.stat()
            parts.append(f"{name} {about.st_mtime_ns} {about.st_size}".encode())
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
    folder = cache_folder() / "system" / digest
    if not folder.is_dir():
        _make(folder)
    return folder


def _make(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}.{secrets.token_hex(4)}")
    (fresh / "etc").mkdir(parents=True)
    for name, text in ETC.items():
        (fresh / "etc" / name).write_text(text)
    for name in ETC_OF_HOST:
        source, target = Path("/etc") / name, fresh / "etc" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        elif source.exists():
            shutil.copyfile(source, target)
    if Path("/usr/share/zoneinfo/UTC").exists():
        (fresh / "etc" / "localtime").symlink_to("/usr/share/zoneinfo/UTC")
    for source in PROGRAM:
        py_compile.compile(str(source), str(fresh / f"{source.stem}.pyc"), dfile=source.name, optimize=2)
    (fresh / "empty").mkdir()
    (fresh / "nothing").touch()
    program = syscall_filter()
    if program:
        (fresh / FILTER).write_bytes(program)
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    try:
        fresh.rename(folder)
    except OSError:
        shutil.rmtree(fresh)
        if not folder.is_dir():
            raise


@functools.cache
def filter_file() -> Path | None:
    """The filter of system calls, as bwrap takes it; None where there is none for this machine."""
    return system_folder() / FILTER if syscall_filter() and _kernel_filters() else None


def _kernel_filters() -> bool:
    return "\nSeccomp:" in Path("/proc/self/status").read_text()


@functools.cache
def system_arguments() -> tuple[str, ...]:
    """Arguments of bwrap for the read-only system (without workspace, inputs and mounts)."""
    folder = system_folder()
    found = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/") / name
        if path.is_symlink():
            found += ["--symlink", os.readlink(path), f"/{name}"]
        elif path.is_dir():
            found += ["--ro-bind", f"/{name}", f"/{name}"]
    # One mount for both: each costs as much as reading the table of all of this machine's.
    found += ["--ro-bind", str(folder), FOLDER, "--symlink", f"{FOLDER[1:]}/etc", "/etc"]
    shown = python_inside()[1]
    if shown:
        found += ["--ro-bind", str(shown), "/opt/python"]
    return tuple(found)
