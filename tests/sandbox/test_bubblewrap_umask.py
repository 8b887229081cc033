from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import SandboxSpec, TreeLimits, provider
from tests.sandbox.contract.helpers import sh
from tests.sandbox.readiness import need


@pytest.fixture(params=[0o077, 0o027, 0o000])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """The umask that a careful (or careless) operator has set."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


async def test_a_sandbox_is_the_same_under_every_umask(umask: int, tmp_path: Path) -> None:
    made = provider("bwrap", tmp_path / "state")
    need(made, "bwrap")
    (tmp_path / "inputs").mkdir()
    (tmp_path / "inputs" / "a").write_text("from the client")
    box = await made.open(SandboxSpec(workspace="w", inputs=tmp_path / "inputs"))
    try:
        modes = "umask; stat -c %a /job /job/deliverables; cat /job/inputs/a; echo done > /job/deliverables/d"
        assert (await sh(box, modes)).stdout.text == "0022\n755\n755\nfrom the client"
    finally:
        await box.close()
    taken = await made.collect("w", tmp_path / "out", TreeLimits())
    assert list(taken.files) == ["d"]
    assert (tmp_path / "state/workspaces").stat().st_mode & 0o077 == 0, "closed to everybody else"
    await made.discard("w")
    assert not (tmp_path / "state/workspaces/w").exists()
