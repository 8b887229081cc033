"""`throwaway.py KIND FOLDER INSIDE PROGRAM...`: run a program on a copy of this root to throw away.

Started in a mount namespace of its own (and, of kind `namespaces`, in others): what it writes goes to memory, but
for what lies on other file systems than `/`, which are shown as they are.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str | None, flags: int = 0, data: str | None = None) -> None:
    """mount(2). Raises OSError."""
    words = [None if word is None else word.encode() for word in (source, target, kind)]
    if libc.mount(*words, ctypes.c_ulong(flags), None if data is None else data.encode()):
        raise OSError(ctypes.get_errno(), f"mount {target}")


def main() -> None:
    """Build the root, enter it, become the agent where that is wanted, run."""
    kind, folder, inside, *program = sys.argv[1:]
    scratch = folder + "/scratch"
    os.makedirs(scratch, exist_ok=True)
    mount("none", scratch, "tmpfs")
    for name in ("upper", "work", "root"):
        os.mkdir(f"{scratch}/{name}")
    root = scratch + "/root"
    mount("o", root, "overlay", 0, f"lowerdir=/,upperdir={scratch}/upper,workdir={scratch}/work")
    for name in ("dev", "sys"):
        mount(f"/{name}", f"{root}/{name}", None, 4096 | 16384)
    if kind == "namespaces":
        mount("proc", f"{root}/proc", "proc")
    else:
        mount("/proc", f"{root}/proc", None, 4096 | 16384)
    for name in ("job/deliverables", "job/inputs", "opt/upbench", "opt/toolbox/openpyxl", "run"):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    for name in ("job/inputs/brief.txt", "opt/upbench/inside.pyc", "opt/upbench/inside_files.pyc"):
        Path(root, name).write_text("x")
    shutil.copytree(inside, f"{root}/job/inside")
    os.chroot(root)
    os.chdir("/job")
    if kind == "agent":
        os.setgroups([])
        os.setgid(1000)
        os.setuid(1000)
    os.execv(program[0], program)


main()
