"""A slice of the kill matrix: whoever dies, and wherever, nothing is lost and nothing is paid twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.runs.kills.matrix import chosen_few
from tests.runs.kills.scene import Case, Projects
from tests.runs.kills.verdict import judge
from tests.runs.project import need_sandbox
from tests.standins.llm import Standin, serve
from tests.standins.postgres import Postgres


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    """The provider of the model."""
    with serve() as running:
        yield running


@pytest.fixture(scope="module")
def projects(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Projects:
    """Projects that are ready to be run in."""
    need_sandbox()
    return Projects(tmp_path_factory.mktemp("kills"), postgres)


@pytest.mark.parametrize("case", chosen_few(), ids=lambda case: case.name)
def test_killed(projects: Projects, standin: Standin, case: Case) -> None:
    scene = projects.scene(case, standin)
    try:
        scene.play()
        assert scene.happened, "the point is passed"
        judge(scene)
    finally:
        scene.end()
