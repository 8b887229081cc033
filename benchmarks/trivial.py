"""The trivial round that benchmarks count: open a sandbox, write 1 kB, close, collect, discard."""

from __future__ import annotations

from pathlib import Path

from sandbox import Command, SandboxProvider, SandboxSpec, TreeLimits

WORK = Command(argv=("/bin/sh", "-c", "head -c 1024 /dev/zero > /job/deliverables/out.txt"))


async def trivial_round(made: SandboxProvider, number: int, target: Path) -> None:
    """Do it once, in a workspace of its own; what is collected goes below `target`."""
    key = f"bench-{number}"
    box = await made.open(SandboxSpec(workspace=key))
    result = await box.run(WORK)
    await box.close()
    taken = await made.collect(key, target / key, TreeLimits())
    await made.discard(key)
    assert result.exit_code == 0, result.stderr.text
    assert taken.files == ("out.txt",)
