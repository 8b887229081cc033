"""E2B's cloud as the provider's tests need it: the stand-in, with a template that holds our toolbox."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox import Command, ProviderOptions, Sandbox, toolbox_installed, toolbox_path
from sandbox.e2b.pack import toolbox_folder
from sandbox.e2b.provider import E2BProvider
from sandbox.e2b.templates import own_template
from tests.standins.e2b.cloud import E2BCloud, unusable
from tests.standins.e2b.records import Template
from tests.support import lacking


@contextmanager
def cloud_with_toolbox() -> Iterator[E2BCloud]:
    """A cloud that has our template."""
    problem = unusable() or (None if toolbox_installed() else "the toolbox is not installed")
    if problem:
        lacking("e2b", problem)
    template = Template(own_template(), shown={toolbox_folder(): toolbox_path()})
    with E2BCloud(templates=[template]) as cloud:
        yield cloud


@contextmanager
def named(cloud: E2BCloud) -> Iterator[None]:
    """Within the block the environment names that cloud, as it names the real one for a user."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.environment.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def e2b_with_toolbox() -> Iterator[E2BCloud]:
    """A cloud for all tests of a session, which leave alone what is not theirs."""
    with cloud_with_toolbox() as cloud, named(cloud):
        yield cloud


@pytest.fixture(scope="module")
def own_cloud() -> Iterator[E2BCloud]:
    """A cloud for the tests of one module."""
    with cloud_with_toolbox() as cloud:
        yield cloud


@pytest.fixture
def world(own_cloud: E2BCloud) -> Iterator[E2BCloud]:
    """That cloud for one test, which may break what it likes of it."""
    with named(own_cloud):
        yield own_cloud
    own_cloud.reset()


@pytest.fixture
def made(world: E2BCloud, tmp_path: Path) -> E2BProvider:
    """A provider with a state folder of its own."""
    return E2BProvider(tmp_path / "state", ProviderOptions(e2b_creations_per_second=100))


async def sh(box: Sandbox, line: str, *, keep: bool = False, seconds: float = 30.0) -> str:
    """What a shell line writes to stdout."""
    command = Command(argv=("bash", "-c", line), keep_background=keep, timeout_seconds=seconds)
    return (await box.run(command)).stdout.text


def held(made: E2BProvider, workspace: str) -> bool:
    """Whether this process or another holds a workspace."""
    return made._book.held(workspace)
