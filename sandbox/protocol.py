"""The seam `Sandbox`: an isolated workspace in which commands run, and the providers that open one.

Inside every sandbox: `/job` is the writable workspace (`/job/deliverables` exists), `/job/inputs` is read-only,
`/tmp` is private, `python3` finds the toolbox, there is no network unless the policy says so, nothing of the
host's environment, files or processes is visible. Commands run as an unprivileged user through a supervisor.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pydantic import Field

from core import Frozen, LeftOut
from sandbox.network.events import Audit, unheard
from sandbox.network.policy import NetworkPolicy

if TYPE_CHECKING:
    from core import Blobs
    from sandbox.snapshots.tree import Kept, Tree

MIB = 1 << 20


class SandboxLimits(Frozen):
    """What a sandbox may use.

    Attributes:
        memory_bytes: Of all its processes together where a cgroup can be set, else of each process.
        processes: Processes and threads at one time.
        file_bytes: The largest single file.
        workspace_bytes: Of `/job`, and of `/tmp`. Where no file system bounds `/job` it is watched from outside,
            and a sandbox that exceeds it is ended with the cause `workspace_full`.
        workspace_files: Files and folders in `/job`, bounded in the same way.
        command_seconds: The longest that a command may run, whatever it asks for.
        output_bytes: Of each of stdout and stderr of a command that cross to the harness (head and tail).
        cpus: CPU cores, where they can be bound.
        open_files: Of each process.
        network_up_bytes, network_down_bytes: From and to the sandbox through its gate; pages fetched for it, and
            names looked up, count as well.
    """

    # Beyond these bounds a kernel, an engine or gVisor starts nothing.
    memory_bytes: int = Field(default=2048 * MIB, ge=32 * MIB, le=1 << 50)
    processes: int = Field(default=256, ge=4, le=1 << 20)
    file_bytes: int = Field(default=1024 * MIB, ge=1, le=1 << 60)
    workspace_bytes: int = Field(default=4096 * MIB, ge=1, le=1 << 60)
    command_seconds: float = Field(default=600.0, gt=0, le=1e7)
    output_bytes: int = Field(default=64 * 1024, ge=256, le=1 << 30)
    cpus: float = Field(default=2.0, ge=0.01, le=4096)
    workspace_files: int = Field(default=200_000, ge=100, le=1 << 60)
    open_files: int = Field(default=4096, ge=64, le=1 << 20)
    network_up_bytes: int = Field(default=64 * MIB, ge=0, le=1 << 60)
    network_down_bytes: int = Field(default=2048 * MIB, ge=0, le=1 << 60)


class Mount(Frozen):
    """A host file or folder shown read-only at `target` (absolute, inside the sandbox)."""

    source: Path
    target: str = Field(pattern=r"^/")


class SandboxSpec(Frozen):
    """What to open.

    Attributes:
        workspace: Key of the workspace. Opening the same key again finds its `/job` as it was left, also after
            a crash; `SandboxProvider.discard` removes it.
        inputs: Host folder shown read-only at `/job/inputs`, or None for an empty one.
        mounts: More read-only folders. An agent's sandbox has one in a later attempt: what the attempt before it
            handed in, at `/job/previous`. A check's has the deliverables and the checks; no agent's ever has.
        labels: Run and trial; every resource of the sandbox carries them, beside its owner and lease.
    """

    workspace: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$")
    inputs: Path | None = None
    mounts: tuple[Mount, ...] = ()
    limits: SandboxLimits = SandboxLimits()
    network: NetworkPolicy = NetworkPolicy()
    labels: dict[str, str] = {}


class Command(Frozen):
    """A command to run.

    Attributes:
        argv: Program and arguments; a shell line is `("bash", "-c", line)`.
        stdin: Bytes fed to it; then end of file.
        cwd: Absolute, default `/job`.
        env: Added to the sandbox's own small environment.
        timeout_seconds: At most `SandboxLimits.command_seconds`; at the deadline the whole process tree is killed.
        keep_background: Leave processes that outlive the command running (until the sandbox is closed).
        spill: Absolute path inside the sandbox to which the whole output (stdout and stderr as they came) is
            also written, or None.
        output_bytes: Lower cap than the sandbox's own, or None.
    """

    argv: tuple[str, ...] = Field(min_length=1)
    stdin: bytes = b""
    cwd: str = "/job"
    env: dict[str, str] = {}
    timeout_seconds: float = Field(default=60.0, gt=0)
    keep_background: bool = False
    spill: str | None = None
    output_bytes: int | None = Field(default=None, ge=0)


class Output(Frozen):
    """What a command wrote to one stream: the first and last bytes, and how many there were in all."""

    head: bytes = b""
    tail: bytes = b""
    total: int = 0

    @property
    def omitted(self) -> int:
        """Bytes between head and tail that did not cross to the harness."""
        return max(0, self.total - len(self.head) - len(self.tail))

    @property
    def text(self) -> str:
        """UTF-8 text with replacement characters; a gap is said in brackets."""
        gap = f"\n[... {self.omitted} bytes omitted ...]\n".encode() if self.omitted else b""
        return (self.head + gap + self.tail).decode("utf-8", "replace")


class CommandResult(Frozen):
    """How a command went. `exit_code` is -N when signal N ended it."""

    exit_code: int
    timed_out: bool
    seconds: float
    stdout: Output
    stderr: Output


class TreeLimits(Frozen):
    """Caps on what is taken out of a sandbox."""

    max_files: int = 1000
    max_file_bytes: int = 512 * MIB
    max_total_bytes: int = 1024 * MIB
    max_depth: int = 16


class Taken(Frozen):
    """What was taken (relative POSIX paths of regular files), and what was left out and why."""

    files: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


class SandboxInfo(Frozen):
    """Provenance, kept with every execution.

    Attributes:
        runtime: What runs it below the provider (`runc`, `runsc`), where there is a choice.
        image: The image's digest, or the template's name.
        enforced: Limit name (and `network`, `syscalls`) -> how it is enforced: `cgroup`, `rlimit`, `seccomp`,
            `namespace`, `gate`, `supervisor`, `watched`, `provider`, `not`.
        adopted: It was alive when it was opened, its last harness dead: `/tmp` and background processes are
            still there.
        workspace: Names what lies in `/job`: another name whenever the workspace was made anew, by whomever. So
            what one harness left and what another finds under the same key can be told apart. None: not known.
        fresh: It was made by this opening.
    """

    provider: str
    version: str
    image: str | None
    toolbox: str
    enforced: dict[str, str]
    runtime: str | None = None
    adopted: bool = False
    workspace: str | None = None
    fresh: bool = False


class Resource(Frozen):
    """Something that a provider has made and not removed yet.

    Attributes:
        kind: `container`, `volume`, `workspace` (a folder), `cgroup`, `copy` (of an unreadable input), `gate`,
            `process` (of a sandbox that was being started), `sandbox` (of a cloud).
        id: The provider's name for it.
        workspace: Key of the workspace it belongs to; None where it belongs to none.
        owner, run, trial, lease: As it is labelled (`sandbox.leases`); empty where it has no such label.
        running: Processes may be alive in it.
    """

    provider: str
    kind: str
    id: str
    workspace: str | None = None
    owner: str
    run: str = ""
    trial: str = ""
    lease: str = ""
    running: bool = False


class Sandbox(Protocol):
    """An open sandbox. Every method raises `SandboxFault` when the sandbox is lost or answers nonsense."""

    @property
    def info(self) -> SandboxInfo:
        """What this sandbox is."""
        ...

    async def run(self, command: Command) -> CommandResult:
        """Run a command to its end or its deadline. Commands may run side by side."""
        ...

    async def write(self, path: str, data: bytes) -> None:
        """Write a file below `/job` or `/tmp`, making its folders.

        Raises:
            ValueError: The path lies elsewhere.
            OSError: It cannot be written (read-only, is a folder, too large).
        """
        ...

    async def read(self, path: str, *, max_bytes: int) -> bytes:
        """Read a regular file (no link is followed out of the sandbox).

        Raises:
            FileNotFoundError: It is not there. OSError: It is not a regular file, or larger than `max_bytes`.
        """
        ...

    async def upload(self, source: Path, target: str) -> None:
        """Copy a host file or folder to `target` below `/job` or `/tmp`."""
        ...

    async def download(self, source: str, target: Path, limits: TreeLimits) -> Taken:
        """Copy a folder's regular files out of the sandbox into the host folder `target`.

        Links, devices, sockets and fifos are left out and named; so is what exceeds the caps. Nothing is ever
        written outside `target`, whatever the sandbox does meanwhile.
        """
        ...

    async def snapshot(self, before: Tree, store: Blobs) -> Kept:
        """Keep what lies in `/job` (but its inputs), reading only what changed since `before`.

        Regular files, folders and symbolic links with their modes and times, under the caps of `SnapshotLimits`;
        what is left out is named. Background processes may go on writing: of a file that is being written some
        state is kept, and the next snapshot looks at it again.

        Raises:
            StoreFault: The bytes cannot be kept.
        """
        ...

    async def restore(self, tree: Tree, store: Blobs) -> Kept:
        """Put back what was kept, in a workspace that is `fresh` and in which nothing has run yet.

        Raises:
            StoreFault: Bytes are missing or damaged. SandboxFault: Also where the disk is full.
        """
        ...

    async def close(self) -> None:
        """End every process of the sandbox. The workspace stays. Closing twice is fine."""
        ...


class SandboxProvider(Protocol):
    """Opens sandboxes of one kind."""

    name: str

    def problem(self) -> tuple[str, str] | None:
        """None when it can be used here, else (what is missing, the command that mends it).

        Raises:
            BadInput: The user's options name what it cannot use.
        """
        ...

    def refuses(self, network: NetworkPolicy) -> str | None:
        """Why this provider cannot enforce a network policy here; None when it can."""
        ...

    async def open(self, spec: SandboxSpec, *, audit: Audit = unheard) -> Sandbox:
        """Open (or open again) the workspace of `spec` and hold its lease until the sandbox is closed.

        A sandbox of this workspace that is still alive though its harness is dead is adopted where it was opened
        with the same spec, and replaced otherwise.

        Args:
            spec: What to open.
            audit: Told of every connection that a program in the sandbox asks for.

        Raises:
            MissingTool: The provider cannot be used on this machine.
            SandboxFault: It did not start, or a living process holds the workspace.
            BadInput: The network policy cannot be enforced by this provider.
        """
        ...

    async def collect(self, workspace: str, target: Path, limits: TreeLimits) -> Taken:
        """As `Sandbox.download` of `/job/deliverables`, of a workspace whose sandbox is closed or dead."""
        ...

    async def discard(self, workspace: str) -> None:
        """Remove a workspace and everything that belongs to it, closed first where this provider has it open.

        A missing one is fine.

        Raises:
            SandboxFault: Another process holds it, or something cannot be removed.
        """
        ...

    async def resources(self) -> tuple[Resource, ...]:
        """All that this provider has made for this owner and that still exists, held or not."""
        ...

    async def remove(self, resource: Resource) -> None:
        """Remove one of `resources`. One that is gone is fine.

        Raises:
            BadInput: It is another owner's.
        """
        ...
