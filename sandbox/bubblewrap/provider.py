"""The provider `bwrap`: a sandbox is a `bwrap` process with the supervisor as its first process."""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from weakref import WeakValueDictionary

from core import BadInput, Cause, MissingTool, SandboxFault
from sandbox.bubblewrap.box import BubblewrapSandbox, Held
from sandbox.bubblewrap.groups import Groups, group_names, remove_group
from sandbox.bubblewrap.process import Process
from sandbox.bubblewrap.start import arguments, bubblewrap_problem, program, version, without_inheritable
from sandbox.bubblewrap.strays import end, launched
from sandbox.bubblewrap.system import filter_file, python_inside
from sandbox.bubblewrap.workspace import FOLDER, prepare
from sandbox.environment import environment
from sandbox.leases.book import LeaseBook
from sandbox.leases.owner import owner_of
from sandbox.network.events import Audit, unheard
from sandbox.network.gate import open_gate
from sandbox.network.policy import NetworkPolicy
from sandbox.protocol import Resource, SandboxInfo, SandboxSpec, Taken, TreeLimits
from sandbox.shown import Shown, copies_in, remove_copy
from sandbox.supervisor.program import ARGUMENTS
from sandbox.toolbox import toolbox_digest, toolbox_installed
from sandbox.tracing import traced_open
from sandbox.trees import collect_tree, remove_tree


