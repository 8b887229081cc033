"""An open sandbox of namespaces, and all that is held for it on the host until it is closed."""

from __future__ import annotations

import asyncio
import functools
import resource
from pathlib import Path

from core import Blobs, Cause, SandboxFault
from sandbox.bubblewrap.groups import Group, Groups, machine_bounds
from sandbox.bubblewrap.process import Process, host_id
from sandbox.leases.book import Lease
from sandbox.network.gate import Gate
from sandbox.places import WORKSPACE, absolute
from sandbox.protocol import SandboxInfo, SandboxLimits, SandboxSpec, Taken, TreeLimits
from sandbox.shown import Shown
from sandbox.snapshots.host import HostHands
from sandbox.snapshots.take import Hands, covered_by
from sandbox.supervisor.client import Wire
from sandbox.supervisor.session import Session, max_reply
from sandbox.trees import collect_tree
from sandbox.unlinked import workspace_usage
from sandbox.watch import Watch


class Held:
    """What an opening takes, step by step; `let_go` gives back as much of it as there is."""

    def __init__(self, lease: Lease, shown: Shown, groups: Groups) -> None:
        self.lease, self.shown, self.groups = lease, shown, groups
        self.gate: Gate | None = None
        self.process: Process | None = None
        self.group: Group | None = None
        self.watch: Watch | None = None

    async def let_go(self) -> None:
        """End every process, and give back what was held. Twice is fine."""
        if self.watch:
            self.watch.stop()
        if self.process:
            await self.process.end()
        if self.group:
            group, self.group = self.group, None
            if group.busy():  # the kernel has ended all of the pid namespace; should one be left, it is ended here
                await asyncio.to_thread(group.kill)
            self.groups.give_back(group)
        if self.gate:
            gate, self.gate = self.gate, None
            await gate.close()
        self.shown.close()
        self.lease.release()


class BubblewrapSandbox(Session):
    """An open sandbox of namespaces."""

    def __init__(self, spec: SandboxSpec, info: SandboxInfo, root: Path, process: Process, held: Held) -> None:
        super().__init__(Wire(max_reply(spec.limits), process.said), spec.limits, info, covered_by(spec))
        self._root, self._process, self._held = root, process, held

    @property
    def process(self) -> Process:
        """The processes on the host."""
        return self._process

    async def begin(self, spec: SandboxSpec) -> None:
        """Set the limits and wait for the supervisor's hello.

        Raises:
            SandboxFault: It does not start, or a limit cannot be set.
        """
        loop = asyncio.get_running_loop()
        try:
            await loop.create_unix_connection(lambda: self._wire, sock=self._process.wire_end)
            group = self._held.group = self._held.groups.take(spec.limits)
            started, enforced = await asyncio.gather(
                self._wire.started(),
                asyncio.to_thread(_limit, self._process, group, spec.limits),
                return_exceptions=True,
            )
            for outcome in (enforced, started):
                if isinstance(outcome, BaseException):
                    raise outcome
        except OSError as error:
            why = self._process.said() or f"its limits cannot be set: {error.strerror}"
            raise SandboxFault(Cause.sandbox_start, why) from error
        assert isinstance(enforced, dict)
        self._info = self._info.model_copy(update={"enforced": self._info.enforced | enforced})
        measure = functools.partial(workspace_usage, self._root, self._process.first, spec.limits)
        self._held.watch = Watch(measure, spec.limits, self._end)
        if self._held.gate:
            await self._held.gate.serve_inside(self)

    async def download(self, source: str, target: Path, limits: TreeLimits) -> Taken:
        """Copy a folder's regular files out; below `/job` the host reads the workspace itself."""
        path = absolute(source)
        below = path.removeprefix(WORKSPACE)
        shown = any(f"{below}/".startswith(f"/{one}/") for one in self._covered)
        if shown or below == path or below[:1] not in ("", "/"):
            return await super().download(source, target, limits)
        return await asyncio.to_thread(collect_tree, self._root, below.strip("/"), target, limits)

    async def close(self) -> None:
        """End every process of the sandbox. The workspace stays."""
        self._wire.fail(SandboxFault(Cause.sandbox_lost, "the sandbox is closed"))
        await self._held.let_go()

    def _hands(self, store: Blobs) -> Hands:
        return HostHands(self._root, host_id(), self._covered)

    def _end(self, fault: SandboxFault) -> None:
        self._wire.fail(fault)
        self._process.kill()


def _limit(process: Process, group: Group, limits: SandboxLimits) -> dict[str, str]:
    """Put the sandbox under its limits, before its first command; limit -> how it is enforced."""
    rlimits = {
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: limits.open_files,
    }
    group.add(process.first)
    enforced = group.enforced
    if "memory" not in enforced:
        rlimits[resource.RLIMIT_DATA] = limits.memory_bytes
    if "processes" not in enforced:
        rlimits[resource.RLIMIT_NPROC] = limits.processes
    process.limit(rlimits)
    return {
        "memory": enforced.get("memory", "rlimit"),
        "processes": enforced.get("processes", "rlimit"),
        "cpus": enforced.get("cpus") or ("provider" if machine_bounds(limits) else "not"),
    }
