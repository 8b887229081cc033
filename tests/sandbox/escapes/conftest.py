from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox import ProviderOptions, SandboxProvider, provider
from tests.sandbox.escapes.attempt import PROVIDERS, Attempt
from tests.sandbox.escapes.scene import Scene, Shared
from tests.sandbox.escapes.witness import Witness
from tests.sandbox.readiness import need


@pytest.fixture(scope="session")
def witness() -> Iterator[Witness]:
    """The host, with its secrets."""
    found = Witness()
    yield found
    found.end()


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=PROVIDERS)
async def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, witness: Witness
) -> AsyncIterator[Shared]:
    """A provider, its shared sandbox, and the neighbour, which was there before."""
    name, _, runtime = request.param.partition("-")
    if name == "e2b":
        request.getfixturevalue("e2b_with_toolbox")
    options = ProviderOptions(docker_runtime=runtime or None, e2b_creations_per_second=100)
    made: SandboxProvider = provider(name, tmp_path_factory.mktemp(f"state-{request.param}"), options)
    need(made, runtime or name)
    found = Shared(made, request.param, witness)
    await found.box("neighbour")
    yield found
    await found.end()


@pytest_asyncio.fixture(loop_scope="session")
async def scene(shared: Shared, tmp_path: Path) -> AsyncIterator[Scene]:
    """The scene of one attempt."""
    found = Scene(shared, tmp_path)
    yield found
    await found.end()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """An attempt is made on the providers that it names: on e2b, those that our side must refuse."""
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for item in items:
        params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        attempt = params.get("attempt") or getattr(getattr(item, "function", None), "attempt", None)
        here = isinstance(attempt, Attempt) and params.get("shared", "") not in ("", *attempt.held)
        (dropped if here else kept).append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


def pytest_sessionstart(session: pytest.Session) -> None:
    """Where the run is recorded."""
    if folder := os.environ.get("UPBENCH_ESCAPES_RECORD"):
        Path(folder).mkdir(parents=True, exist_ok=True)
