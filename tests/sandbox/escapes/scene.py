"""Where one attempt takes place: a sandbox, a neighbour of it, and the host that is watched."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core import SandboxFault
from sandbox import Audit, Command, CommandResult, Sandbox, SandboxLimits, SandboxProvider, SandboxSpec, unheard
from tests.sandbox.contract.helpers import sh
from tests.sandbox.escapes.attempt import Attempt, note
from tests.sandbox.escapes.witness import Witness

HERE = Path(__file__).parent
INSIDE = HERE / "inside"
TOOLS = "/tmp/escapes"
BOUND = 60.0  # seconds in which a neighbour must answer, on a machine where all are busy
MIB = 1 << 20


@dataclass(frozen=True)
class Report:
    """What a program inside said of its steps."""

    did: tuple[str, ...]
    refused: dict[str, str]
    seen: tuple[str, ...]


@dataclass
class Shared:
    """The sandbox that attempts share which leave nothing behind, and the neighbour; opened again when lost."""

    made: SandboxProvider
    param: str
    witness: Witness
    boxes: dict[str, Sandbox] = field(default_factory=dict)

    async def box(self, name: str) -> Sandbox:
        """`shared` or `neighbour`."""
        if name not in self.boxes:
            box = self.boxes[name] = await self.made.open(SandboxSpec(workspace=name))
            if name == "shared":
                await box.upload(INSIDE, f"{TOOLS}/inside")
            else:
                await box.write("/job/note.txt", self.witness.secret.encode())
                await box.write(f"/job/{self.witness.mark}", b"")
        return self.boxes[name]

    async def lose(self, name: str) -> None:
        """Close one, so that it is opened again."""
        if box := self.boxes.pop(name, None):
            await box.close()

    async def end(self) -> None:
        """Close and discard both."""
        for name in tuple(self.boxes):
            await self.lose(name)
            await self.made.discard(name)


class Scene:
    """What a test function of an attempt uses."""

    def __init__(self, shared: Shared, folder: Path) -> None:
        self.shared, self.folder = shared, folder
        self._open: list[Sandbox] = []
        self._keys: set[str] = set()
        self.made, self.param, self.witness = shared.made, shared.param, shared.witness
        self.attempt: Attempt | None = None
        self._said: list[str] = []

    @property
    def by_gvisor(self) -> bool:
        """Whether the kernel in the sandbox is gVisor's own."""
        return self.param == "docker-runsc"

    async def open(self, limits: SandboxLimits | None = None, **more: Any) -> Sandbox:
        """A sandbox of its own, with what runs inside laid out in it."""
        return await self.open_key(self.key(), limits, **more)

    async def open_key(self, key: str, limits: SandboxLimits | None = None, **more: Any) -> Sandbox:
        """The same, of a workspace of one's own choice."""
        box = await self.again(SandboxSpec(workspace=key, limits=limits or SandboxLimits(), **more))
        await box.upload(INSIDE, f"{TOOLS}/inside")
        return box

    async def again(self, spec: SandboxSpec, audit: Audit = unheard) -> Sandbox:
        """A workspace of one's own choice, opened (again)."""
        self._keys.add(spec.workspace)
        opened = await self.made.open(spec, audit=audit)
        self._open.append(opened)
        return opened

    async def end(self) -> None:
        """Close and discard what was opened."""
        for one in self._open:
            await one.close()
        for key in self._keys:
            await self.made.discard(key)

    def key(self) -> str:
        """A workspace of its own."""
        return f"t-{uuid.uuid4().hex[:12]}"

    async def inside(self, program: str, box: Sandbox | None = None, **more: Any) -> Report:
        """Run a program inside, in the shared sandbox unless another is given."""
        facts = self.witness.facts(self.param) | {"state": str(_state(self.made))} | more
        argv = ("python3", "-S", "-m", "inside", program)
        command = Command(argv=argv, cwd=TOOLS, env={"FACTS": json.dumps(facts)}, timeout_seconds=120)
        where = box or await self.shared.box("shared")
        try:
            result = await where.run(command)
        except SandboxFault:
            if box is None:
                await self.shared.lose("shared")
            raise
        return report_of(self.said(result))

    async def sh(self, box: Sandbox, line: str, *, seconds: float = 30.0, keep: bool = False) -> CommandResult:
        """Run a shell line."""
        return self.said(await sh(box, line, seconds=seconds, keep=keep))

    async def python(self, box: Sandbox, code: str, *, seconds: float = 30.0, keep: bool = False) -> CommandResult:
        """Run Python code."""
        argv = ("python3", "-S", "-c", code)
        return self.said(await box.run(Command(argv=argv, timeout_seconds=seconds, keep_background=keep)))

    def said(self, result: CommandResult) -> CommandResult:
        """Remember what came out of a sandbox: no secret may be in it."""
        self._said += [result.stdout.text, result.stderr.text]
        return result

    def heard(self, data: bytes) -> None:
        """Remember bytes that came out of a sandbox."""
        self._said.append(data.decode("latin-1"))

    def refused(self, report: Report) -> None:
        """Every step was refused, unless this provider's own kernel may do it to itself."""
        assert self.attempt is not None
        assert report.did or report.refused, "nothing was tried"
        if self.param not in self.attempt.contained:
            assert not report.did, f"succeeded: {report.did}; refused: {report.refused}"

    async def unharmed(self) -> None:
        """Nothing of the host was read or changed, and a sandbox beside this one answers in time."""
        await asyncio.to_thread(self.witness.check)
        assert not [text for text in self._said if self.witness.secret in text], "the host's secret came out"
        started = time.monotonic()
        try:
            answer = await sh(await self.shared.box("neighbour"), "echo on; cat /job/note.txt")
        except SandboxFault:
            await self.shared.lose("neighbour")
            raise
        assert answer.stdout.text == f"on\n{self.witness.secret}"
        assert time.monotonic() - started < BOUND
        if self.attempt:
            note(self.attempt, self.param)


def report_of(result: CommandResult) -> Report:
    """The report that a program wrote; one that did not come to its end is no evidence."""
    assert result.exit_code == 0, f"{result.exit_code}: {result.stderr.text[-2000:]} {result.stdout.text[-500:]}"
    found = json.loads(result.stdout.text.splitlines()[-1])
    return Report(tuple(found["did"]), found["refused"], tuple(found["seen"]))


def _state(made: SandboxProvider) -> Path:
    # Each built-in provider keeps its folder; an attempt is told where it is.
    for name in ("_workspaces", "_state"):
        if isinstance(found := getattr(made, name, None), Path):
            return found
    return Path("/nonexistent")
