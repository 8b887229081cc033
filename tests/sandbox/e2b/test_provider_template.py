from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core import MissingTool, UpBenchError
from sandbox import ProviderOptions, SandboxSpec, build_e2b_template, toolbox_path
from sandbox.e2b.provider import E2BProvider
from sandbox.e2b.templates import own_template
from tests.sandbox.e2b.world import sh
from tests.standins.e2b.cloud import E2BCloud, unusable
from tests.support import lacking


@pytest.fixture
def toolbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small installed toolbox."""
    if problem := unusable():
        lacking("e2b", problem)
    monkeypatch.setenv("UPBENCH_CACHE", str(tmp_path))
    (toolbox_path() / "small_one").mkdir(parents=True)
    (toolbox_path() / "small_one" / "__init__.py").write_text("WHERE = __file__\n")
    return toolbox_path()


async def test_sandboxes_begin_with_what_was_built(
    toolbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    async with E2BCloud() as cloud:
        for name, value in cloud.environment.items():
            monkeypatch.setenv(name, value)
        assert await asyncio.to_thread(build_e2b_template, said.append) == own_template()
        assert any("COPY" in line for line in said)
        made = E2BProvider(tmp_path / "state", ProviderOptions(e2b_creations_per_second=100))
        sent = sum(seen.path == "/files" for seen in cloud.requests)
        box = await made.open(SandboxSpec(workspace="w"))
        assert box.info.image == own_template()
        assert await sh(box, "python3 -c 'import small_one; print(small_one.WHERE)'") == (
            "/opt/toolbox/small_one/__init__.py\n"
        )
        assert await sh(box, "touch /opt/toolbox/small_one/x || echo read-only") == "read-only\n"
        await box.close()
        assert sum(seen.path == "/files" for seen in cloud.requests) == sent + 1  # the program, and no toolbox


async def test_a_build_that_is_refused_is_said(toolbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with E2BCloud() as cloud:
        for name, value in {**cloud.environment, "E2B_API_KEY": "e2b_" + "0" * 40}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(UpBenchError, match=own_template()):
            await asyncio.to_thread(build_e2b_template, lambda line: None)


def test_without_a_key_or_a_toolbox_nothing_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("E2B_API_KEY", raising=False)
    with pytest.raises(MissingTool, match="E2B_API_KEY"):
        build_e2b_template(lambda line: None)
    monkeypatch.setenv("E2B_API_KEY", "e2b_x")
    monkeypatch.setenv("UPBENCH_CACHE", str(tmp_path))
    with pytest.raises(MissingTool, match="toolbox"):
        build_e2b_template(lambda line: None)


def test_the_command_line_builds_it(toolbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with E2BCloud() as cloud:
        done = subprocess.run(
            [sys.executable, "-m", "upbench", "toolbox", "e2b", "--json"],
            env={**os.environ, **cloud.environment},
            capture_output=True,
            text=True,
            check=False,
        )
    assert json.loads(done.stdout)["template"] == own_template(), done.stderr
    assert "COPY" in done.stderr
