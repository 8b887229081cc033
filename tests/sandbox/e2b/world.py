"""E2B's cloud as the provider's tests need it: the stand-in, with a template that holds our toolbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Command, ProviderOptions, Sandbox, toolbox_installed, toolbox_path
from sandbox.e2b.pack import toolbox_folder
from sandbox.e2b.provider import E2BProvider
from sandbox.e2b.templates import own_template
from tests.standins.e2b.cloud import E2BCloud, unusable
from tests.standins.e2b.records import Template
from tests.support import lacking


@pytest.fixture(scope="session")
def e2b_with_toolbox() -> Iterator[E2BCloud]:
    """A cloud, named by the environment as the real one is by a user's."""
    problem = unusable() or (None if toolbox_installed() else "the toolbox is not installed")
    if problem:
        lacking("e2b", problem)
    template = Template(own_template(), shown={toolbox_folder(): toolbox_path()})
    with E2BCloud(templates=[template]) as cloud, pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.environment.items():
            patch.setenv(name, value)
        yield cloud


@pytest.fixture
def world(e2b_with_toolbox: E2BCloud) -> Iterator[E2BCloud]:
    """That cloud for one test, which may break what it likes of it."""
    yield e2b_with_toolbox
    e2b_with_toolbox.reset()


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
