"""The provider `bwrap`: a sandbox is a `bwrap` process with the supervisor as its first process."""

from __future__ import annotations

import asyncio
import functools
import os
import re
import resource
import shutil
import stat
import subprocess
from pathlib import Path

from core import BadInput, Cause, MissingTool, SandboxFault
from sandbox.bubblewrap.cgroups import Group
from sandbox.bubblewrap.process import Process, host_id
from sandbox.bubblewrap.system import filter_file, python_inside, system_arguments, system_folder
from sandbox.environment import environment
from sandbox.network.events import Audit, unheard
from sandbox.network.policy import Network, NetworkPolicy
from sandbox.places import INPUTS, WORKSPACE, absolute
from sandbox.protocol import Resource, SandboxInfo, SandboxLimits, SandboxSpec, Taken, TreeLimits
from sandbox.shown import readable
from sandbox.supervisor.client import Wire
from sandbox.supervisor.program import ARGUMENTS
from sandbox.supervisor.session import Session, max_reply
from sandbox.toolbox import toolbox_digest, toolbox_installed, toolbox_path
from sandbox.trees import collect_tree, remove_tree

MEND = "sudo apt-get install -y bubblewrap"
KINDS = ("user", "pid", "ipc", "uts", "net", "cgroup-try")
NAMESPACES = [f"--unshare-{kind}" for kind in KINDS]
FIXED = [*NAMESPACES, "--die-with-parent", "--new-session", "--as-pid-1", "--hostname", "sandbox"]
FOLDER = "deliverables"
OLDEST = (0, 7)  # knows the size of a tmpfs


class BubblewrapSandbox(Session):
    """An open sandbox of namespaces."""

    def __init__(self, wire: Wire, spec: SandboxSpec, info: SandboxInfo, root: Path, process: Process) -> None:
        super().__init__(wire, spec.limits, info)
        self._root, self._process = root, process
        self.group: Group | None = None

    @property
    def process(self) -> Process:
        """The processes on the host."""
        return self._process

    def enforced(self, how: dict[str, str]) -> None:
        """Note how each limit is enforced."""
        self._info = self._info.model_copy(update={"enforced": how})

    async def download(self, source: str, target: Path, limits: TreeLimits) -> Taken:
        """Copy a folder's regular files out; below `/job` the host reads the workspace itself."""
        path = absolute(source)
        below = path.removeprefix(WORKSPACE)
        if path == INPUTS or path.startswith(INPUTS + "/") or (below == path or below[:1] not in ("", "/")):
            return await super().download(source, target, limits)
        return await asyncio.to_thread(collect_tree, self._root, below.strip("/"), target, limits)

    async def close(self) -> None:
        """End every process of the sandbox. The workspace stays."""
        self._wire.fail(SandboxFault(Cause.sandbox_lost, "the sandbox is closed"))
        await self._process.end()
        if self.group:
            group, self.group = self.group, None
            group.remove()


class BubblewrapProvider:
    """Opens sandboxes of namespaces; workspaces are folders under `state/workspaces`."""

    name = "bwrap"

    def __init__(self, state: Path) -> None:
        self._workspaces = state.absolute() / "workspaces"
        self._copies = state.absolute() / "copies"
        self._checked = False

    def problem(self) -> tuple[str, str] | None:
        """None when bubblewrap and the toolbox are there and namespaces can be made."""
        found = bubblewrap_problem()
        if found is None and not toolbox_installed():
            found = ("the toolbox is not installed", "upbench toolbox install")
        return found

    def refuses(self, network: NetworkPolicy) -> str | None:
        """Why this provider cannot enforce a network policy here; None when it can."""
        if network.mode is Network.none:
            return None
        return f"the sandbox provider bwrap cannot enforce the network policy `{network.mode}`"

    async def open(self, spec: SandboxSpec, *, audit: Audit = unheard) -> BubblewrapSandbox:
        """Open (or open again) the workspace of `spec`, as `SandboxProvider.open` says."""
        if refusal := self.refuses(spec.network):
            raise BadInput(refusal)
        if not self._checked:
            problem = await asyncio.to_thread(self.problem)
            if problem:
                raise MissingTool(problem[0], mend=problem[1])
            self._checked = True
        root = self._prepare(spec.workspace)
        python, shown = python_inside()
        arguments = [*self._arguments(spec, root), python, *ARGUMENTS]
        env = environment("/opt/python" if shown else None)
        process = await Process.start(_program(), arguments, env, filter_file())
        wire = Wire(max_reply(spec.limits), process.said)
        sandbox = BubblewrapSandbox(wire, spec, _info({}), root, process)
        opened = False
        try:
            loop = asyncio.get_running_loop()
            await loop.create_unix_connection(lambda: wire, sock=process.wire_end)
            await asyncio.gather(wire.started(), asyncio.to_thread(_limit, sandbox, spec.limits))
            opened = True
        except OSError as error:
            why = process.said() or f"its limits cannot be set: {error.strerror}"
            raise SandboxFault(Cause.sandbox_start, why) from error
        finally:
            if not opened:
                await sandbox.close()
        return sandbox

    async def collect(self, workspace: str, target: Path, limits: TreeLimits) -> Taken:
        """The deliverables of a workspace whose sandbox is closed or dead."""
        root = self._workspaces / workspace
        return await asyncio.to_thread(collect_tree, root, FOLDER, target, limits)

    async def resources(self) -> tuple[Resource, ...]:
        """What exists of this owner's."""
        return ()

    async def remove(self, resource: Resource) -> None:
        """Remove one of `resources`."""

    async def discard(self, workspace: str) -> None:
        """Remove a workspace. A missing one is fine."""
        await asyncio.to_thread(remove_tree, self._workspaces / workspace)

    def _prepare(self, key: str) -> Path:
        """The workspace's folder, with real folders where the sandbox needs them."""
        root = self._workspaces / key
        self._workspaces.mkdir(parents=True, exist_ok=True)
        _own(root)
        handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            for name in ("inputs", FOLDER):
                _own(Path(name), handle)
        finally:
            os.close(handle)
        return root

    def _arguments(self, spec: SandboxSpec, root: Path) -> list[str]:
        size = str(spec.limits.workspace_bytes)
        inputs = readable(spec.inputs, self._copies) if spec.inputs else system_folder() / "empty"
        found = [*FIXED, *_folders("/opt/x"), *system_arguments()]
        found += ["--ro-bind", str(toolbox_path()), "/opt/toolbox"]
        found += ["--proc", "/proc", "--dev", "/dev"]
        for scratch in ("/tmp", "/dev/shm"):  # noqa: S108
            found += ["--perms", "1777", "--size", size, "--tmpfs", scratch]
        found += [*_folders("/var/tmp"), "--symlink", "../tmp", "/var/tmp"]  # noqa: S108
        found += ["--bind", str(root), WORKSPACE, "--ro-bind", str(inputs), INPUTS]
        for mount in spec.mounts:
            shown, target = readable(mount.source, self._copies), absolute(mount.target)
            found += [*_folders(target), "--ro-bind", str(shown), target]
        if host_id() is None:
            found += ["--uid", "1000", "--gid", "1000"]
        return [*found, "--remount-ro", "/", "--chdir", WORKSPACE]


