"""What is covered of that which a sandbox would see otherwise: of `/proc`, and of UpBench itself."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from sandbox.bubblewrap.system import python_inside, system_folder

# Files of `/proc` that tell about the kernel, its keys, and what else runs on this machine. Each costs 0.1 ms
# of an opening; those that only the host's root can read, who is not the sandbox's user, are left alone.
OF_THE_HOST = (
    "cmdline",
    "interrupts",
    "kallsyms",
    "kcore",
    "keys",
    "kmsg",
    "latency_stats",
    "sched_debug",
    "timer_list",
    "timer_stats",
)
PACKAGES = Path(__file__).absolute().parents[2]
ROOMS = ("agents", "core", "dialogues", "grading", "jobs", "rubrics", "runs", "sandbox", "upbench")


@functools.cache
def proc_masks() -> tuple[str, ...]:
    """Arguments of `bwrap`, to follow `--proc /proc`, that cover what of it others than root can read."""
    found: list[str] = []
    for name in OF_THE_HOST:
        try:
            mode = os.stat(f"/proc/{name}").st_mode
        except OSError:
            continue
        if mode & 0o004 and (name != "kallsyms" or _addresses_show()):
            found += cover(f"/proc/{name}", folder=False)
    return tuple(found)


def _addresses_show() -> bool:
    """Whether everybody is told where the kernel lies (as a rule all that is read there is zeros)."""
    settings = Path("/proc/sys/kernel")
    try:
        restricted = int((settings / "kptr_restrict").read_text()) > 0
        return not restricted and int((settings / "perf_event_paranoid").read_text()) < 2
    except (OSError, ValueError):
        return True


def one_user_masks() -> list[str]:
    """More arguments where a namespace has one user only: what root would own in it belongs to the sandbox's.

    Settings become read-only (each is looked up in the namespaces of the process that asks, whichever `/proc` it
    is asked through), and so do the devices; the supervisor's memory, which commands could write to, is hidden.
    """
    settings = ["--ro-bind", "/proc/sys", "/proc/sys"]
    return [*settings, "--remount-ro", "/dev", *cover("/proc/1", folder=True)]


def own_masks(state: Path) -> tuple[str, ...]:
    """Arguments that cover UpBench's code, with its jobs and their rubrics, and the project data in `state`.

    Only where these lie below a folder that is shown: a system-wide installation, for instance.
    """
    return _own_masks(state, PACKAGES)


@functools.cache
def _own_masks(state: Path, packages: Path) -> tuple[str, ...]:
    installed = packages.name in ("site-packages", "dist-packages")
    ours = [packages / room for room in ROOMS] if installed else [packages]
    found: list[str] = []
    for path in (*ours, state.resolve()):
        for shown, inside in _shown_folders():
            below = path.resolve()
            if below.is_dir() and below.is_relative_to(shown):
                found += cover(str(inside / below.relative_to(shown)), folder=True)
    return tuple(found)


def _shown_folders() -> list[tuple[Path, Path]]:
    """Host folders that are shown whole -> where."""
    found = [(Path("/usr"), Path("/usr"))]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        if not Path("/", name).is_symlink():
            found.append((Path("/", name), Path("/", name)))
    python = python_inside()[1]
    return [*found, (python.resolve(), Path("/opt/python"))] if python else found


def cover(target: str, *, folder: bool) -> list[str]:
    """Arguments that put nothing in the place of a file or folder."""
    return ["--ro-bind", str(system_folder() / ("empty" if folder else "nothing")), target]
