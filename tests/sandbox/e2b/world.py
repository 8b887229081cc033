"""E2B's cloud as the provider's tests need it: the stand-in, with a template that holds our toolbox."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox import toolbox_installed, toolbox_path
from sandbox.e2b.pack import toolbox_folder
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
