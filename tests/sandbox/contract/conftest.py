from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox import ProviderOptions, Sandbox, SandboxProvider, SandboxSpec, image_tag, provider
from tests.sandbox.contract.helpers import Openings
from tests.support import lacking

SCRIPTS = Path(__file__).parents[3] / "scripts" / "system"


def _ready(made: SandboxProvider, tool: str) -> None:
    """Skip (or fail where it is required) when this provider cannot be used here; build its image when it can."""
    problem = made.problem()
    if problem and made.name == "docker" and image_tag() in problem[0]:
        with (Path(tempfile.gettempdir()) / "upbench-image.lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            built = subprocess.run(
                [SCRIPTS / "ensure-image.sh"],
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, "PYTHON": sys.executable},
            )
        problem = made.problem()
        if problem:
            problem = (f"{problem[0]}: {built.stderr[-400:]}", problem[1])
    if problem:
        lacking(tool, f"{problem[0]} ({problem[1]})")


@pytest.fixture(scope="session", params=["bwrap", "docker", "docker-runsc"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SandboxProvider:
    """A provider with a state folder of its own."""
    name, _, runtime = request.param.partition("-")
    options = ProviderOptions(docker_runtime=runtime or None)
    found = provider(name, tmp_path_factory.mktemp(f"state-{request.param}"), options)
    _ready(found, runtime or name)
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def box(made: SandboxProvider) -> AsyncIterator[Sandbox]:
    """One open sandbox for the tests that leave nothing behind which another would notice."""
    opened = await made.open(SandboxSpec(workspace="shared"))
    yield opened
    await opened.close()
    await made.discard("shared")


@pytest_asyncio.fixture(loop_scope="session")
async def openings(made: SandboxProvider) -> AsyncIterator[Openings]:
    """Sandboxes for one test."""
    found = Openings(made)
    yield found
    await found.end()
