from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from sandbox import ProviderOptions, Sandbox, SandboxProvider, SandboxSpec, provider
from tests.sandbox.contract.helpers import Openings
from tests.sandbox.readiness import need as _ready


@pytest.fixture(scope="session", params=["bwrap", "docker", "docker-runsc", "e2b"])
def making(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], SandboxProvider]:
    """Makes a provider with the same state folder each time, as every process of an owner makes its own."""
    name, _, runtime = request.param.partition("-")
    if name == "e2b":
        request.getfixturevalue("e2b_with_toolbox")
    options = ProviderOptions(docker_runtime=runtime or None, e2b_creations_per_second=100)
    state = tmp_path_factory.mktemp(f"state-{request.param}")
    _ready(provider(name, state, options), runtime or name)
    return lambda: provider(name, state, options)


@pytest.fixture(scope="session")
def made(making: Callable[[], SandboxProvider]) -> SandboxProvider:
    """A provider with a state folder of its own."""
    return making()


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
