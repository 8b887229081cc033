"""How `bwrap` is called: whether it can be used here, and its arguments for one sandbox."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from pathlib import Path

from sandbox.bubblewrap.masks import one_user_masks, own_masks, proc_masks
from sandbox.bubblewrap.process import host_id
from sandbox.bubblewrap.system import system_arguments, system_folder
from sandbox.network.gate import GATE_FOLDER, Gate
from sandbox.places import INPUTS, WORKSPACE, absolute
from sandbox.protocol import SandboxSpec
from sandbox.shown import Shown
from sandbox.toolbox import toolbox_path

MEND = "sudo apt-get install -y bubblewrap"
KINDS = ("user", "pid", "ipc", "uts", "net", "cgroup-try")
NAMESPACES = [f"--unshare-{kind}" for kind in KINDS]
FIXED = [*NAMESPACES, "--die-with-parent", "--new-session", "--as-pid-1", "--hostname", "sandbox"]
OLDEST = (0, 7)  # knows the size of a tmpfs


@functools.cache
def program() -> str:
    """Where `bwrap` is."""
    return shutil.which("bwrap") or "/usr/bin/bwrap"


@functools.cache
def version() -> str:
    """What `bwrap --version` says."""
    said = subprocess.run([program(), "--version"], capture_output=True, text=True, check=False)
    return said.stdout.strip().removeprefix("bubblewrap ")


def bubblewrap_problem() -> tuple[str, str] | None:
    """Whether `bwrap` is there and may make namespaces; (what is wrong, what mends it) if not."""
    if not shutil.which("bwrap"):
        return "bubblewrap (the program bwrap) is not installed", MEND
    # Not all of the host: mounts come and go below `/` (an engine's), and bwrap would stumble over them.
    probe = [program(), *FIXED, *system_arguments(), "--proc", "/proc"]
    probe += ["--perms", "1777", "--size", "65536", "--tmpfs", "/tmp", "/bin/true"]  # noqa: S108
    said = subprocess.run(probe, capture_output=True, text=True, check=False)
    if said.returncode == 0:
        return None
    if tuple(int(part) for part in re.findall(r"\d+", version())[:2]) < OLDEST:
        return f"bubblewrap {version()} is too old: {OLDEST[0]}.{OLDEST[1]} or later is needed", MEND
    mend = "sudo sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0"
    return f"bubblewrap cannot make namespaces here: {said.stderr.strip()[:200]}", mend


@functools.cache
def without_inheritable() -> tuple[str, ...]:
    """What starts the supervisor without the capabilities that `bwrap` leaves inheritable; nothing where unneeded.

    They are what root needs to become the sandbox's user. Nobody can make anything of them without new privileges,
    which there are none of; but they are nobody's to keep either, and Python cannot give them up by itself.
    """
    words = ("/usr/bin/setpriv", "--inh-caps=-all")
    if host_id() is None or not Path(words[0]).exists():
        return ()
    said = subprocess.run([*words, "/bin/true"], capture_output=True, check=False)
    return words if said.returncode == 0 else ()


def arguments(spec: SandboxSpec, state: Path, root: Path, shown: Shown, gate: Gate | None) -> list[str]:
    """The arguments of `bwrap` for a sandbox whose workspace is the folder `root` below the project data.

    Raises:
        BadInput: Its inputs, or a folder to be shown, are not there.
    """
    # Scratch is memory: better no space left on it than a process killed for it.
    size = str(min(spec.limits.workspace_bytes, spec.limits.memory_bytes))
    inputs = shown.path(spec.inputs) if spec.inputs else system_folder() / "empty"
    found = [*FIXED, *_folders("/opt/x"), *system_arguments()]
    found += ["--ro-bind", str(toolbox_path()), "/opt/toolbox"]
    found += [*own_masks(state), "--proc", "/proc", *proc_masks(), "--dev", "/dev"]
    for scratch in ("/tmp", "/dev/shm"):  # noqa: S108
        found += ["--perms", "1777", "--size", size, "--tmpfs", scratch]
    found += [*_folders("/var/tmp"), "--symlink", "../tmp", "/var/tmp"]  # noqa: S108
    found += ["--bind", str(root), WORKSPACE, "--ro-bind", str(inputs), INPUTS]
    for mount in spec.mounts:
        target = absolute(mount.target)
        found += [*_folders(target), "--ro-bind", str(shown.path(mount.source)), target]
    if gate:
        found += ["--ro-bind", str(gate.folder), GATE_FOLDER]
    if host_id() is None:
        found += ["--uid", "1000", "--gid", "1000", *one_user_masks()]
    return [*found, "--remount-ro", "/", "--chdir", WORKSPACE]


@functools.cache
def _folders(target: str) -> tuple[str, ...]:
    """Arguments for the folders above `target`, which bwrap by itself would make for root alone."""
    above = [str(folder) for folder in reversed(Path(target).parents)][1:]
    return tuple(word for folder in above for word in ("--perms", "0755", "--dir", folder))