def _limit(sandbox: BubblewrapSandbox, limits: SandboxLimits) -> None:
    """Put the sandbox under its limits, before its first command, and note how each is enforced."""
    enforced = {"wall": "supervisor", "output": "supervisor", "file": "rlimit", "workspace": "not"}
    enforced["syscalls"] = "seccomp" if filter_file() else "not"
    rlimits = {resource.RLIMIT_FSIZE: limits.file_bytes, resource.RLIMIT_CORE: 0}
    group = sandbox.group = Group(limits)
    group.add(sandbox.process.first)
    enforced |= group.enforced
    if "memory" not in enforced:
        rlimits[resource.RLIMIT_DATA] = limits.memory_bytes
        enforced["memory"] = "rlimit"
    if "processes" not in enforced:
        rlimits[resource.RLIMIT_NPROC] = limits.processes
        enforced["processes"] = "rlimit"
    enforced.setdefault("cpus", "not")
    sandbox.process.limit(rlimits)
    sandbox.enforced(enforced)


@functools.cache
def _folders(target: str) -> tuple[str, ...]:
    """Arguments for the folders above `target`, which bwrap by itself would make for root alone."""
    above = [str(folder) for folder in reversed(Path(target).parents)][1:]
    return tuple(word for folder in above for word in ("--perms", "0755", "--dir", folder))


def _own(path: Path, folder: int | None = None) -> None:
    """Make `path` a real folder that belongs to the sandbox's user; what else is in its place is removed."""
    try:
        os.mkdir(path, 0o755, dir_fd=folder)
    except FileExistsError:
        if not _is_folder(path, folder):
            os.unlink(path, dir_fd=folder)
            os.mkdir(path, 0o755, dir_fd=folder)
        else:
            return
    owner = host_id()
    if owner is not None:
        os.chown(path, owner, owner, dir_fd=folder, follow_symlinks=False)


def _is_folder(path: Path, folder: int | None) -> bool:
    return stat.S_ISDIR(os.stat(path, dir_fd=folder, follow_symlinks=False).st_mode)


@functools.cache
def _program() -> str:
    return shutil.which("bwrap") or "/usr/bin/bwrap"


@functools.cache
def version() -> str:
    """What `bwrap --version` says."""
    said = subprocess.run([_program(), "--version"], capture_output=True, text=True, check=False)
    return said.stdout.strip().removeprefix("bubblewrap ")


def bubblewrap_problem() -> tuple[str, str] | None:
    """Whether `bwrap` is there and may make namespaces; (what is wrong, what mends it) if not."""
    if not shutil.which("bwrap"):
        return "bubblewrap (the program bwrap) is not installed", MEND
    probe = [_program(), *FIXED, "--ro-bind", "/", "/", "--proc", "/proc"]
    probe += ["--perms", "1777", "--size", "65536", "--tmpfs", "/tmp", "/bin/true"]  # noqa: S108
    said = subprocess.run(probe, capture_output=True, text=True, check=False)
    if said.returncode == 0:
        return None
    if tuple(int(part) for part in re.findall(r"\d+", version())[:2]) < OLDEST:
        return f"bubblewrap {version()} is too old: {OLDEST[0]}.{OLDEST[1]} or later is needed", MEND
    mend = "sudo sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0"
    return f"bubblewrap cannot make namespaces here: {said.stderr.strip()[:200]}", mend


def _info(enforced: dict[str, str]) -> SandboxInfo:
    return SandboxInfo(
        provider="bwrap", version=version(), image=None, toolbox=toolbox_digest(), enforced=enforced
    )