class BubblewrapProvider:
    """Opens sandboxes of namespaces; workspaces are folders under `state/workspaces`."""

    name = "bwrap"

    def __init__(self, state: Path) -> None:
        self._state = state.absolute()
        self._workspaces = self._state / "workspaces"
        self._copies = self._state / "copies" / self.name
        self._gates = self._state / "gates" / self.name
        self._places = self._state / "cgroups"
        self._book = LeaseBook(self._state, self.name)
        self._open_here: WeakValueDictionary[str, BubblewrapSandbox] = WeakValueDictionary()
        self._checked = False
        self._groups: Groups | None = None

    def problem(self) -> tuple[str, str] | None:
        """None when bubblewrap and the toolbox are there and namespaces can be made."""
        found = bubblewrap_problem()
        if found is None and not toolbox_installed():
            found = ("the toolbox is not installed", "upbench toolbox install")
        return found

    def refuses(self, network: NetworkPolicy) -> str | None:
        """Why this provider cannot enforce a network policy here; None: it enforces each of them."""
        del network
        return None

    @traced_open
    async def open(self, spec: SandboxSpec, *, audit: Audit = unheard) -> BubblewrapSandbox:
        """Open (or open again) the workspace of `spec`, as `SandboxProvider.open` says."""
        if refusal := self.refuses(spec.network):
            raise BadInput(refusal)
        if not self._checked:
            problem = await asyncio.to_thread(self.problem)
            if problem:
                raise MissingTool(problem[0], mend=problem[1])
            self._checked = True
        if self._groups is None:
            self._groups = await _groups_of(owner_of(self._state), self._places)
        held = Held(await self._book.hold(spec.workspace), Shown(self._copies), self._groups)
        opened = None
        try:
            opened = await self._start(spec, held, audit)
        finally:
            if opened is None:
                await held.let_go()
        self._open_here[spec.workspace] = opened
        return opened

    async def _start(self, spec: SandboxSpec, held: Held, audit: Audit) -> BubblewrapSandbox:
        fresh = not (self._workspaces / spec.workspace).is_dir()
        made = None if fresh else held.lease.note.get("workspace")
        if not isinstance(made, str):
            made = secrets.token_hex(8)
        if held.lease.note != (note := {**spec.labels, "workspace": made}):
            held.lease.write(note)
        try:
            root = prepare(self._workspaces, spec.workspace)
        except OSError as error:
            raise SandboxFault(Cause.sandbox_start, f"the workspace cannot be made: {error}") from error
        gate = held.gate = await open_gate(spec, self._gates / spec.workspace, audit)
        python, shown = python_inside()
        if spec.inputs or spec.mounts:  # copying may take a while
            words = await asyncio.to_thread(arguments, spec, self._state, root, held.shown, gate)
        else:
            words = arguments(spec, self._state, root, held.shown, gate)
        env = environment("/opt/python" if shown else None) | (gate.environment if gate else {})
        syscalls = filter_file()
        words += [*without_inheritable(), python, *ARGUMENTS]
        process = await Process.start(program(), words, env, syscalls)
        held.process = process
        enforced = {
            "wall": "supervisor",
            "output": "supervisor",
            "file": "rlimit",
            "open_files": "rlimit",
            "workspace": "watched",
            "network": "gate" if gate else "namespace",
            "syscalls": "seccomp" if syscalls else "not",
        }
        info = SandboxInfo(
            provider=self.name,
            version=version(),
            image=None,
            toolbox=toolbox_digest(),
            enforced=enforced,
            workspace=made,
            fresh=fresh,
        )
        sandbox = BubblewrapSandbox(spec, info, root, process, held)
        await sandbox.begin(spec)
        return sandbox

    async def collect(self, workspace: str, target: Path, limits: TreeLimits) -> Taken:
        """The deliverables of a workspace whose sandbox is closed or dead."""
        root = self._workspaces / workspace
        return await asyncio.to_thread(collect_tree, root, FOLDER, target, limits)

    async def discard(self, workspace: str) -> None:
        """Remove a workspace and everything that belongs to it. A missing one is fine."""
        if box := self._open_here.get(workspace):
            await box.close()
        lease = await self._book.hold(workspace)
        gone = False
        try:
            await asyncio.to_thread(self._remove_folders, workspace)
            gone = True
        finally:
            lease.release(forget=gone)

    def _remove_folders(self, workspace: str) -> None:
        remove_tree(self._workspaces / workspace)
        remove_tree(self._gates / workspace)

    async def resources(self) -> tuple[Resource, ...]:
        """The workspaces, gates, copies, cgroups and launchers of this owner's that exist."""
        return await asyncio.to_thread(lambda: tuple(self._resources()))

    def _resources(self) -> Iterator[Resource]:
        owner = owner_of(self._state)
        make = functools.partial(Resource, provider=self.name, owner=owner)
        for kind, folder in (("workspace", self._workspaces), ("gate", self._gates)):
            for key in sorted(os.listdir(folder)) if folder.is_dir() else ():
                lease, note = self._book.written(key)
                labels = {name: str(note.get(name, "")) for name in ("run", "trial")}
                yield make(kind=kind, id=key, workspace=key, lease=lease, running=self._book.held(key), **labels)
        for name, used in copies_in(self._copies).items():
            yield make(kind="copy", id=name, running=used)
        for name, used in group_names(owner, self._places).items():
            yield make(kind="cgroup", id=name, running=used)
        for process, key in launched(self._workspaces):
            yield make(kind="process", id=process, running=self._book.held(key))

    async def remove(self, resource: Resource) -> None:
        """Remove one of `resources`. One that is gone is fine; what is in use by then stays.

        Raises:
            BadInput: It is another owner's.
        """
        await asyncio.to_thread(self._remove, resource)

    def _remove(self, resource: Resource) -> None:
        if resource.owner != owner_of(self._state):
            raise BadInput(f"the {resource.kind} {resource.id} belongs to another owner")
        if resource.kind == "workspace":
            remove_tree(self._workspaces / resource.id)
        elif resource.kind == "gate":
            remove_tree(self._gates / resource.id)
        elif resource.kind == "copy":
            remove_copy(self._copies, resource.id)
        elif resource.kind == "cgroup":
            remove_group(owner_of(self._state), resource.id, self._places)
        elif resource.kind == "process":
            end(resource.id)


async def _groups_of(owner: str, places: Path) -> Groups:
    """The groups of this process for an owner; the first asking sweeps what its dead harnesses left."""
    if owner not in _made:
        groups = await asyncio.to_thread(Groups, owner, places)
        if _made.setdefault(owner, groups) is groups:
            atexit.register(groups.close)
    return _made[owner]


_made: dict[str, Groups] = {}
