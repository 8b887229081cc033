from __future__ import annotations

import uuid

from sandbox import Command, CommandResult, Sandbox, SandboxProvider, SandboxSpec


class Openings:
    """Opens sandboxes that are closed and discarded when the test ends."""

    def __init__(self, made: SandboxProvider) -> None:
        self.made = made
        self._open: list[Sandbox] = []
        self._keys: set[str] = set()

    def key(self) -> str:
        """A workspace of its own."""
        return f"t-{uuid.uuid4().hex[:12]}"

    async def __call__(self, spec: SandboxSpec | None = None) -> Sandbox:
        spec = spec or SandboxSpec(workspace=self.key())
        self._keys.add(spec.workspace)
        opened = await self.made.open(spec)
        self._open.append(opened)
        return opened

    async def end(self) -> None:
        for one in self._open:
            await one.close()
        for key in self._keys:
            await self.made.discard(key)


async def sh(box: Sandbox, line: str, *, seconds: float = 30.0, keep: bool = False) -> CommandResult:
    """Run a shell line."""
    return await box.run(Command(argv=("bash", "-c", line), timeout_seconds=seconds, keep_background=keep))


def deep(levels: int, folder: str = "/job/deliverables") -> Command:
    """Make folders `d/d/d...`, `levels` of them, with a file in the last."""
    code = (
        f"import os; os.chdir('{folder}')\nfor _ in range({levels}): os.mkdir('d'); os.chdir('d')\nopen('f', 'w')"
    )
    return Command(argv=("python3", "-S", "-c", code))
