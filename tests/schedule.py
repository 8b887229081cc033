"""Which tests one worker runs one after another, where pytest runs with several workers.

Tests that share what is slow to make belong together, and so do those that need the machine for themselves. The
marks that pytest-xdist 3.8 has for this do nothing under pytest 9.2, and say nothing: they become parts of the
tests' ids, which can no longer be changed. Here the groups follow from the ids.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

# What the ids begin with, and the group; what stands in a group of the pattern makes it several.
GROUPS = {
    r"tests/deploy/": "compose.yaml",
    r"tests/grading/checks/test_(?:python_checks|run|vocabulary)\.py": "samples",
    r"tests/grading/judge/test_canaries\.py": "samples",
    r"tests/grading/render/test_hostile\.py": "renderings of harm",
    r"tests/grading/review/browser/test_attacks\.py": "renderings of harm",
    r"tests/grading/render/test_(rendered)\.py": "renderings",
    r"tests/grading/review/browser/(test_\w+)\.py": "a browser",
    r"tests/grading/render/test_texts\.py": "samples",
    r"tests/runs/engine/test_(crew)\.py": "workers",
    r"tests/runs/kills/test_(matrix)\.py": "workers",
    r"tests/runs/machines/": "machines of one's own",
    r"tests/sandbox/e2b/test_(provider_\w+)\.py": "a cloud of one's own",
    r"tests/sandbox/network/test_internet\.py::\w+\[([\w-]+)": "a visit to the internet",
    r"tests/sandbox/test_(\w+_syscalls)\.py": "one sandbox",
    r"tests/sandbox/test_docker_engine\.py": "an engine of one's own",
    r"tests/upbench/test_bad_input\.py": "a finished run",
    r"tests/upbench/test_wheel\.py": "the built wheel",
}
# Begun first: what would be alone at the end.
LONG = (
    "tests/upbench/test_demo.py",
    "tests/runs/kills/test_matrix.py",
    "tests/grading/render/test_hostile.py",
    "tests/runs/engine/test_crew.py",
    "tests/runs/machines/",
    "tests/deploy/",
)
PATTERNS = {re.compile(pattern): group for pattern, group in GROUPS.items()}


def group_of(test: str) -> str:
    """The group of the test with this id: most are a group of their own."""
    for pattern, group in PATTERNS.items():
        if found := pattern.match(test):
            return " ".join((group, *found.groups()))
    return test


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first; all else stays in its order."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


class Groups(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a worker that is free the next group, the largest first."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups | None:
    """What hands out the tests with `--dist loadgroup`."""
    return Groups(config, log) if config.getvalue("dist") == "loadgroup" else None
